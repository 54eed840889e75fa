"""SIGTERM while pictures are being made."""

import io
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from promptcdn.stores import Name, Record
from promptcdn.url.request import Resolved
from tests.faults.conftest import Figures
from tests.faults.stage import paid, small
from tests.support.crowd import Crowd, Reply
from tests.support.fakes import KEY, within
from tests.support.rounds import rounds
from tests.support.service import Promptcdn
from tests.upstream import Upstream

FLIGHTS = 8


def stopped(service: Promptcdn, upstream: Upstream, targets: list[str]) -> list[Reply]:
    """What those were told who waited for `targets` when SIGTERM came. The pictures come after that."""
    before = paid(upstream).total()

    def stop() -> None:
        upstream.wait_for_calls(before + FLIGHTS)
        service.process.send_signal(signal.SIGTERM)

    upstream.hold()
    # Whoever is not answered before the pictures are there would wait for them for ever.
    replies = Crowd(service.url).answers(targets * 5, asked=stop)
    upstream.release()
    service.process.wait(60)
    return replies


def require_stored(folder: Path, upstream: Upstream, targets: list[str]) -> None:
    before = paid(upstream)
    with small(folder, upstream) as service:
        replies = Crowd(service.url).answers(targets)
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == len(targets)
    assert paid(upstream) == before


def test_a_stopping_service_stores_what_it_paid_for(tmp_path: Path, upstream: Upstream, figures: Figures) -> None:
    """What is paid for when the service stops is stored, and those who wait are told at once."""
    times = rounds(5)
    for number in range(times):
        targets = [f"/?prompt=round+{number}&seed={seed}" for seed in range(FLIGHTS)]
        with small(tmp_path, upstream) as service:
            replies = stopped(service, upstream, targets)
        assert {(reply.status, reply.code) for reply in replies} == {(503, "draining")}
        assert {reply.headers["cache-control"] for reply in replies} == {"no-store"}
        assert all(int(reply.headers["retry-after"]) > 0 for reply in replies)
        require_stored(tmp_path, upstream, targets)
    assert set(paid(upstream).values()) == {1}
    figures(rounds=times, flights=times * FLIGHTS, paid=paid(upstream).total(), lost=0)


@contextmanager
def stalled_reader(service: Promptcdn) -> Iterator[None]:
    """A client that asks for 3 MB and reads the first byte only."""
    host, port = service.url.removeprefix("http://").split(":")
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect((host, int(port)))
        reader.sendall(f"GET /i/{KEY}.png HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        assert reader.recv(1) == b"H"
        yield


@pytest.fixture
def large(tmp_path: Path) -> None:
    """A picture of noise in the store: more than the buffers on its way hold."""
    resolved = Resolved("painter", "e", "noise", 7, 1024, 1024, 30, 7.0)
    noise = Image.frombytes("RGB", (1024, 1024), os.urandom(3 * 1024 * 1024))
    record = Record(picture_of(noise), "image/png", 1_795_435_200, resolved.parameters())
    within(tmp_path / "data" / "store", lambda store: store.put(Name("masters", KEY), record))


def picture_of(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=0)
    return file.getvalue()


@pytest.mark.usefixtures("large")
def test_a_stalled_reader_does_not_hold_up_the_end(tmp_path: Path, upstream: Upstream, figures: Figures) -> None:
    """A reader that is stalled neither loses a picture nor holds up the end of the service."""
    times = rounds(1)
    for number in range(times):
        targets = [f"/?prompt=round+{number}&seed={seed}" for seed in range(FLIGHTS)]
        with small(tmp_path, upstream, PROMPTCDN_GRACE=3) as service, stalled_reader(service):
            replies = stopped(service, upstream, targets)
        assert {(reply.status, reply.code) for reply in replies} == {(503, "draining")}
        require_stored(tmp_path, upstream, targets)
    figures(rounds=times, flights=times * FLIGHTS, paid=paid(upstream).total(), lost=0)
