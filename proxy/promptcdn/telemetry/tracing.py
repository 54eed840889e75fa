"""OpenTelemetry spans over the way of a request: one for each room, put around it from outside.

Rooms know nothing of it: `follow` puts a span around a method of one that is open, `carry` lets flights go on below
the request that began them. Without the extra `otel`, or while no OTEL_… variable asks for it, nothing is put anywhere.
"""

import asyncio
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Receive, Scope, Send

from promptcdn import __version__
from promptcdn.flights import Flights

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

log = logging.getLogger("promptcdn")

# What OTLP is called among the installed exporters.
_ENTRIES = {"otlp": "otlp_proto_http"}
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


class Tracing:
    """Spans that go to `provider`, or nowhere."""

    def __init__(self, provider: "TracerProvider | None" = None) -> None:
        self._provider = provider
        self._tracer: Tracer | None = provider.get_tracer("promptcdn", __version__) if provider else None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Tracing":
        """As the OTEL_… variables say. Where they ask for what is not installed, the log says so."""
        exporter = _exporter(environment)
        if exporter is None:
            return cls()
        try:
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor

            (found,) = entry_points(group="opentelemetry_traces_exporter", name=_ENTRIES.get(exporter, exporter))
            made = found.load()()
        except (ImportError, ValueError) as missing:
            log.warning(
                "no traces: the exporter %s is not installed (%s): pip install promptcdn[otel]", exporter, missing
            )
            return cls()
        who = Resource.create({"service.name": environment.get("OTEL_SERVICE_NAME") or "promptcdn"})
        provider = TracerProvider(resource=who, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(made))
        return cls(provider)

    def room(self, name: str) -> AbstractContextManager[object]:
        """A span of that name. An error is not described in it: its text may hold what somebody asked for."""
        if self._tracer is None:
            return _NO_SPAN
        return self._tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False)

    def follow(self, room: object, method: str, name: str) -> None:
        """From now on each call of that method of this very room is a span."""
        if self._tracer is None:
            return
        inner = getattr(room, method)

        @functools.wraps(inner)
        def called(*args: Any, **kwargs: Any) -> Any:
            with self.room(name):
                return inner(*args, **kwargs)

        @functools.wraps(inner)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            with self.room(name):
                return await inner(*args, **kwargs)

        setattr(room, method, awaited if inspect.iscoroutinefunction(inner) else called)

    def carry(self, flights: Flights[Any], name: str | None = None) -> None:
        """From now on what flies is below the span of whoever began it, with a span of its own where it has a name."""
        if self._tracer is None:
            return
        from opentelemetry import context

        inner = flights.join

        def join(key: str, fly: Callable[[], Awaitable[Any]]) -> Any:
            beginning = context.get_current()

            async def flown() -> Any:
                token = context.attach(beginning)
                try:
                    with self.room(name) if name else _NO_SPAN:
                        return await fly()
                finally:
                    context.detach(token)

            return inner(key, flown)

        flights.join = join  # type: ignore[method-assign]

    def around(self, app: ASGIApp) -> ASGIApp:
        """`app`, each of whose requests is a span."""
        if self._tracer is None:
            return app

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            with self.room("request") if scope["type"] == "http" else _NO_SPAN:
                await app(scope, receive, send)

        return traced

    async def close(self) -> None:
        """Sends what was not sent yet."""
        if self._provider is not None:
            await asyncio.to_thread(self._provider.shutdown)


_NO_SPAN: AbstractContextManager[object] = nullcontext()


def _exporter(environment: Mapping[str, str]) -> str | None:
    """The name of the exporter, where traces are asked for."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    implied = "otlp" if any(environment.get(name) for name in _ENDPOINTS) else "none"
    said = environment.get("OTEL_TRACES_EXPORTER") or implied
    return None if said == "none" else said
