"""Around every answer: what all share is put on it, and it is counted and logged."""

import logging
import re
import secrets
import time
from email.utils import formatdate

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promptcdn.faces import responses
from promptcdn.observer import Observer
from promptcdn.readers import headers as caching
from promptcdn.url.formats import BY_EXTENSION
from promptcdn.url.parameters import BY_NAME

log = logging.getLogger("promptcdn")

# Asked every few seconds by whoever runs the service: not worth a line each.
_PROBES = ("/healthz", "/readyz", "/metrics")
_PERMALINK = re.compile(rf"/i/[0-9a-f]{{64}}({'|'.join(map(re.escape, BY_EXTENSION))})?")


def shown_path(path: str, route: str | None) -> str:
    """What of a path may be logged: the part that the service knows, from the route that took it.

    The rest is a prompt as a rule, and so is most of what no route takes: `/prompts/WORDS` is a slip of the pen.
    """
    if route is None:
        return "..."
    beginning, parameter, _ = route.partition("{")
    return path if _PERMALINK.fullmatch(path) else beginning + "..." * bool(parameter)


class EveryAnswer:
    """Puts on every answer what all share, stamps it when it starts, and reports it.

    Each has a line in the log but probes, and pictures from memory unless `log_hits`. What breaks has one too.
    """

    def __init__(self, app: ASGIApp, observer: Observer, *, log_hits: bool = False) -> None:
        self._app = app
        self._observer = observer
        self._log_hits = log_hits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, request_id = time.perf_counter(), secrets.token_hex(8)

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                seconds = time.perf_counter() - began
                self._report(scope, message["status"], seconds, request_id)
                _stamp(message, request_id, 1000 * seconds)
            await send(message)

        try:
            await self._app(scope, receive, stamped)
        except Exception:
            # The client was answered (500) or cut off. The server would log it again, and without the request.
            log.exception("uncaught exception", extra={"fields": _of_request(scope, request_id)})

    def _report(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        note, who = responses.noted(scope), responses.audience_of(scope)
        self._observer.answered(note.outcome, who, status, note.source, seconds)
        if note.problem is not None:
            self._observer.refused(note.problem.kind.code)
        if (note.source == "memory" and not self._log_hits) or scope["path"] in _PROBES:
            return
        fields = {
            **_of_request(scope, request_id),
            "status": status,
            "outcome": note.outcome,
            "audience": who.name.lower(),
            "duration_ms": round(1000 * seconds, 1),
        }
        if note.content_key is not None:
            fields["content_key"] = note.content_key
        if note.problem is not None and note.problem.parameter is not None:
            # What is no parameter may be the rest of a prompt, cut off by an ampersand.
            fields["parameter"] = note.problem.parameter if note.problem.parameter in BY_NAME else "unknown"
        log.info("answered", extra={"fields": fields})


def _of_request(scope: Scope, request_id: str) -> dict[str, object]:
    route = scope.get("route")
    path = shown_path(scope["path"], None if route is None else route.path)
    return {"request_id": request_id, "method": scope["method"], "path": path}


def _stamp(message: Message, request_id: str, milliseconds: float) -> None:
    headers = MutableHeaders(raw=message["headers"])
    headers.setdefault("date", formatdate(usegmt=True))
    if message["status"] == 304:
        message["headers"] = [pair for pair in headers.raw if pair[0].decode() in caching.ON_NOT_MODIFIED]
        return
    headers.update(caching.on_every_answer(request_id, milliseconds))
