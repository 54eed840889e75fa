"""What the tests under faults share: a service whose pictures are small, and what was paid for and kept."""

import subprocess
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from sqlite3 import connect
from typing import Any

from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.upstream import Upstream
from tests.upstream.control import Control
from tests.upstream.kinds import KINDS, Kind
from tests.upstream.openai_images import OpenAiImages
from tests.upstream.stability_rest import StabilityRest

# An engine of which nothing is known draws any size.
SMALL = {"PROMPTCDN_SIZE": "256x256", "PROMPTCDN_ENGINE": "any", "PROMPTCDN_BUDGET": "unlimited"}
# The engines of the REST API draw pictures of one megapixel.
OVER_REST = {"PROMPTCDN_ENGINE": "sd3.5-medium", "PROMPTCDN_BUDGET": "unlimited"}


def _together(**more: Any) -> OpenAiImages:
    return OpenAiImages("together", **more)


def _by_url(**more: Any) -> OpenAiImages:
    upstream = _together(**more)
    upstream.always("url")
    return upstream


# Upstreams of each kind, and settings by which their pictures are small. This server of OpenAI's API takes a seed, and
# its pictures cost money.
KINDS_SMALL: Mapping[str, tuple[Kind, Mapping[str, str]]] = {
    "grpc": (KINDS["grpc"], SMALL),
    "rest": (KINDS["rest"], OVER_REST),
    "openai": (replace(KINDS["openai"], start=_together), SMALL),
    "openai by url": (replace(KINDS["openai"], start=_by_url), SMALL),
    "huggingface": (KINDS["huggingface"], SMALL),
    "a1111": (KINDS["a1111"], SMALL | {"PROMPTCDN_ENGINE": "loaded"}),
    "comfyui": (KINDS["comfyui"], SMALL | {"PROMPTCDN_ENGINE": "workflow"}),
}


def small(folder: Path, upstream: Upstream | StabilityRest, **settings: object) -> Promptcdn:
    """A service of `upstream`, its pictures as small as can be and its budget without a limit."""
    sized = SMALL if isinstance(upstream, Upstream) else OVER_REST
    return Promptcdn(folder, **{"STABILITY_HOST": upstream.url, **sized, **settings})


def paid(upstream: Control) -> Counter[str]:
    """How often each picture was paid for, by content key; over REST by prompt and seed."""
    return Counter(call.request_id for call in upstream.ledger.calls())


def counted(folder: Path) -> int:
    """How many pictures the budget's counter says were paid for."""
    with closing(connect(folder / "data" / "budget.sqlite3")) as database:
        return int(database.execute("SELECT coalesce(sum(pictures), 0) FROM spent").fetchone()[0])


def verified(store: str, **variables: str) -> tuple[int, str]:
    """What `promptcdn store verify` says of a store: its exit code and its words."""
    command = [PROMPTCDN, "store", "verify", "--store", store]
    ended = subprocess.run(command, env=environment(**variables), capture_output=True, text=True)
    return ended.returncode, ended.stdout


def key(headers: Mapping[str, str]) -> str:
    """The content key in an answer's permalink."""
    return headers["link"].partition("/i/")[2][:64]
