"""What reaches a service: a way to it that passes all bytes on and notes the head of each request."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

# Of one length: nothing else in an answer has to change.
A_YEAR, A_SECOND = b"max-age=31536000", b"max-age=00000001"


@dataclass(frozen=True)
class Asked:
    """The head of a request as it came; names of headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]

    @classmethod
    def parse(cls, head: bytes) -> Self:
        line, *fields = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        pairs = (text.partition(":") for text in fields)
        return cls(method, target, {name.lower(): value.strip() for name, _, value in pairs})


class Origin:
    """The way to the service at `url`, in threads of this process. Requests must have no body.

    `asked` is every request so far, in order. While `a_year_is_a_second` is set, caches are told so.
    """

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._service = (host, int(port))
        self._server = _Server(self._connection)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self.asked: list[Asked] = []
        self.a_year_is_a_second = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def asked_for(self, target: str) -> list[Asked]:
        """What was asked of one URL."""
        return [asked for asked in self.asked if asked.target == target]

    def _connection(self, client: socket.socket) -> None:
        unread = b""

        def noted(data: bytes) -> bytes:
            nonlocal unread
            *heads, unread = (unread + data).split(b"\r\n\r\n")
            self.asked += [Asked.parse(head) for head in heads]
            return data

        def shortened(data: bytes) -> bytes:
            return data.replace(A_YEAR, A_SECOND) if self.a_year_is_a_second else data

        with socket.create_connection(self._service) as service:
            back = threading.Thread(target=_pass_on, args=(service, client, shortened))
            back.start()
            _pass_on(client, service, noted)
            back.join()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 200

    def __init__(self, connection: Callable[[socket.socket], None]) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self._connection = connection

    def finish_request(self, request: object, client_address: object) -> None:  # noqa: ARG002
        assert isinstance(request, socket.socket)
        self._connection(request)


def _pass_on(source: socket.socket, target: socket.socket, seen: Callable[[bytes], bytes]) -> None:
    """Until one side ends; the other is told."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(seen(data))
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
