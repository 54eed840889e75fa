"""OpenTelemetry spans: one for each step of a request (`observer.Step`), in the span of the step that it lies in.

Without the extra `otel`, or while no OTEL_… variable asks for traces, a step does nothing.
"""

import asyncio
import contextvars
import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from promptcdn import __version__
from promptcdn.observer import NO_STEP, Step

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
        """As the OTEL_… variables say. Where they ask for an exporter that is not installed, a log line says so."""
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
                "traces are off: the exporter %s is not installed (%s). Install it: pip install promptcdn[otel]",
                exporter,
                missing,
            )
            return cls()
        who = Resource.create({"service.name": environment.get("OTEL_SERVICE_NAME") or "promptcdn"})
        provider = TracerProvider(resource=who, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(made))
        return cls(provider)

    @property
    def on(self) -> bool:
        """Whether spans go anywhere."""
        return self._tracer is not None

    def span(self, name: Step) -> AbstractContextManager[object]:
        """A span of that name. An error is not described in it: its text may hold what somebody asked for."""
        if self._tracer is None:
            return NO_STEP
        return self._tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False)

    def task_context(self) -> contextvars.Context:
        """A context that is empty but for the present span."""
        empty = contextvars.Context()
        if self._tracer is not None:
            from opentelemetry import context

            empty.run(context.attach, context.get_current())
        return empty

    def around(self, app: ASGIApp) -> ASGIApp:
        """`app`, each of whose requests is a span."""
        if self._tracer is None:
            return app

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            with self.span("request") if scope["type"] == "http" else NO_STEP:
                await app(scope, receive, send)

        return traced

    async def close(self) -> None:
        """Sends what was not sent yet."""
        if self._provider is not None:
            await asyncio.to_thread(self._provider.shutdown)


def _exporter(environment: Mapping[str, str]) -> str | None:
    """The name of the exporter, where traces are asked for."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    implied = "otlp" if any(environment.get(name) for name in _ENDPOINTS) else "none"
    chosen = environment.get("OTEL_TRACES_EXPORTER") or implied
    return None if chosen == "none" else chosen
