"""An HTTP server on loopback that answers with the bytes it is given, right or wrong.

with RawHttp(b"HTTP/1.1 200 OK\\r\\n\\r\\n") as server:
    server.url           # http://127.0.0.1:PORT
    server.requests      # what came, head and body, in order
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

SECONDS = 30  # a client that does nothing is left then
Answer = bytes | Callable[[socket.socket], None]


def answer(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    """An answer with its length and these header fields, `_` for `-` in their names."""
    fields = {"content-length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def silent(connection: socket.socket) -> None:
    """No answer until the client leaves."""
    while connection.recv(65536):
        pass


class RawHttp:
    """Each request gets the next answer, and the last one again and again; then its connection is closed."""

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None) -> None:
        self._answers = list(answers)
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self.requests: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), self._spoken(connection) as spoken:
                self.requests.append(_request(spoken))
                told = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                if isinstance(told, bytes):
                    spoken.sendall(told)
                else:
                    told(spoken)

    def _spoken(self, connection: socket.socket) -> socket.socket:
        with connection:
            connection.settimeout(SECONDS)
            return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection.dup()


def _request(connection: socket.socket) -> bytes:
    """One request, with its body where it says how long that is."""
    came = b""
    while b"\r\n\r\n" not in came:
        part = connection.recv(65536)
        if not part:
            return came
        came += part
    head, _, body = came.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
