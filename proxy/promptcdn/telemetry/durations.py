"""How long answers took: a histogram that is cheap enough for hits, which the library's is not."""

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.registry import Collector

from promptcdn.telemetry.metrics import Metric


class Durations(Collector):
    """A histogram of seconds with one label."""

    def __init__(self, metric: Metric, registry: CollectorRegistry) -> None:
        self._metric = metric
        self._bounds = (*metric.buckets, float("inf"))
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        registry.register(self)

    def observe(self, label: str, seconds: float) -> None:
        """Counts one answer."""
        counts = self._counts.get(label)
        if counts is None:
            counts = self._counts[label] = [0] * len(self._bounds)
            self._sums[label] = 0.0
        counts[bisect_left(self._bounds, seconds)] += 1
        self._sums[label] += seconds

    def collect(self) -> Iterable[HistogramMetricFamily]:
        family = HistogramMetricFamily(self._metric.name, self._metric.meaning, labels=self._metric.labels)
        for label, counts in self._counts.items():
            names = [*map(str, map(float, self._metric.buckets)), "+Inf"]
            buckets = list(zip(names, map(float, accumulate(counts)), strict=True))
            family.add_metric([label], buckets, sum_value=self._sums[label])
        yield family
