"""Every metric in one table: its name, kind, labels and meaning. `docs/telemetry.md` is written from it.

Labels have closed sets of values: never a prompt, a key, a path or a client.
"""

from dataclasses import dataclass
from typing import Literal

# A hit takes less than a millisecond, a new picture up to the upstream's deadline.
_ANSWERS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 5, 10, 30, 60, 120)
_STORES = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 5, 10)
_GENERATORS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120)


@dataclass(frozen=True)
class Metric:
    """One row. Counters end in `_total`, what has a unit in the unit; `buckets` are upper bounds in seconds."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


REQUESTS = Metric(
    "promptcdn_requests_total",
    "counter",
    "Answers, by what was answered (an outcome or the code of a problem), to whom, and with which status.",
    ("outcome", "audience", "status"),
)
DURATION = Metric(
    "promptcdn_request_duration_seconds",
    "histogram",
    "From a request to the beginning of its answer, by where the picture came from: memory, store, made, none.",
    ("source",),
    _ANSWERS,
)
REFUSALS = Metric(
    "promptcdn_refusals_total",
    "counter",
    "Problems that were answered, by code; with those of request heads, which no other metric has.",
    ("code",),
)
CONNECTIONS = Metric("promptcdn_connections", "gauge", "Connections of clients that are open now.")
CONNECTIONS_CLOSED = Metric(
    "promptcdn_connections_closed_total",
    "counter",
    "Connections that were closed though their clients kept them: bound and peer_bound (there were too many, in all or"
    " of one address, and it had waited longest for a request, or left its answer unread longest), refused (new, while"
    " all others were being answered), silent (no request came).",
    ("reason",),
)
FLIGHTS_BEGUN = Metric(
    "promptcdn_flights_begun_total", "counter", "Requests that found no picture and began to have it made."
)
FLIGHTS_JOINED = Metric(
    "promptcdn_flights_joined_total", "counter", "Requests that found no picture and joined those who wait for it."
)
FLIGHTS = Metric("promptcdn_flights", "gauge", "Pictures that are being made now.")
QUEUE = Metric("promptcdn_queue", "gauge", "Pictures that wait for their turn to be made.")
WAITING = Metric(
    "promptcdn_requests_waiting",
    "gauge",
    "Requests that wait for the store, an encode or a new picture; with those whose askers have left.",
)
PAID = Metric("promptcdn_paid_total", "counter", "Calls that cost money, or may have.", ("engine",))
CREDITS = Metric("promptcdn_credits_total", "counter", "What those calls cost, in credits.", ("engine",))
SPENT_PICTURES = Metric(
    "promptcdn_spent_pictures",
    "gauge",
    "What the budget's counter has of this UTC day and month, restarts and other processes included.",
    ("engine", "period"),
)
SPENT_CREDITS = Metric("promptcdn_spent_credits", "gauge", "The same in credits.", ("engine", "period"))
BUDGET_LEFT = Metric(
    "promptcdn_budget_left", "gauge", "What may still be spent in the period, in the limit's currency.", ("limit",)
)
BUDGET_LIMIT = Metric("promptcdn_budget_limit", "gauge", "What may be spent in a whole period.", ("limit",))
RESTING = Metric(
    "promptcdn_resting_keys", "gauge", "Pictures that are not tried again yet: the last try may have cost."
)
GENERATED = Metric(
    "promptcdn_generator_calls_total",
    "counter",
    "What the generator answered: picture, filtered, or the code of a problem.",
    ("result",),
)
GENERATOR_DURATION = Metric(
    "promptcdn_generator_duration_seconds", "histogram", "How long it took to answer.", buckets=_GENERATORS
)
STORED = Metric(
    "promptcdn_store_operations_total",
    "counter",
    "What the store answered: there, absent, or unknown where it did not answer.",
    ("operation", "result"),
)
STORE_DURATION = Metric(
    "promptcdn_store_operation_duration_seconds",
    "histogram",
    "How long it took to answer.",
    ("operation",),
    _STORES,
)
CORRUPT = Metric("promptcdn_corrupt_objects_total", "counter", "Objects that were found corrupt and set aside.")
MEMORY = Metric("promptcdn_memory_bytes", "gauge", "Pictures held in memory, overhead counted.")
EVICTIONS = Metric("promptcdn_memory_evictions_total", "counter", "Pictures that left memory to make room.")
ENCODES = Metric("promptcdn_encodes_total", "counter", "Renditions made of masters, by media type.", ("media_type",))
BREAKER = Metric("promptcdn_breaker_open", "gauge", "1 while the upstream fails so often that no new picture is made.")
REDIS = Metric("promptcdn_redis_down", "gauge", "1 while the Redis that replicas share does not answer.")
SPOOL = Metric("promptcdn_spool_entries", "gauge", "Paid pictures that wait for the store.")
BUILD = Metric("promptcdn_build_info", "gauge", "Always 1; its labels say what runs.", ("version", "generator"))

METRICS: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
