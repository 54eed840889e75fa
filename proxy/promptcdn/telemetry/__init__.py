"""Telemetry: what the service tells its operator.

    metrics    the table of metrics
    durations  how long answers took
    observed   a store and a generator whose calls are reported
    logs       lines as text or JSON
    tracing    a span for each step of a request, with the extra `otel`

`Telemetry` is the `Observer`: it counts, and has steps traced. What has a value of its own is read when somebody looks:
`watch`.
"""

import contextvars
import inspect
from collections import Counter as Counts
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from starlette.types import ASGIApp

from promptcdn.event_loop import LagMeter
from promptcdn.money.costs import Cost
from promptcdn.observer import Operation, Result, Source, Step
from promptcdn.problems import Unavailable
from promptcdn.readers.audience import Audience
from promptcdn.readers.connections import Reason
from promptcdn.telemetry import metrics
from promptcdn.telemetry.durations import Durations
from promptcdn.telemetry.metrics import Metric
from promptcdn.telemetry.tracing import Tracing

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

# One value, or values by those of the metric's labels.
Reading = float | Mapping[tuple[str, ...], float]


class Telemetry:
    """Counts what is reported, and reads the rest at each look. One instance a service: no state is shared.

    Steps are traced by `tracing`, and by nothing where there is none.
    """

    def __init__(self, tracing: Tracing | None = None) -> None:
        self._tracing = tracing or Tracing()
        self._registry = _Registry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        # Hits are counted here and not in the library's counters, whose look-up by labels takes longer than a hit.
        self._answered: Counts[tuple[str, Audience, int]] = Counts()
        self._durations = Durations(metrics.DURATION, self._registry)
        self._refusals = self._counter(metrics.REFUSALS)
        self._paid = self._counter(metrics.PAID)
        self._credits = self._counter(metrics.CREDITS)
        self._generated = self._counter(metrics.GENERATED)
        self._generator_durations = self._histogram(metrics.GENERATOR_DURATION)
        self._stored = self._counter(metrics.STORED)
        self._store_durations = self._histogram(metrics.STORE_DURATION)
        self._encodes = self._counter(metrics.ENCODES)
        self._lag = LagMeter(self._histogram(metrics.LAG).observe)
        self._closed = self._counter(metrics.CONNECTIONS_CLOSED)
        for reason in get_args(Reason):  # an alert sees no increase from nothing to the first one
            self._closed.labels(reason)
        self._watched: list[tuple[Metric, Callable[[], Reading | Awaitable[Reading]]]] = []
        self._readings = _Readings(self._registry)
        self.watch(metrics.REQUESTS, self._requests)

    def step(self, name: Step) -> AbstractContextManager[object]:
        return self._tracing.span(name)

    @property
    def traced(self) -> bool:
        """Whether steps have spans."""
        return self._tracing.on

    def task_context(self) -> contextvars.Context:
        return self._tracing.task_context()

    def around(self, app: ASGIApp) -> ASGIApp:
        """`app`, each of whose requests is a step."""
        return self._tracing.around(app)

    def start(self) -> None:
        """Measures from now on how late the event loop is."""
        self._lag.start()

    async def close(self) -> None:
        """Ends the measuring, and sends the spans that were not sent yet."""
        self._lag.close()
        await self._tracing.close()

    def answered(self, outcome: str, audience: Audience, status: int, source: Source, seconds: float) -> None:
        self._answered[outcome, audience, status] += 1
        self._durations.observe(source, seconds)

    def refused(self, code: str) -> None:
        self._refusals.labels(code).inc()

    def paid(self, cost: Cost) -> None:
        self._paid.labels(cost.engine).inc(cost.pictures)
        self._credits.labels(cost.engine).inc(cost.millicredits / 1000)

    def generated(self, generator: str, result: str, seconds: float) -> None:
        self._generated.labels(generator, result).inc()
        self._generator_durations.labels(generator).observe(seconds)

    def stored(self, operation: Operation, result: Result, seconds: float) -> None:
        self._stored.labels(operation, result).inc()
        self._store_durations.labels(operation).observe(seconds)

    def encoded(self, media_type: str) -> None:
        self._encodes.labels(media_type).inc()

    def closed(self, reason: Reason) -> None:
        self._closed.labels(reason).inc()

    def watch(self, metric: Metric, read: Callable[[], Reading | Awaitable[Reading]]) -> None:
        """From now on `metric` is what `read` gives at each look; nothing while it raises `Unavailable`."""
        self._watched.append((metric, read))

    async def exposition(self) -> bytes:
        """All metrics in Prometheus' text format, whose media type is `CONTENT_TYPE`."""
        self._readings.families = [_family(metric, await _read(read)) for metric, read in self._watched]
        return generate_latest(self._registry)

    def _requests(self) -> Reading:
        return {(outcome, who.name.lower(), str(status)): n for (outcome, who, status), n in self._answered.items()}

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.meaning, metric.labels, registry=self._registry)

    def _histogram(self, metric: Metric) -> Histogram:
        return Histogram(metric.name, metric.meaning, metric.labels, registry=self._registry, buckets=metric.buckets)


class _Registry(CollectorRegistry):
    """Without the time at which each series began: half as many series, and nobody looks at it."""

    def collect(self) -> Iterable[Family]:
        for family in super().collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family


class _Readings(Collector):
    """What was read at the last look."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.families: list[Family] = []
        registry.register(self)

    def collect(self) -> Iterable[Family]:
        return self.families


async def _read(read: Callable[[], Reading | Awaitable[Reading]]) -> Reading:
    try:
        reading = read()
        return await reading if inspect.isawaitable(reading) else reading
    except Unavailable:
        return {}


def _family(metric: Metric, reading: Reading) -> Family:
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.meaning, labels=metric.labels)
    for labels, value in (reading if isinstance(reading, Mapping) else {(): reading}).items():
        family.add_metric(labels, value)
    return family
