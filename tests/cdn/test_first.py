"""The seeded request that a URL begins with, for whoever makes pictures ahead."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from promptcdn.readers.answers import Answer
from promptcdn.url.parse import parse
from tests.cdn.house import House

pytestmark = pytest.mark.anyio


async def test_a_seeded_url_begins_with_itself(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        request = parse(b"prompt=a&seed=7")

        assert house.cdn.first(request) == request


async def test_a_url_without_a_seed_begins_with_its_pools_first(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        request = parse(b"prompt=a")

        assert house.cdn.first(request) == house.cdn.pool(request)[0]


async def test_a_calendar_url_begins_with_the_present_one(tmp_path: Path) -> None:
    """Just after the change a viewer is shown the last period's picture, which is not the one to make."""
    async with House(tmp_path) as house:
        yesterday = await house.get("prompt=a&seed=day")
        house.now = datetime(2026, 11, 24, 0, 0, 30, tzinfo=UTC)

        first = house.cdn.first(parse(b"prompt=a&seed=day"))
        made = await house.get(f"prompt=a&seed={first.asked.seed}")

        assert isinstance(made, Answer)
        assert made.rendition.body != yesterday.rendition.body
        assert (await house.get("prompt=a&seed=day")).rendition.body == made.rendition.body
