"""One request and its answer: bounded in time and size, and every failure with whether it may have been charged."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptcdn.event_loop import AnswerTimeout
from promptcdn.generators.http.reply import Reply
from promptcdn.problems import UPSTREAM_GARBLED, UPSTREAM_TIMEOUT, UPSTREAM_UNREACHABLE, UpstreamFailed

if TYPE_CHECKING:
    import httpx2

# What bodies may be in: an encoded one could be a thousand times as large as it says.
_PLAIN = ("", "identity")


@dataclass(frozen=True)
class Bounds:
    """How long a call may take and connecting as a part of it, in seconds, and how many bytes its answer may have.

    `paid`: the picture is paid for already, so that whatever fails is charged.
    """

    seconds: float
    connect: float
    most: int
    paid: bool = False


async def exchange(transport: "httpx2.AsyncHTTPTransport", request: "httpx2.Request", bounds: Bounds) -> Reply:
    """The answer to `request`. Raises `UpstreamFailed`, surely not charged where the request was never sent.

    No text of an error is shown: an address, a proxy's password or a header may be in it.
    """
    import httpx2  # late: for those who call

    one = _Exchange(bounds)
    request.extensions["trace"] = one.trace
    try:
        return await one.run(transport, request)
    except (TimeoutError, httpx2.TimeoutException):
        failure = one.late()
    # AttributeError: anyio's, for the peer of a connection that was reset as soon as it stood.
    except (httpx2.TransportError, OSError, AttributeError) as error:
        failure = one.broken(error)
    # Raised here and not where the error was caught: that one's text would be in the traceback.
    raise failure


class _Exchange:
    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._loop = asyncio.get_running_loop()
        self._ends = self._loop.time() + bounds.seconds
        self._patience = AnswerTimeout(None)
        self._sent = False
        self._connecting: Any = None

    async def run(self, transport: "httpx2.AsyncHTTPTransport", request: "httpx2.Request") -> Reply:
        async with self._patience:
            self._patience.begin(min(self._bounds.connect, self._bounds.seconds / 2))
            try:
                response = await transport.handle_async_request(request)
            finally:
                await self._hang_up()
            try:
                # The peer is known while the connection stands.
                headers, peer = _joined(response), _peer(response)
                return Reply(response.status_code, headers, await self._body(response, headers), peer)
            finally:
                await response.aclose()

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Hears from httpcore2 that the connection stands and the request is being sent."""
        if event == "connection.connect_tcp.complete":
            self._connecting = info["return_value"]
        # A proxy that is asked for a way to the upstream (CONNECT) has nothing of ours yet.
        if event.endswith("send_request_headers.started") and info["request"].method != b"CONNECT" and not self._sent:
            self._sent = True
            self._patience.begin(max(0.0, self._ends - self._loop.time()))

    async def _hang_up(self) -> None:
        """Closes a connection on which nothing was sent: httpcore2 leaves it open when TLS is cut short."""
        if self._connecting is not None and not self._sent:
            await self._connecting.aclose()

    def late(self) -> UpstreamFailed:
        if self._sent:
            return UpstreamFailed(UPSTREAM_TIMEOUT, "the upstream did not answer in time", charged=True)
        return self._unconnected("the upstream cannot be connected to")

    def broken(self, error: BaseException) -> UpstreamFailed:
        if self._sent:
            return UpstreamFailed(UPSTREAM_UNREACHABLE, "the upstream broke off", charged=True)
        return self._unconnected(_why_unconnected(error))

    async def _body(self, response: "httpx2.Response", headers: Mapping[str, str]) -> bytes:
        try:
            return await self._whole(response, headers)
        except UpstreamFailed:
            # What a refusal or a failure means its status says, without a word.
            if response.status_code < 300:
                raise
            return b""

    async def _whole(self, response: "httpx2.Response", headers: Mapping[str, str]) -> bytes:
        most, length = self._bounds.most, headers.get("content-length", "")
        if headers.get("content-encoding", "").strip().lower() not in _PLAIN:
            raise self._garbled("the upstream's answer is encoded, which nobody asked for")
        body = bytearray()
        if not (length.isdigit() and int(length) > most):
            async for part in response.aiter_raw():
                body += part
                if len(body) > most:
                    break
            else:
                return bytes(body)
        raise self._garbled(f"the upstream's answer is larger than {most / 1_000_000:g} MB")

    def _garbled(self, what: str) -> UpstreamFailed:
        return UpstreamFailed(UPSTREAM_GARBLED, what, charged=True)

    def _unconnected(self, what: str) -> UpstreamFailed:
        return UpstreamFailed(UPSTREAM_UNREACHABLE, what, charged=self._bounds.paid)


def _joined(response: "httpx2.Response") -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def _peer(response: "httpx2.Response") -> str:
    stream = response.extensions.get("network_stream")
    found = stream.get_extra_info("server_addr") if stream is not None else None
    return str(found[0]) if found else ""


def _why_unconnected(error: BaseException | None) -> str:
    """The only thing that is said beside that: what is wrong with a certificate."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"the upstream's certificate is not valid: {error.verify_message}"
        error = error.__cause__ or error.__context__
    return "the upstream cannot be connected to"
