"""Varnish alone: how long it keeps what, by its own log, and whom it takes for an image proxy."""

import re
import socket
import time
from pathlib import Path

import pytest

from promptcdn.readers.user_agents import IMAGE_PROXIES
from tests.caches.conftest import Behind
from tests.support.caches import CACHES, Varnish


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


def test_it_takes_the_same_for_image_proxies_as_the_service_does() -> None:
    listed = re.search(r'User-Agent ~ "\(\?i\)\((.*)\)"', (CACHES / "varnish.vcl").read_text())
    assert listed is not None

    assert listed[1].split("|") == [re.sub(r"[.()]", r"\\\g<0>", known.token) for known in IMAGE_PROXIES]


def test_a_method_that_it_does_not_know_opens_no_way_past_it(behind: Behind, tmp_path: Path) -> None:
    url = "/?prompt=behind+another+method&seed=1"
    with Varnish(tmp_path / "varnish", behind.origin.address) as front:
        # The second request would be sent on unseen, with the address that it names.
        host, _, port = front.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as client:
            for method, connection in (("PURGE", "keep-alive"), ("GET", "close")):
                head = f"{method} {url} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: 203.0.113.7\r\n"
                client.sendall(f"{head}Connection: {connection}\r\n\r\n".encode())
            while client.recv(65536):
                pass

    asked = behind.origin.asked_for(url)
    assert [(request.method, request.headers["x-forwarded-for"]) for request in asked] == [
        ("PURGE", "127.0.0.1"),
        ("GET", "127.0.0.1"),
    ]
