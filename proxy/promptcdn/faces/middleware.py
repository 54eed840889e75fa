"""Around every answer: the headers that all answers share are added, and it is counted and logged."""

import logging
import re
import secrets

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promptcdn.clock import Clock
from promptcdn.faces import requests, responses
from promptcdn.observer import Observer
from promptcdn.readers import response_headers
from promptcdn.url.formats import BY_FILE_EXTENSION
from promptcdn.url.parameters import BY_NAME

log = logging.getLogger("promptcdn")

# Requested every few seconds by monitoring: not worth a line in the log each.
_PROBES = ("/healthz", "/readyz", "/metrics")
_PERMALINK = re.compile(rf"/i/[0-9a-f]{{64}}({'|'.join(map(re.escape, BY_FILE_EXTENSION))})?")


def shown_path(path: str, route: str | None) -> str:
    """The part of a path that may be logged: what comes from the route that matched it.

    The rest is usually a prompt, and so is most of a path that no route matches: `/prompts/WORDS` is a typing mistake.
    """
    if route is None:
        return "..."
    beginning, parameter, _ = route.partition("{")
    return path if _PERMALINK.fullmatch(path) else beginning + "..." * bool(parameter)


class EveryAnswer:
    """Adds the headers that all answers share when an answer starts, and reports the answer.

    Each answer has a line in the log but those to probes, and pictures from memory unless `log_hits`. So has an
    exception that nobody caught.
    """

    def __init__(self, app: ASGIApp, observer: Observer, clock: Clock, *, log_hits: bool = False) -> None:
        self._app = app
        self._observer = observer
        self._clock = clock
        self._log_hits = log_hits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, request_id = self._clock.monotonic(), secrets.token_hex(8)

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                seconds = self._clock.monotonic() - began
                self._report(scope, message["status"], seconds, request_id)
                own, status, now = message["headers"], message["status"], self._clock.utc().timestamp()
                message["headers"] = response_headers.completed(own, status, request_id, 1000 * seconds, now)
            await send(message)

        try:
            await self._app(scope, receive, stamped)
        except Exception:
            # The client was answered (500) or cut off. Raised again, the server would log it without the request.
            log.exception("uncaught exception", extra={"fields": _of_request(scope, request_id)})

    def _report(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        note, who = responses.noted(scope), requests.audience_of(scope)
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
            # An unknown parameter may be the rest of a prompt that an ampersand cut off.
            fields["parameter"] = note.problem.parameter if note.problem.parameter in BY_NAME else "unknown"
        log.info("answered", extra={"fields": fields})


def _of_request(scope: Scope, request_id: str) -> dict[str, object]:
    route = scope.get("route")
    path = shown_path(scope["path"], None if route is None else route.path)
    return {"request_id": request_id, "method": scope["method"], "path": path}
