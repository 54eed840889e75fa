"""Request heads, guarded: uvicorn's httptools protocol with limits on their time, size and form.

Without it a head may take for ever and be as large as memory (measured: 200 MB in one header), and may mean one thing
here and another to the cache in front. It leans on uvicorn's internals, so uvicorn is pinned to one minor version, and
tests/service/test_heads.py and test_raw_requests.py speak to it over raw sockets.
"""

import asyncio
import json
import logging
import re
import secrets
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from promptcdn import problems
from promptcdn.observer import NO_OBSERVER, Observer
from promptcdn.problems import Problem
from promptcdn.readers import fields, headers
from promptcdn.server.descriptors import BoundedConnections
from promptcdn.url.parse import URL_MAX

log = logging.getLogger("promptcdn")

HEAD_SECONDS = 5.0
HEAD_MAX = 64 * 1024
# Each line of a head is looked at for each field that is read: thousands of them would take longer than a hit.
LINES_MAX = 128
# The URL, a method and a version: what is longer is told so before the rest of it was read.
LINE_MAX = URL_MAX + 64
# How much of answers is kept for a client before the application is told to wait; what asyncio and uvloop allow too.
WRITE_MAX = 64 * 1024
# How long clients have after the signal to stop, to read what they were answered before it.
LAST_READ_SECONDS = 5.0
# A name, an IPv4 address or something in brackets, and a port (RFC 9110 section 7.2). Nothing here is made of it.
_HOST = re.compile(rb"(?:[A-Za-z0-9._~%!$&'()*+,;=-]*+|\[[0-9A-Fa-f:.]++\])(?::[0-9]*+)?")

_END_OF_HEAD = b"\r\n\r\n"
_UNREADABLE = "the request is not valid HTTP"


def fault(version: str, lines: Sequence[tuple[bytes, bytes]]) -> str | None:
    """Why a head that could be parsed is refused (RFC 9112 sections 2.3, 3.2 and 6.1), or `None`.

    What two servers in a row may read in two ways is how a request is smuggled past the first.
    """
    if version not in ("1.0", "1.1"):
        return "only HTTP/1.0 and HTTP/1.1 are supported"
    hosts = _values(lines, b"host")
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        return "a request must have exactly one Host header"
    if not all(len(host) <= fields.FIELD_MAX and _HOST.fullmatch(host) for host in hosts):
        return "the Host header is not a valid host"
    encodings = _values(lines, b"transfer-encoding")
    if encodings and (version == "1.0" or [encoding.lower() for encoding in encodings] != [b"chunked"]):
        return "the only supported Transfer-Encoding of a request is chunked"
    return None


def has_body(lines: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a body follows a head without a fault (RFC 9112 section 6.3)."""
    return bool(_values(lines, b"transfer-encoding")) or _values(lines, b"content-length") not in ([], [b"0"])


def _values(lines: Sequence[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    return [value.strip(b" \t") for name, value in lines if name == wanted]


class GuardedHeads(HttpToolsProtocol):
    """A connection whose heads arrive in time, in bounds and in a form that has one meaning."""

    def __init__(
        self,
        *args: Any,
        observer: Observer = NO_OBSERVER,
        connections: BoundedConnections | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._observer = observer
        self._open = BoundedConnections() if connections is None else connections
        self._line: bytearray | None = bytearray()
        self._head = 0
        self._in_head = True
        self._timer: asyncio.TimerHandle | None = None
        self._began = self.loop.time()
        self._objection = Problem(problems.BAD_REQUEST, _UNREADABLE)
        self._unread = 0
        self._tail = b""
        self._for_head = self._refused = self._gone = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is None:
            # Reset before it was accepted: nobody is there, and nobody knows whose it was.
            transport.abort()
            return
        self._tell_when_all_is_read(WRITE_MAX)
        self._open.opened(self, self.client[0])
        self._arm()

    def abort(self) -> None:
        """So that others are let in. Closing would wait until all of an answer was read, and keep the descriptor."""
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._gone = True
        self._open.gone(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hands heads on one at a time: several may come in one piece, and one in many."""
        while data and not self._refused and not self.transport.is_closing():
            if not self._in_head:
                self._pass_over(len(data))
                return
            self._arm()
            piece, data = self._to_its_end(data)
            if (whole := self._with_line(piece)) is not None:
                super().data_received(whole)

    def _to_its_end(self, data: bytes) -> tuple[bytes, bytes]:
        """What of `data` belongs to the head that is coming in, and the rest. Its end may lie across two pieces."""
        seen = self._tail + data
        end = seen.find(_END_OF_HEAD)
        if end < 0:
            self._tail = seen[1 - len(_END_OF_HEAD) :]
            return data, b""
        cut = end + len(_END_OF_HEAD) - len(self._tail)
        self._tail = b""
        return data[:cut], data[cut:]

    def _pass_over(self, length: int) -> None:
        """What is behind a head with a body is read by nobody, and not kept either; too much of it is left waiting."""
        self._unread += length
        if self._unread > HEAD_MAX:
            self.flow.pause_reading()

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= LINES_MAX:
            self._objection = Problem(problems.HEAD_TOO_LARGE, f"a request may have at most {LINES_MAX} header fields")
            raise ValueError(self._objection.detail)  # the parser stops, and `send_400_response` follows
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._disarm()
        self._in_head = False
        if found := fault(self.parser.get_http_version(), self.headers):
            self._objection = Problem(problems.BAD_REQUEST, found)
            raise ValueError(found)
        self._open.answers(self)
        super().on_headers_complete()
        if has_body(self.headers) or self.parser.should_upgrade():
            # Nothing here reads bodies: what follows is not looked at, neither as a body nor as a request.
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head, self._head, self._line = True, 0, bytearray()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._gone:
            self._answered()

    def _answered(self) -> None:
        """What the kernel did not take of an answer is unread, however little it is."""
        if self.transport.get_write_buffer_size():
            self._tell_when_all_is_read(0)
        if self.cycle is None or self.cycle.response_complete:
            self._open.waits(self)

    def _tell_when_all_is_read(self, above: int) -> None:
        """Calls `pause_writing` where more than `above` bytes are unread, and `resume_writing` once none are."""
        self.transport.set_write_buffer_limits(high=above, low=0)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._open.unread(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._tell_when_all_is_read(WRITE_MAX)
        self._open.read(self)

    def _should_upgrade(self) -> bool:
        """Never, so that nobody takes a long `Connection` apart to find out."""
        return False

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words, which name no part of it
        self._refuse(self._objection)

    def shutdown(self) -> None:
        super().shutdown()
        self._cut_off_later()

    def _cut_off_later(self) -> None:
        """Closing waits until all of an answer was read, which may begin later, and nobody knows whether it ever is."""
        if self._gone:
            return
        unread = self.transport.get_write_buffer_size() > 0
        self.loop.call_later(LAST_READ_SECONDS, self._cut_off if unread else self._cut_off_later)

    def _cut_off(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self._cut_off_later()

    def _with_line(self, data: bytes) -> bytes | None:
        """`data` once its request line is whole, in ASCII; `None` while there is nothing to hand on."""
        self._head += len(data)
        line, newline, rest = b"", b"", data
        if self._line is not None:
            # Empty lines before a request are passed over (RFC 9112 section 2.2).
            self._line = (self._line + data).lstrip(b"\r\n")
            line, newline, rest = bytes(self._line).partition(b"\n")
            self._for_head = line.startswith(b"HEAD ")
        if len(line) > LINE_MAX:
            self._refuse(Problem(problems.URI_TOO_LONG, f"a URL may have at most {URL_MAX} bytes"))
            return None
        if self._head > HEAD_MAX:
            self._refuse(
                Problem(problems.HEAD_TOO_LARGE, f"the request line and the headers may have at most {HEAD_MAX} bytes")
            )
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
            self._began = self.loop.time()
            self._timer = self.loop.call_later(HEAD_SECONDS, self._late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._head:
            self._refuse(
                Problem(
                    problems.REQUEST_TIMEOUT, f"the request's headers took longer than {HEAD_SECONDS:.0f} s to arrive"
                )
            )
        else:
            self._observer.closed("silent")
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Answers with a problem document, and closes: what follows on this connection is not a request."""
        self._disarm()
        if self.transport.is_closing():
            return
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            # An answer in the middle of the one before would be read as part of it.
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        request_id = secrets.token_hex(8)
        self._observer.refused(problem.kind.code)
        fields = {"request_id": request_id, "status": problem.kind.status, "outcome": problem.kind.code}
        log.info("refused", extra={"fields": fields})
        body = json.dumps(problem.document()).encode()
        own = [(name.encode(), value.encode()) for name, value in headers.closing_headers(problem, len(body)).items()]
        status, milliseconds = HTTPStatus(problem.kind.status), 1000 * (self.loop.time() - self._began)
        whole = headers.completed(own, status, request_id, milliseconds, time.time())
        lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode(), *(b"%s: %s" % field for field in whole)]
        self.transport.write(b"\r\n".join([*lines, b"", b""]))
        if not self._for_head:
            self.transport.write(body)
        self.transport.close()
        self._answered()
