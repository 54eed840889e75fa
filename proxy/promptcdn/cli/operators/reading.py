"""What commands that only read have in common: they make nothing that is not there."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptcdn.settings import Settings
    from promptcdn.wiring import Service


@asynccontextmanager
async def reading(chosen: "Settings", *, any_bucket: bool = False) -> "AsyncIterator[Service]":
    """The service of these settings, closed behind. A folder that is missing stays missing: its disk may be mounted
    there in a moment. Raises `BadSettings`, but with `any_bucket` not for a bucket that cannot be used."""
    from promptcdn.wiring import opened_to_read

    with tempfile.TemporaryDirectory(prefix="promptcdn-") as scratch:
        service = opened_to_read(chosen, Path(scratch), any_bucket=any_bucket)
        try:
            yield service
        finally:
            await service.close()
