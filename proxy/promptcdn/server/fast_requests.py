"""The fast path below ASGI: a remembered URL is answered as soon as its request's head is whole.

No task, no scope, no message: half of what a hit costs is spent between the parser and the application. What is unusual
in any way goes the way of all requests. Like `request_limits` this leans on uvicorn's internals, whose version is
pinned.

Clients send the same header lines with each request of a connection, and proxies with those of all their readers. Lines
that the parser and `request_limits` have passed once, byte for byte, are not parsed again.
"""

from typing import Any

from promptcdn.server.fastpath import FastPath, Hit
from promptcdn.server.request_limits import END_OF_HEAD, WRITE_MAX, LimitedRequests

_END = len(END_OF_HEAD)


class FastRequests(LimitedRequests):
    """A connection that answers remembered URLs itself."""

    def __init__(self, *args: Any, fastpath: FastPath, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._fastpath = fastpath
        self._lines = b""  # of the head that is arriving, if it came in one piece
        self._idle_second = -1

    def data_received(self, data: bytes) -> None:
        self._lines = b""
        if self._in_head and not self._head_length and data.find(END_OF_HEAD) == len(data) - _END and self._is_free():
            line, _, lines = data.partition(b"\r\n")
            hit = self._fastpath.hit_by_lines(line, lines)
            if hit is not None:
                self._stop_timer()
                self._send(hit, with_body=line[:1] == b"G")
                return
            # Not behind an empty line, which may precede a request: then the first of `lines` is the request line.
            self._lines = lines if line.endswith(b" HTTP/1.1") else b""
        super().data_received(data)

    def _answer(self) -> None:
        if self._is_usual():
            method = self.parser.get_method().decode("ascii")
            hit = self._fastpath.hit(method, self.url, self.headers, self._lines)
            if hit is not None:
                self._send(hit, with_body=method == "GET")
                return
        self._signal_unread_beyond(WRITE_MAX)
        super()._answer()

    def _send(self, hit: Hit, *, with_body: bool) -> None:
        # With this limit a write goes to the kernel at once. What the kernel does not take is unread from now on.
        self._signal_unread_beyond(0)
        self.transport.writelines((hit.head, hit.body) if with_body and hit.body else (hit.head,))
        self.server_state.total_requests += 1
        self._wait_for_the_next()

    def _wait_for_the_next(self) -> None:
        """The connection is idle from now on. That is noted once a second: a busy connection need not note it for each
        of its requests."""
        second = int(self.loop.time())
        if second == self._idle_second and self.timeout_keep_alive_task is not None:
            return
        self._idle_second = second
        self._unset_keepalive_if_required()
        self._connections.answers(self)
        self._connections.waits(self)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _is_free(self) -> bool:
        """Whether no answer is under way, and the client has read all."""
        return (
            (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and not self._refused
            and not self.transport.is_closing()
        )

    def _is_usual(self) -> bool:
        """Whether this is a request of HTTP/1.1 without a body, on a connection that stays."""
        return (
            self._is_free()
            and self._out_of_bounds is None
            and len(self._framing) == 1
            and not self.expect_100_continue
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and self.parser.get_http_version() == "1.1"
        )
