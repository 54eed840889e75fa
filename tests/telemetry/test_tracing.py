"""Steps as spans: which lies in which, what tasks of their own take along, and that nothing is done without tracing."""

import asyncio
import contextvars
from pathlib import Path
from typing import get_args

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from promptcdn.flights import Flights
from promptcdn.observer import NO_OBSERVER, NO_STEP, Observer, Step, step
from promptcdn.stores import Name, Record
from promptcdn.stores.negative import NegativeCache
from promptcdn.telemetry import Telemetry
from promptcdn.telemetry.tracing import Tracing
from tests.support.fakes import FakeStore, name

pytestmark = pytest.mark.anyio

CLIENT = contextvars.ContextVar("client", default="nobody")


class Part:
    """A part of the service that reports its one method as a step."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    @step("binding")
    async def of(self, key: str, *, default: str) -> str:
        """The default."""
        del key
        return default


class Spans:
    """The spans of a traced telemetry, kept in memory."""

    def __init__(self) -> None:
        provider, self._exporter = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.telemetry = Telemetry(Tracing(provider))

    def traces(self, name: str) -> list[int]:
        """The trace of each span of that name."""
        return [span.context.trace_id for span in self._exporter.get_finished_spans() if span.name == name]

    def above(self, name: str) -> str | None:
        """The name of the span that the one span `name` lies in."""
        spans = self._exporter.get_finished_spans()
        (parent,) = (span.parent for span in spans if span.name == name)
        return None if parent is None else next(span.name for span in spans if span.context.span_id == parent.span_id)


async def test_a_method_that_is_a_step_is_a_span_in_the_step_around_it() -> None:
    spans = Spans()
    with spans.telemetry.step("request"):
        found = await Part(spans.telemetry).of("a", default="b")

    assert found == "b"
    assert spans.above("binding") == "request"
    assert spans.above("request") is None


async def test_a_flight_lies_in_the_step_that_began_it() -> None:
    spans = Spans()
    flights: Flights[str] = Flights(1, 0, observer=spans.telemetry)

    async def fly() -> str:
        with spans.telemetry.step("flight"):
            return CLIENT.get()

    CLIENT.set("somebody")
    with spans.telemetry.step("request"):
        flight, _ = flights.join("a", fly)
    outcome = await flight.outcome(5)

    assert outcome == "nobody", "a flight takes along nothing else of its request"
    assert spans.above("flight") == "request"


async def test_flights_begun_by_two_requests_lie_each_in_its_own() -> None:
    spans = Spans()
    flights: Flights[None] = Flights(1, 1, observer=spans.telemetry)

    async def fly() -> None:
        with spans.telemetry.step("flight"):
            await asyncio.sleep(0)

    async def asked(key: str) -> None:
        with spans.telemetry.step("request"):
            flight, _ = flights.join(key, fly)
            await flight.outcome(5)

    await asyncio.gather(asked("a"), asked("b"))

    assert len(set(spans.traces("request"))) == 2
    assert sorted(spans.traces("flight")) == sorted(spans.traces("request"))


async def test_a_shared_look_carries_nothing_of_its_first_asker() -> None:
    """But the step that it lies in, as a flight does."""
    askers: list[str] = []
    spans = Spans()

    class Store(FakeStore):
        async def get(self, name: Name) -> Record | None:
            with spans.telemetry.step("store"):
                askers.append(CLIENT.get())
            return await super().get(name)

    store = NegativeCache(Store(), task_context=spans.telemetry.task_context)
    CLIENT.set("the first one")
    with spans.telemetry.step("request"):
        await store.get(name())

    assert askers == ["nobody"]
    assert spans.traces("store") == spans.traces("request")


@pytest.mark.parametrize("observer", [NO_OBSERVER, Telemetry()], ids=["no observer", "no tracing"])
async def test_without_tracing_a_step_does_nothing(observer: Observer) -> None:
    assert observer.step("store") is NO_STEP
    assert len(observer.task_context()) == 0


def test_every_step_is_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "telemetry.md").read_text()

    assert [name for name in get_args(Step) if f"`{name}`" not in page] == []
