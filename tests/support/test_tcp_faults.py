"""The faulty way itself: each fault does what it says, and says that it did."""

import contextlib
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.tcp_faults import FaultyTcp, Name

ANSWER = bytes(range(256)) * 4000


class Server(socketserver.ThreadingTCPServer):
    """Answers each line it gets with a megabyte."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.asked: list[bytes] = []
        self.broken = threading.Semaphore(0)


class Answering(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        try:
            for line in self.rfile:
                self.server.asked.append(line)
                if line == b"reset\n":
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()  # with the last file of it, before anybody says an orderly end
                    return
                self.wfile.write(ANSWER)
        except OSError:
            self.server.broken.release()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def chaos(server: Server) -> Iterator[FaultyTcp]:
    with FaultyTcp(server.server_address[1]) as running:
        yield running


def ask(connection: socket.socket, size: int = len(ANSWER)) -> bytes:
    """The answer to one line, or what comes of it."""
    connection.sendall(b"hello\n")
    return received(connection, size)


def received(connection: socket.socket, size: int = len(ANSWER)) -> bytes:
    data = b""
    while len(data) < size and (piece := connection.recv(65536)):
        data += piece
    return data


@contextlib.contextmanager
def connected(chaos: FaultyTcp) -> Iterator[socket.socket]:
    """A reset may come before this side knows that it is connected."""
    with socket.create_connection(("127.0.0.1", chaos.port), timeout=20) as connection:
        yield connection


def test_bytes_are_carried_as_they_are(chaos: FaultyTcp) -> None:
    with connected(chaos) as connection:
        assert ask(connection) == ANSWER
        assert ask(connection) == ANSWER
    assert not chaos.committed


def test_the_end_of_one_side_is_told_to_the_other(chaos: FaultyTcp) -> None:
    with connected(chaos) as connection:
        connection.sendall(b"hello\n")
        connection.shutdown(socket.SHUT_WR)
        assert received(connection, len(ANSWER) + 1) == ANSWER


def test_a_reset_of_one_side_is_told_to_the_other(chaos: FaultyTcp) -> None:
    with connected(chaos) as connection:
        connection.sendall(b"reset\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_nobody_is_let_through_also_who_is_connected(chaos: FaultyTcp, server: Server) -> None:
    with connected(chaos) as before:
        assert ask(before) == ANSWER
        chaos.commit("refuse")
        with pytest.raises(ConnectionError), connected(chaos) as connection:
            ask(connection)
        with pytest.raises(ConnectionError):
            ask(before)
    assert len(server.asked) == 1
    assert chaos.committed == {"refuse": 2}


def test_what_is_stalled_goes_on_when_the_way_is_healed(chaos: FaultyTcp, server: Server) -> None:
    chaos.commit("stall")
    with connected(chaos) as connection:
        connection.sendall(b"hello\n")
        chaos.wait_for("stall")
        assert server.asked == []
        chaos.heal()
        assert received(connection) == ANSWER
    assert chaos.committed == {"stall": 1}


def test_an_answer_under_way_can_be_stalled(chaos: FaultyTcp) -> None:
    chaos.commit("throttle", 100_000)
    with connected(chaos) as connection:
        connection.sendall(b"hello\n")
        assert connection.recv(10) == ANSWER[:10]
        chaos.commit("stall")
        chaos.wait_for("stall")
        chaos.heal()
        assert received(connection, len(ANSWER) - 10) == ANSWER[10:]


def test_every_piece_is_late(chaos: FaultyTcp) -> None:
    chaos.commit("delay", 0.2)
    with connected(chaos) as connection:
        began = time.monotonic()
        ask(connection, 1)
        assert time.monotonic() - began >= 2 * 0.2
    assert chaos.committed["delay"] >= 2


def test_an_answer_is_slowed_down(chaos: FaultyTcp) -> None:
    chaos.commit("throttle", 100_000)
    with connected(chaos) as connection:
        began = time.monotonic()
        assert ANSWER.startswith(ask(connection, 50_000))
        assert time.monotonic() - began >= 0.4
    assert chaos.committed["throttle"] >= 1


@pytest.mark.parametrize("count", [0, 1, 100_000])
def test_an_answer_is_cut_after_so_many_bytes(chaos: FaultyTcp, count: int) -> None:
    chaos.commit("truncate", count)
    with connected(chaos) as connection:
        assert ask(connection) == ANSWER[:count]
    assert chaos.committed == {"truncate": 1}


def test_a_connection_is_reset_in_mid_answer(chaos: FaultyTcp, server: Server) -> None:
    chaos.commit("reset", 100_000)
    with connected(chaos) as connection, pytest.raises(ConnectionResetError):
        ask(connection)
    assert chaos.committed == {"reset": 1}
    assert server.broken.acquire(timeout=20)


def test_a_request_is_delivered_and_its_answer_lost(chaos: FaultyTcp, server: Server) -> None:
    chaos.commit("drop_reply")
    with connected(chaos) as connection, pytest.raises(ConnectionResetError):
        ask(connection)
    assert server.asked == [b"hello\n"]
    assert chaos.committed == {"drop_reply": 1}


@pytest.mark.parametrize("place", [0, 70_000, len(ANSWER) - 1])
def test_one_bit_is_another_one(chaos: FaultyTcp, place: int) -> None:
    chaos.commit("flip", place)
    with connected(chaos) as connection:
        answer = ask(connection)
    assert len(answer) == len(ANSWER)
    assert [at for at, (one, other) in enumerate(zip(answer, ANSWER, strict=True)) if one != other] == [place]
    assert (answer[place] ^ ANSWER[place]).bit_count() == 1
    assert chaos.committed == {"flip": 1}


def test_bytes_are_counted_from_the_moment_of_the_fault(chaos: FaultyTcp) -> None:
    with connected(chaos) as connection:
        assert ask(connection) == ANSWER
        chaos.commit("truncate", 5)
        assert ask(connection) == ANSWER[:5]


@pytest.mark.parametrize("name", ["refuse", "truncate", "reset", "drop_reply"])
def test_a_fault_happens_as_often_as_it_was_told_to(chaos: FaultyTcp, name: Name) -> None:
    chaos.commit(name, times=2)
    for _ in range(2):
        with contextlib.suppress(ConnectionError), connected(chaos) as connection:
            assert ask(connection) == b""
    with connected(chaos) as connection:
        assert ask(connection) == ANSWER
    assert chaos.committed == {name: 2}


def test_where_no_server_is_a_client_is_reset() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with (
            FaultyTcp(unused.getsockname()[1]) as chaos,
            pytest.raises(ConnectionError),
            connected(chaos) as connection,
        ):
            ask(connection)
