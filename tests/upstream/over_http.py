"""An HTTP server on loopback for stand-ins: what their requests were, and the ways in which an answer can go wrong."""

import json
import select
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import parse_qsl, urlsplit

from tests.upstream.control import Control
from tests.upstream.faults import Faults

# What a connection is closed with: nothing is sent that was not, and the client hears of it at once.
_NO_LINGER = b"\1\0\0\0\0\0\0\0"
HUGE = 2_000_000_000


@dataclass(frozen=True)
class Request:
    """A request as it came. Names of headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, where it is JSON; else `None`."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class HttpUpstream(Control):
    """A server in threads of this process, at a port that was free; a stand-in says in `answer` what it answers."""

    def __init__(self, ledger: Path | None = None, port: int = 0, *, repeats: bool = False) -> None:
        super().__init__(ledger, repeats=repeats)
        self.requests: list[Request] = []
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.upstream = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self._server.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._folder.cleanup()

    def answer(self, request: Request, client: "Client") -> None:
        """Answers one request by way of `client`."""
        raise NotImplementedError

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [f"{request.method} {request.path}" for request in self.requests]


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 512
    upstream: HttpUpstream

    def __init__(self, *arguments: Any) -> None:
        self.stopping = threading.Event()
        super().__init__(*arguments)


class Client(BaseHTTPRequestHandler):
    """The client of one connection, and the ways to answer it."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Says nothing."""

    @property
    def stopping(self) -> threading.Event:
        return cast("_Server", self.server).stopping

    def send_json(self, value: Any, status: int = 200, **headers: str) -> None:
        self.send(json.dumps(value).encode(), status, content_type="application/json", **headers)

    def send(self, body: bytes, status: int = 200, **headers: str) -> None:
        """An answer with its length, and `_` for `-` in the names of headers."""
        self.send_response(status)
        for name, value in {**headers, "content_length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client has left

    def send_half(self, body: bytes) -> None:
        """Half of an answer, and then nothing more until the client leaves."""
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.wait_until_gone()

    def send_huge(self) -> None:
        """The head of an answer of 2 GB, and as much of it as the client takes."""
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        part = b" " * 1_000_000
        try:
            for _ in range(HUGE // len(part)):
                self.wfile.write(part)
        except OSError:
            return

    def break_off(self) -> None:
        """The end of the connection, without an answer."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.connection.close()

    def wait_until_gone(self) -> None:
        """Nothing until the client leaves."""
        self.close_connection = True
        while not self.stopping.is_set():
            if select.select([self.connection], [], [], 0.05)[0]:
                return

    def meet(self, faults: Faults) -> bool:
        """The faults that any answer may have; gives whether that was the answer."""
        if "slow" in faults:
            self.stopping.wait(faults["slow"])
        if "hang" in faults:
            self.wait_until_gone()
        elif "hang_mid" in faults:
            self.send_half(b"{}" * 1000)
        elif "reset" in faults:
            self.break_off()
        elif "huge" in faults:
            self.send_huge()
        elif "html" in faults:
            self.send(b"<!doctype html><title>canary</title>", content_type="text/html")
        elif "redirect" in faults:
            self.send(b"", 307, location="http://169.254.169.254/latest/canary")
        else:
            return False
        return True


class _Handler(Client):
    def do_GET(self) -> None:
        self._take(b"")

    def do_POST(self) -> None:
        self._take(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def do_PATCH(self) -> None:
        self.do_POST()

    def _take(self, body: bytes) -> None:
        upstream = cast("_Server", self.server).upstream
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), headers, body)
        upstream.requests.append(request)
        upstream.answer(request, self)
