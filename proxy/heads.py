"""Request heads, guarded: uvicorn's httptools protocol with a limit on their time and size.

Without it a head may take for ever and be as large as memory (measured: 200 MB in one header). It leans on uvicorn's
internals, so uvicorn is pinned to one minor version and tests/service/test_heads.py speaks to it over raw sockets.
"""

import asyncio
import json
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy import caching, grammar, problems
from proxy.problems import Problem

HEAD_SECONDS = 5.0
HEAD_MAX = 64 * 1024
# The URL, a method and a version: what is longer is told so before the rest of it was read.
LINE_MAX = grammar.URL_MAX + 64


class GuardedHeads(HttpToolsProtocol):
    """A connection whose heads arrive in time, in bounds, and in the bytes that the parser takes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._line: bytearray | None = bytearray()
        self._head = 0
        self._in_head = True
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._arm()
            whole = self._with_line(data)
            if whole is None:
                return
            data = whole
        super().data_received(data)

    def on_headers_complete(self) -> None:
        self._disarm()
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head, self._head, self._line = True, 0, bytearray()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words, which name no part of it
        self._refuse(Problem(problems.BAD_REQUEST, "this is no HTTP request that can be read"))

    def _with_line(self, data: bytes) -> bytes | None:
        """`data` once its request line is whole, in ASCII; `None` while there is nothing to hand on."""
        self._head += (data.find(b"\r\n\r\n") + 1) or len(data)
        line, newline, rest = b"", b"", data
        if self._line is not None:
            self._line += data
            line, newline, rest = bytes(self._line).partition(b"\n")
        if len(line) > LINE_MAX:
            self._refuse(Problem(problems.URI_TOO_LONG, f"a URL has {grammar.URL_MAX} bytes at most"))
            return None
        if self._head > HEAD_MAX:
            self._refuse(Problem(problems.HEAD_TOO_LARGE, f"a request's head has {HEAD_MAX} bytes at most"))
            return None
        if self._line is None:
            return data
        if not newline:
            return None
        self._line = None
        # People type 灯台, and curl sends it as it is: percent-encoded it is the URL that a browser would send.
        if not line.isascii():
            line = b"".join(b"%%%02X" % byte if byte > 0x7F else bytes((byte,)) for byte in line)
        return line + newline + rest

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._head:
            self._refuse(Problem(problems.REQUEST_TIMEOUT, f"the request's head took longer than {HEAD_SECONDS:.0f} s"))
        else:
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Answers with a problem document, and closes: what follows on this connection is not a request."""
        self._disarm()
        if self.transport.is_closing():
            return
        body = json.dumps(problem.document()).encode()
        headers = {
            **caching.problem_headers(problem),
            **caching.ALWAYS,
            "date": formatdate(usegmt=True),
            "content-length": str(len(body)),
            "connection": "close",
        }
        status = HTTPStatus(problem.kind.status)
        head = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        self.transport.write("\r\n".join([*head, "", ""]).encode("ascii") + body)
        self.transport.close()
