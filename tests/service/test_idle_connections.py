"""Connections that ask for nothing, or do not read what they asked for, more than the process may have files: readers
are let in all the same."""

import contextlib
import re
import socket
import threading
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest

from tests.service.test_metrics import samples
from tests.support.service import PROMPTCDN, Promptcdn
from tests.support.steady_requests import Shot, Stream
from tests.support.waiting import until

FILES = 256
# As the bounds of that many files are.
MOST, EACH = 128, 64
SMALL = {"PROMPTCDN_SIZE": "256x256"}
HIT = "/?prompt=a+hit&seed=1"
CLOSED = 'promptcdn_connections_closed_total{reason="bound"}'
# Much more than the kernel's buffers hold of it for a client.
LARGE = "/i.png?prompt=a+lighthouse&seed=7&width=1536&height=1536"


class FewFiles(Promptcdn):
    """A service that may have few files open."""

    program = ("prlimit", f"--nofile={FILES // 2}:{FILES}", PROMPTCDN)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Promptcdn]:
    with FewFiles(tmp_path, **SMALL) as running:
        assert running.get(HIT).status_code == 200
        yield running


def place(service: Promptcdn) -> tuple[str, int]:
    host, port = service.url.removeprefix("http://").split(":")
    return host, int(port)


class Idle:
    """Opens connections without end, keeps the last thousand, and asks for nothing; some begin a head."""

    def __init__(self, service: Promptcdn) -> None:
        self._place = place(service)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.opened = 0

    def __enter__(self) -> "Idle":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        kept: list[socket.socket] = []
        while not self._over.wait(0.002):
            with contextlib.suppress(OSError):
                connection = socket.create_connection(self._place, 5)
                kept.append(connection)
                self.opened += 1
                if self.opened % 2:
                    connection.sendall(b"GET / HTTP/1.1\r\nX: ")
            if len(kept) > 1000:
                kept.pop(0).close()
        for connection in kept:
            connection.close()


ASKED = {
    "and keep their connections": f"GET {LARGE} HTTP/1.1\r\nHost: h\r\n\r\n",
    "on their last request": f"GET {LARGE} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "and ask for more": f"GET {LARGE} HTTP/1.1\r\nHost: h\r\n\r\n" * 3,
}


class Unread:
    """Opens connections from eight addresses, each of which asks and reads nothing of the answer."""

    def __init__(self, service: Promptcdn, asked: str) -> None:
        self._place = place(service)
        self._asked = asked.encode()
        self._opened = contextlib.ExitStack()
        self._count = 0

    def __enter__(self) -> "Unread":
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def open(self, count: int) -> None:
        for _ in range(count):
            connection = self._opened.enter_context(socket.socket())
            connection.settimeout(10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.bind((f"127.0.0.{2 + self._count % 8}", 0))
            self._count += 1
            with contextlib.suppress(ConnectionError):
                connection.connect(self._place)
                connection.sendall(self._asked)


def failed(shots: list[Shot]) -> list[Shot]:
    return [shot for shot in shots if shot.reply is None or shot.reply.status != 200]


def test_the_limit_of_open_files_is_raised_and_said(service: Promptcdn) -> None:
    log = (service.folder / "log").read_text()

    assert f"open files: {FILES} at most (the soft limit was {FILES // 2})" in log
    assert f"connections: {MOST} at most, {EACH} from one address" in log
    with open(f"/proc/{service.process.pid}/limits") as limits:
        (line,) = [line for line in limits if line.startswith("Max open files")]
    assert line.split()[3:5] == [str(FILES), str(FILES)]


def test_readers_are_let_in_while_others_ask_for_nothing(service: Promptcdn) -> None:
    """Hundreds of connections a second, which ask for nothing."""
    with (
        Idle(service) as idle,
        Stream(service.url, repeat(HIT), 50) as hits,
        Stream(service.url, repeat("/healthz"), 10) as probes,
    ):
        until(lambda: idle.opened > 2000, 60)
        hits.wait_for(50)
        files = len(list(Path(f"/proc/{service.process.pid}/fd").iterdir()))

    assert failed(hits.shots) == failed(probes.shots) == []
    assert files < FILES
    counted = samples(service.get("/metrics"))
    assert counted['promptcdn_connections_closed_total{reason="peer_bound"}'] > 1000
    log = (service.folder / "log").read_text()
    (line,) = [line for line in log.splitlines() if "too many connections" in line]
    assert re.search(rf"too many connections: \d+ are open, of {MOST} at most and {EACH} from one address", line)
    assert "Too many open files" not in log
    assert "Traceback" not in log


def test_a_connection_being_answered_outlives_idle_ones(service: Promptcdn) -> None:
    with socket.create_connection(place(service), 30) as waiting, Idle(service) as idle:
        # Made anew, while more connections come than there may be; and it is told late.
        waiting.sendall(
            b"GET /i.png?prompt=new&seed=2&width=1536&height=1536 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        )
        came = b"".join(iter(lambda: waiting.recv(65536), b""))
        until(lambda: idle.opened > 3 * MOST, 60)

    assert came.startswith(b"HTTP/1.1 200 OK")
    head, _, body = came.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head.lower()


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_readers_are_let_in_while_hundreds_do_not_read(service: Promptcdn, asked: str) -> None:
    assert len(service.get(LARGE).content) > 500_000
    most = files = 0

    def enough_were_closed() -> bool:
        nonlocal most, files
        counted = samples(service.get("/metrics"))
        most = max(most, int(counted["promptcdn_connections"]))
        files = max(files, len(list(Path(f"/proc/{service.process.pid}/fd").iterdir())))
        return counted[CLOSED] > 200

    with (
        Unread(service, asked) as clients,
        Stream(service.url, repeat(HIT), 50) as hits,
        Stream(service.url, repeat("/healthz"), 10) as probes,
    ):
        clients.open(400)
        until(enough_were_closed, 60)
        hits.wait_for(100)
        probes.wait_for(20)

    assert failed(hits.shots) == failed(probes.shots) == []
    assert most == MOST
    assert files < MOST + 50  # what is no connection has some dozens
    log = (service.folder / "log").read_text()
    assert "Too many open files" not in log
    assert "Traceback" not in log


def test_a_slow_reader_outlives_a_crowd_that_does_not_read(service: Promptcdn) -> None:
    size = len(service.get(LARGE).content)
    with Unread(service, ASKED["and keep their connections"]) as clients, socket.socket() as slow:
        slow.settimeout(30)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(place(service))
        slow.sendall(ASKED["on their last request"].encode())
        came = slow.recv(1024)
        clients.open(400)
        until(lambda: samples(service.get("/metrics"))[CLOSED] > 200, 60)
        came += b"".join(iter(lambda: slow.recv(65536), b""))

    assert len(came.partition(b"\r\n\r\n")[2]) == size


def test_an_address_has_half_of_all_connections_a_proxy_all(tmp_path: Path) -> None:
    settings = {**SMALL, "PROMPTCDN_TRUSTED_PROXIES": "127.0.0.1"}
    with (
        contextlib.ExitStack() as opened,
        FewFiles(tmp_path, **settings) as service,
    ):
        for _ in range(MOST + 20):
            opened.enter_context(socket.create_connection(place(service), 30))

        counted = samples(service.get("/metrics"))

    assert EACH < counted["promptcdn_connections"] <= MOST
    assert counted[CLOSED] >= 20
    assert counted['promptcdn_connections_closed_total{reason="peer_bound"}'] == 0


def test_connections_come_and_go_and_the_count_goes_with_them(service: Promptcdn) -> None:
    with contextlib.ExitStack() as opened:
        for _ in range(20):
            opened.enter_context(socket.create_connection(place(service), 30))
        until(lambda: samples(service.get("/metrics"))["promptcdn_connections"] == 21)
    until(lambda: samples(service.get("/metrics"))["promptcdn_connections"] == 1)
