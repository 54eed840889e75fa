"""Limits on requests: on how long their heads take, how large they are, and their form.

uvicorn has none of these. Without them a head may take for ever and be as large as memory (measured: 200 MB in one
header), and may mean one thing here and another to the cache in front. This file leans on uvicorn's internals, so
uvicorn is pinned to one minor version; tests/service/test_heads.py and test_raw_requests.py speak to it over raw
sockets.
"""

import asyncio
import json
import logging
import secrets
import time
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from promptcdn import problems
from promptcdn.observer import NO_OBSERVER, Observer
from promptcdn.problems import Problem, ProblemType
from promptcdn.readers import framing, response_headers
from promptcdn.server.descriptors import BoundedConnections
from promptcdn.server.timings import TIMINGS, Timings
from promptcdn.url.parse import URL_MAX

log = logging.getLogger("promptcdn")

# A head in bytes: its request line, its header lines and the empty line after them.
HEAD_MAX = 64 * 1024
# Header lines. Each is looked at for each field that is read: thousands of them would take longer than a hit.
LINES_MAX = 128
# The request line: a URL, a method and a version.
REQUEST_LINE_MAX = URL_MAX + 64
# Unread bytes of answers, beyond which the application waits for the client. It is asyncio's and uvloop's default.
WRITE_MAX = 64 * 1024

END_OF_HEAD = b"\r\n\r\n"
_URL_TOO_LONG = f"a URL may have at most {URL_MAX} bytes"


class LimitedRequests(HttpToolsProtocol):
    """A connection whose requests have heads that arrive in time, within bounds, and in a form with one meaning.

    A head out of bounds is read on, within `HEAD_MAX`, since its fields say who asks: the application refuses it as it
    refuses anything, with a picture where one is shown. Where there is no knowing who asks, the refusal is a document.
    """

    def __init__(
        self,
        *args: Any,
        observer: Observer = NO_OBSERVER,
        connections: BoundedConnections | None = None,
        timings: Timings = TIMINGS,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._observer = observer
        self._connections = BoundedConnections() if connections is None else connections
        self._timings = timings
        self._request_line: bytearray | None = bytearray()  # as far as it has arrived; `None` once it is whole
        self._head_length = 0
        self._in_head = True
        self._last_bytes = b""  # the end of the head so far: the empty line after it may lie across two pieces
        self._timer: asyncio.TimerHandle | None = None
        self._began = self.loop.time()
        self._objection = Problem(problems.BAD_REQUEST, "the request is not valid HTTP")
        self._out_of_bounds: Problem | None = None
        self._refused_next: Problem | None = None  # said once the answers to the requests before are sent
        self._skipped = 0
        self._framing: list[tuple[bytes, bytes]] = []  # of the head that is arriving, the fields that decide its end
        self._unread_max = -1  # the transport has no limit of ours yet
        self._is_head_method = self._refused = self._lost = False
        # A body is read where the application may want one. What follows it is not a request.
        self._reads_body = self._body_ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is None:
            # It was reset before it was accepted, and has no address to be counted for.
            transport.abort()
            return
        self._signal_unread_beyond(WRITE_MAX)
        is_proxys = self._connections.opened(self, self.client[0])
        # uvicorn waits so long for the next request; its type is narrower than what it does with it.
        self.timeout_keep_alive = self._timings.proxy if is_proxys else self._timings.head  # type: ignore[assignment]
        self._start_timer()

    def abort(self) -> None:
        """Gives the descriptor back at once. Closing would wait until the client has read all of its answer."""
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._lost = True
        self._connections.gone(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hands heads on one at a time: a piece of data may have several, and a head may come in many pieces."""
        if self._is_usual_head(data):
            super().data_received(data)
            return
        while data and not self._refused and not self.transport.is_closing():
            if not self._in_head:
                self._take_body(data)
                return
            # From its first byte on a head has its own time, and not what is left of an idle connection's.
            self._unset_keepalive_if_required()
            self._start_timer()
            piece, data = self._split_at_end_of_head(data)
            if admitted := self._admitted(piece):
                super().data_received(admitted)

    def _is_usual_head(self, data: bytes) -> bool:
        """Whether `data` is one head as nearly all are: whole, short, in ASCII. Nothing of it needs another look."""
        if not (self._in_head and not self._head_length and len(data) <= REQUEST_LINE_MAX and data.isascii()):
            return False
        if data.find(END_OF_HEAD) != len(data) - len(END_OF_HEAD) or data[0] in b"\r\n":
            return False
        if self._refused or self.transport.is_closing():
            return False
        self._began = self.loop.time()
        self._head_length, self._request_line = len(data), None
        self._is_head_method = data.startswith(b"HEAD ")
        return True

    def _split_at_end_of_head(self, data: bytes) -> tuple[bytes, bytes]:
        """What of `data` belongs to the head that is arriving, and the rest."""
        seen = self._last_bytes + data
        end = seen.find(END_OF_HEAD)
        if end < 0:
            self._last_bytes = seen[1 - len(END_OF_HEAD) :]
            return data, b""
        cut = end + len(END_OF_HEAD) - len(self._last_bytes)
        self._last_bytes = b""
        return data[:cut], data[cut:]

    def _take_body(self, data: bytes) -> None:
        """Hands a body on as far as the application reads it: uvicorn stops reading while 64 KiB of it wait."""
        if self._reads_body:
            super().data_received(data)
        else:
            self._skip(len(data))

    def _skip(self, length: int) -> None:
        """Drops bytes behind a head with a body, which nobody reads. Beyond a limit, they are left to the kernel."""
        self._skipped += length
        if self._skipped > HEAD_MAX:
            self.flow.pause_reading()

    def on_message_begin(self) -> None:
        if self._body_ended:
            raise ValueError("bytes behind a body")  # the parser stops, and `send_400_response` is silent
        super().on_message_begin()
        self._framing = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= LINES_MAX:
            self._object(problems.HEAD_TOO_LARGE, f"a request may have at most {LINES_MAX} header fields")
            return
        name = name.lower()
        line = name, value
        self.headers.append(line)
        if name in framing.FIELDS:
            self._framing.append(line)
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True

    def on_headers_complete(self) -> None:
        self._stop_timer()
        self._in_head = False
        version = self.parser.get_http_version()
        if self._out_of_bounds is None and (found := framing.objection(version, self._framing)):
            self._objection = Problem(problems.BAD_REQUEST, found)
            raise ValueError(found)  # the parser stops, and `send_400_response` follows
        self._answer()

    def _answer(self) -> None:
        """Has the request answered: its head is whole, and may be read in one way only, or is out of bounds."""
        self._connections.answers(self)
        super().on_headers_complete()
        if self._out_of_bounds is not None:
            # The application answers, and then the connection is closed: what follows on it is not a request.
            cast("dict[str, Any]", self.scope)[framing.REFUSAL] = self._out_of_bounds
            self._refused, self.cycle.keep_alive = True, False
        if framing.has_body(self._framing) or self.parser.should_upgrade():
            # Only POST and PUT have a body that may be wanted. What follows any other head is not looked at, neither as
            # a body nor as a request; and what follows a body is not looked at as a request.
            self.cycle.keep_alive = False
            self._reads_body = self._out_of_bounds is None and self.parser.get_method() in (b"POST", b"PUT")

    def on_message_complete(self) -> None:
        if self.cycle is not None:
            super().on_message_complete()
        if self._reads_body:
            self._reads_body, self._body_ended = False, True
            return
        self._in_head, self._head_length, self._request_line = True, 0, bytearray()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._lost:
            self._answered()

    def _answered(self) -> None:
        """An answer was handed to the kernel. What the kernel did not take of it is unread, however little it is."""
        if self.transport.get_write_buffer_size():
            self._signal_unread_beyond(0)
        if self.cycle is None or self.cycle.response_complete:
            self._connections.waits(self)
            if self._refused_next is not None:
                problem, self._refused_next = self._refused_next, None
                self._refuse(problem)

    def _signal_unread_beyond(self, size: int) -> None:
        """From now on `pause_writing` is called once more than `size` bytes are unread, `resume_writing` at none."""
        if size != self._unread_max:
            self._unread_max = size
            self.transport.set_write_buffer_limits(high=size, low=0)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._connections.unread(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._signal_unread_beyond(WRITE_MAX)
        self._connections.read(self)

    def _should_upgrade(self) -> bool:
        """Never, so that nobody takes a long `Connection` apart to find out."""
        return False

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's text, which does not say what is wrong
        if self._body_ended:
            return
        self._refuse(self._out_of_bounds or self._objection)

    def shutdown(self) -> None:
        super().shutdown()
        self._abort_once_unread()

    def _abort_once_unread(self) -> None:
        """Ends the connection of a client that reads nothing: closing would wait for it for ever.

        An answer may begin after the signal to stop, so each answer has its time from when some of it is unread.
        """
        if self._lost:
            return
        unread = self.transport.get_write_buffer_size() > 0
        self.loop.call_later(self._timings.drain, self._abort_if_unread if unread else self._abort_once_unread)

    def _abort_if_unread(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self._abort_once_unread()

    def _admitted(self, piece: bytes) -> bytes:
        """What the parser gets of a piece of a head: nothing before the request line is whole or beyond `HEAD_MAX`."""
        self._head_length += len(piece)
        excess = max(0, self._head_length - HEAD_MAX)
        piece = piece[: len(piece) - excess]
        if self._request_line is not None:
            piece = self._with_request_line(self._request_line, piece)
        if not excess:
            return piece
        self._object(problems.HEAD_TOO_LARGE, f"the request line and the headers may have at most {HEAD_MAX} bytes")
        if self._request_line is not None and self._out_of_bounds is not None:
            self._refuse(self._out_of_bounds)  # nobody can know who asks
            return b""
        # The head ends here, after the last field that is whole.
        return piece[: piece.rfind(b"\n") + 1] + END_OF_HEAD

    def _with_request_line(self, begun: bytearray, piece: bytes) -> bytes:
        """The request line, `begun` before, and what follows it in `piece`; nothing while it is not whole.

        The parser gets it in ASCII, and without what is too much of it.
        """
        seen = len(begun)
        begun += piece
        if begun.startswith((b"\r", b"\n")):
            # Empty lines before a request are passed over (RFC 9112 section 2.2).
            begun[:], seen = begun.lstrip(b"\r\n"), 0
        self._is_head_method = begun.startswith(b"HEAD ")
        end = begun.find(b"\n", seen)
        if (len(begun) if end < 0 else end) > REQUEST_LINE_MAX:
            self._object(problems.URI_TOO_LONG, _URL_TOO_LONG)
        if end < 0:
            return b""
        self._request_line = None
        line, rest = bytes(begun[:end]), bytes(begun[end:])
        if len(line) > REQUEST_LINE_MAX:
            target, space, version = line.rpartition(b" ")
            line = target[:URL_MAX] + space + version
        # People type 灯台, and curl sends it as it is: percent-encoded it is the URL that a browser would send.
        if not line.isascii():
            line = b"".join(b"%%%02X" % byte if byte > 0x7F else bytes((byte,)) for byte in line)
        return line + rest

    def _object(self, kind: ProblemType, detail: str) -> None:
        """Remembers why the head is out of bounds; of several reasons the first is answered."""
        self._out_of_bounds = self._out_of_bounds or Problem(kind, detail)

    def _start_timer(self) -> None:
        if self._timer is None:
            self._began = self.loop.time()
            self._timer = self.loop.call_later(self._timings.head, self._time_out)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_out(self) -> None:
        self._timer = None
        if self._out_of_bounds is not None:
            self._refuse(self._out_of_bounds)
        elif self._head_length:
            detail = f"the request's headers took longer than {self._timings.head:g} s to arrive"
            self._refuse(Problem(problems.REQUEST_TIMEOUT, detail))
        else:
            self._observer.closed("silent")
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Answers with a problem document, and closes: what follows on this connection is not a request."""
        self._stop_timer()
        if self.transport.is_closing():
            return
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:
            # An answer in the middle of the one before would be read as part of it.
            self._refused_next = problem
            self.flow.pause_reading()
            return
        request_id = secrets.token_hex(8)
        self._observer.refused(problem.kind.code)
        reported = {"request_id": request_id, "status": problem.kind.status, "outcome": problem.kind.code}
        log.info("refused", extra={"fields": reported})
        body = json.dumps(problem.document()).encode()
        own = [
            (name.encode(), value.encode())
            for name, value in response_headers.closing_headers(problem, len(body)).items()
        ]
        status, milliseconds = HTTPStatus(problem.kind.status), 1000 * (self.loop.time() - self._began)
        whole = response_headers.completed(own, status, request_id, milliseconds, time.time())
        lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode(), *(b"%s: %s" % line for line in whole)]
        self.transport.write(b"\r\n".join([*lines, b"", b""]))
        if not self._is_head_method:
            self.transport.write(body)
        self.transport.close()
        self._answered()
