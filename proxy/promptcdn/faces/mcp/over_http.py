"""The route `/mcp`: the tools over HTTP (MCP's streamable HTTP), each call by itself and answered as JSON.

A call may send an API key of the operator's: what it has made is charged to the key, as in OpenAI's API. Without one it
may do what any reader may. The library is imported with the first call.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Mapping, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request as HttpRequest
from starlette.types import Receive, Scope, Send

from promptcdn import problems
from promptcdn.faces import info, requests
from promptcdn.problems import Problem
from promptcdn.readers import audience, response_headers
from promptcdn.readers.answers import Answer, Asker
from promptcdn.readers.clients import Client
from promptcdn.url.parse import parse_url
from promptcdn.wiring import Service

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

# A document that is to be pinned, and what JSON adds to it.
BODY_MAX = 1024 * 1024


@dataclass(frozen=True)
class Timings:
    """How long calls take at most, in seconds.

    body     the whole body of a call has to arrive within this time
    picture  a call waits so long for its picture; assistants give up after a minute or so, and a new call finds what
             was made meanwhile
    """

    body: float = 30.0
    picture: float = 55.0


class Calls:
    """The route, and what runs behind it from the first call to the end of the service."""

    def __init__(self, service: Service, public_url: str, timings: Timings = Timings()) -> None:
        self._service, self._public_url, self._timings = service, public_url, timings
        self._manager: asyncio.Future[StreamableHTTPSessionManager] | None = None
        self._ended = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one call. Raises `Problem`: 401 for a key that is none of ours, 400 for what is no JSON."""
        http = HttpRequest(scope, receive)
        if http.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Problem(problems.BAD_REQUEST, "a call is a JSON document: send Content-Type: application/json")
        caller = _CALLER.set(_client(http))
        try:
            body = await requests.body(http, BODY_MAX, self._timings.body)
            manager = await self._started()
            await manager.handle_request(_as_json(scope), _read(body, receive), _with_our_headers(send))
        finally:
            _CALLER.reset(caller)

    async def close(self) -> None:
        """Ends what runs behind the route."""
        self._ended.set()
        if self._running is not None:
            await self._running

    async def _started(self) -> "StreamableHTTPSessionManager":
        if self._manager is None:
            self._manager = asyncio.get_running_loop().create_future()
            self._running = asyncio.create_task(self._run(self._manager))
        return await asyncio.shield(self._manager)

    async def _run(self, started: "asyncio.Future[StreamableHTTPSessionManager]") -> None:
        try:
            manager = await asyncio.to_thread(self._opened)
            async with manager.run():
                started.set_result(manager)
                await self._ended.wait()
        except Exception as error:  # whoever waits for the start is told
            if started.done():
                raise
            started.set_exception(error)

    def _opened(self) -> "StreamableHTTPSessionManager":
        from mcp.server.transport_security import TransportSecuritySettings

        from promptcdn.faces.mcp import tools

        # What goes wrong with a call is in its answer, and a line of the library may have arguments in it. A tool that
        # breaks is told to nobody else.
        logging.getLogger("mcp").setLevel(logging.CRITICAL)
        logging.getLogger("mcp.server.mcpserver.server").setLevel(logging.ERROR)
        server = tools.server(_Own(self._service, self._public_url, self._timings))
        # No cookie and no address lets anybody do more here than in a URL, so that no page of others need be kept out.
        anybody = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        server.streamable_http_app(
            json_response=True, stateless_http=True, max_request_body_size=BODY_MAX, transport_security=anybody
        )
        return server.session_manager


_CALLER: ContextVar[Client] = ContextVar("caller")


class _Own:
    """This service, without the way over HTTP."""

    def __init__(self, service: Service, public_url: str, timings: Timings) -> None:
        self.public_url = public_url
        self._service, self._timings = service, timings

    async def info(self, target: str) -> Mapping[str, Any]:
        """The members of `/info`."""
        with _told():
            request = parse_url(*_split(target))
            look = info.members(self._service.cdn, self._service.prices, request, self.public_url)
            patience = audience.wait_for_stored(self._timings.picture)
            return await self._service.infos.run(look, patience, _CALLER.get())

    async def picture(self, target: str) -> tuple[bytes, str]:
        """The file of a picture, and its media type."""
        with _told():
            request = parse_url(*_split(target))
            asker = Asker(self._service.clock.monotonic() + self._timings.picture, _CALLER.get())
            patience = audience.wait_for_stored(self._timings.picture)
            answer = self._service.cdn.answer(request, asker)
            reply = await self._service.detached.run(answer, patience, asker.client)
            assert isinstance(reply, Answer), "nobody has it yet, and it may be made"
            return reply.rendition.body, reply.rendition.media_type

    def signed(self, url: str) -> str:
        """`url`: whoever holds a signing key signs with `promptcdn sign`, or runs `promptcdn mcp` with the key."""
        return url

    def pinned(self, target: str, seed: int) -> str:
        """`target` with a seed. Raises `ValueError` for one that is signed."""
        from promptcdn.markdown.pin import pinned

        return pinned(target, seed)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """A `Problem` as the tools know it."""
    from promptcdn.faces.mcp.tools import Refused

    try:
        yield
    except Problem as problem:
        raise Refused(f"{problem.detail}; what to do: {problem.kind.advice}") from None


def _client(http: HttpRequest) -> Client:
    """Who is charged. Raises `Problem` (401) for a key that is none of the operator's."""
    sent = http.headers.get("authorization")
    if sent is None:
        return requests.client(http)
    found = requests.service_of(http).settings.api_keys.id_of(sent)
    if found is None:
        detail = "there is no such API key: send the secret of one in Authorization: Bearer SECRET, or none at all"
        raise Problem(problems.INVALID_API_KEY, detail)
    return Client(None, api_key=found)


def _as_json(scope: Scope) -> MutableMapping[str, Any]:
    """The request as one for an answer in JSON, whatever `Accept` says: streams of events are left open for as long as
    the client likes."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"accept"]
    return {**scope, "headers": [*headers, (b"accept", b"application/json")]}


def _read(body: bytes, receive: Receive) -> Receive:
    """What gives a body that was read already, and then what `receive` gives."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> MutableMapping[str, Any]:
        return messages.pop() if messages else await receive()

    return received


def _with_our_headers(send: Send) -> Send:
    """Adds what every document of ours has."""

    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message["headers"]))
            for name, value in response_headers.document_headers().items():
                headers[name] = value
            message["headers"] = headers.raw
        await send(message)

    return sent


def _split(target: str) -> tuple[bytes, bytes]:
    path, _, query = target.partition("?")
    return path.encode(errors="surrogateescape"), query.encode(errors="surrogateescape")
