"""Varnish alone: how long it keeps what, by its own log."""

import time
from pathlib import Path

import pytest

from tests.caches.conftest import Behind
from tests.fronts import Varnish


def logged_times(front: Varnish) -> tuple[str, str]:
    """The time to live and the grace, in seconds, of the one object that was fetched; logged just after it was sent."""
    deadline = time.monotonic() + 30
    while not (records := front.logged("TTL")):
        assert time.monotonic() < deadline, "varnishlog has nothing"
    _id, _tag, _side, _source, time_to_live, grace, *_ = records[-1].split()
    return time_to_live, grace


@pytest.mark.parametrize(
    ("target", "time_to_live", "grace"),
    [
        ("/?prompt=kept&seed=1", "31536000", "10"),
        ("/?prompt=kept", "2", "0"),
        ("/?prompt=fault:filter&seed=1", "86400", "0"),
        ("/?prompt=fault:internal&seed=1", "5", "0"),
    ],
)
def test_everything_is_kept_as_long_as_its_header_says(
    behind: Behind, tmp_path: Path, target: str, time_to_live: str, grace: str
) -> None:
    with Varnish(tmp_path / "varnish", behind.origin.address) as front:
        front.get(target)

        assert logged_times(front) == (time_to_live, grace)
