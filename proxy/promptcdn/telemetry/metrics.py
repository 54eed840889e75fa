"""Every metric in one table: its name, kind, labels and meaning. `docs/telemetry.md` is written from it.

Labels have closed sets of values: never a prompt, a key, a path or a client.
"""

from dataclasses import dataclass
from typing import Literal

# A hit takes less than a millisecond, a new picture up to the upstream's deadline.
_ANSWERS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 5, 10, 30, 60, 120)
_STORES = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5, 5, 10)
_LAGS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_GENERATORS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120)


@dataclass(frozen=True)
class Metric:
    """One row. The name of a counter ends in `_total`, of what has a unit in the unit.

    `meaning` is the metric's HELP text: one sentence that is understood alone. `buckets` are upper bounds in seconds.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


REQUESTS = Metric(
    "promptcdn_requests_total",
    "counter",
    "Requests answered, by outcome (of a picture, or the code of a problem), audience and HTTP status.",
    ("outcome", "audience", "status"),
)
DURATION = Metric(
    "promptcdn_request_duration_seconds",
    "histogram",
    "Seconds from a request to the start of its answer, by where the picture came from: memory, store, made, none.",
    ("source",),
    _ANSWERS,
)
REFUSALS = Metric(
    "promptcdn_refusals_total",
    "counter",
    "Requests answered with a problem, by its code; also requests whose head was refused before they were read.",
    ("code",),
)
CONNECTIONS = Metric("promptcdn_connections", "gauge", "Client connections that are open now.")
CONNECTIONS_CLOSED = Metric(
    "promptcdn_connections_closed_total",
    "counter",
    "Client connections that the service closed, by reason: bound (too many connections in all), peer_bound (too many"
    " of one address), refused (a new one, while all others were being answered), silent (no request came).",
    ("reason",),
)
FLIGHTS_BEGUN = Metric(
    "promptcdn_flights_begun_total", "counter", "New pictures that a request started, because none was stored."
)
FLIGHTS_JOINED = Metric(
    "promptcdn_flights_joined_total",
    "counter",
    "Requests that waited for a new picture which another request had started.",
)
FLIGHTS = Metric("promptcdn_flights", "gauge", "New pictures that are being made now, by generator.", ("generator",))
QUEUE = Metric(
    "promptcdn_queue",
    "gauge",
    "New pictures in the queue, which wait until one of the same generator that is being made is done, by generator.",
    ("generator",),
)
WAITING = Metric(
    "promptcdn_requests_waiting",
    "gauge",
    "Requests that wait for the store, for an encode or for a new picture; also those whose clients have left.",
)
PAID = Metric(
    "promptcdn_paid_total", "counter", "Generator calls that cost money, or may have, by engine.", ("engine",)
)
CREDITS = Metric(
    "promptcdn_credits_total",
    "counter",
    "Credits that generator calls cost, or may have cost, since this process started, by engine.",
    ("engine",),
)
SPENT_PICTURES = Metric(
    "promptcdn_spent_pictures",
    "gauge",
    "Pictures counted by the budget in this UTC day and month, by engine, restarts and other processes included.",
    ("engine", "period"),
)
SPENT_CREDITS = Metric(
    "promptcdn_spent_credits",
    "gauge",
    "Credits counted by the budget in this UTC day and month, by engine, restarts and other processes included.",
    ("engine", "period"),
)
BUDGET_LEFT = Metric(
    "promptcdn_budget_left",
    "gauge",
    "Pictures or credits, as the limit says, that may still be spent in the limit's present period.",
    ("limit",),
)
BUDGET_LIMIT = Metric(
    "promptcdn_budget_limit",
    "gauge",
    "Pictures or credits, as the limit says, that may be spent in a whole period.",
    ("limit",),
)
IN_COOLDOWN = Metric(
    "promptcdn_keys_in_cooldown",
    "gauge",
    "Pictures in a cooldown: a try that may have cost money failed, and the next one has to wait.",
)
GENERATED = Metric(
    "promptcdn_generator_calls_total",
    "counter",
    "Generator calls, by generator and result: picture, filtered (by the upstream), or the code of a problem.",
    ("generator", "result"),
)
GENERATOR_DURATION = Metric(
    "promptcdn_generator_duration_seconds",
    "histogram",
    "Seconds from a generator call to its answer, with all retries, by generator.",
    ("generator",),
    buckets=_GENERATORS,
)
STORED = Metric(
    "promptcdn_store_operations_total",
    "counter",
    "Store operations, by operation and result: there, absent, or unknown (no answer, or none in time).",
    ("operation", "result"),
)
STORE_DURATION = Metric(
    "promptcdn_store_operation_duration_seconds",
    "histogram",
    "Seconds from a store operation's start to the store's answer, by operation.",
    ("operation",),
    _STORES,
)
CORRUPT = Metric(
    "promptcdn_corrupt_objects_total", "counter", "Stored objects that were found corrupt, and were set aside."
)
MEMORY = Metric("promptcdn_memory_bytes", "gauge", "Bytes of pictures held in memory, with what holding them takes.")
EVICTIONS = Metric(
    "promptcdn_memory_evictions_total", "counter", "Pictures dropped from memory to make room for others."
)
DISK_CACHE_READS = Metric(
    "promptcdn_disk_cache_reads_total",
    "counter",
    "Reads of the disk before the bucket (PROMPTCDN_DISK_CACHE), by result: hit, miss, or corrupt (thrown away, and"
    " read from the bucket).",
    ("result",),
)
DISK_CACHE = Metric(
    "promptcdn_disk_cache_bytes", "gauge", "Bytes on the disk before the bucket, in whole blocks of the disk."
)
DISK_CACHE_FILES = Metric("promptcdn_disk_cache_files", "gauge", "Files on the disk before the bucket.")
DISK_CACHE_EVICTIONS = Metric(
    "promptcdn_disk_cache_evictions_total",
    "counter",
    "Files dropped from the disk before the bucket to make room for others.",
)
ENCODES = Metric(
    "promptcdn_encodes_total",
    "counter",
    "Stored pictures encoded in another format or size, by media type.",
    ("media_type",),
)
ORDERS = Metric(
    "promptcdn_orders_waiting",
    "gauge",
    "Orders for workers whose pictures are not made yet, those that a worker has with them; of all replicas.",
)
OLDEST_ORDER = Metric(
    "promptcdn_oldest_order_seconds", "gauge", "Seconds since the oldest order that waits for a worker was placed."
)
WORKERS = Metric("promptcdn_workers", "gauge", "Workers that called within the last minute, at any replica.")
WORKER_PICTURES = Metric(
    "promptcdn_worker_pictures_total",
    "counter",
    "Pictures that workers brought, by the name of their token.",
    ("worker_name",),
)
WORKER_SECONDS = Metric(
    "promptcdn_worker_seconds_total",
    "counter",
    "Seconds from handing an order to a worker to its picture, added up, by the name of the worker's token.",
    ("worker_name",),
)
WORKER_FAILURES = Metric(
    "promptcdn_worker_failures_total",
    "counter",
    "Orders of which a worker gave no picture or a wrong one, by the name of its token.",
    ("worker_name",),
)
WORKER_STARTS = Metric(
    "promptcdn_worker_starts_total",
    "counter",
    "Workers that PROMPTCDN_WORKER_START started, or was to start, by result: started, failed.",
    ("result",),
)
BREAKER = Metric(
    "promptcdn_breaker_open",
    "gauge",
    "1 while a generator makes no new pictures because its upstream failed many times in a row.",
    ("generator",),
)
REDIS = Metric("promptcdn_redis_down", "gauge", "1 while the Redis that the replicas share does not answer.")
LAG = Metric(
    "promptcdn_event_loop_lag_seconds",
    "histogram",
    "Seconds by which a timer fired late that is due four times a second: for so long the process answered nobody.",
    buckets=_LAGS,
)
SPOOL = Metric("promptcdn_spool_entries", "gauge", "Paid pictures in the spool, which the store has not taken yet.")
BUILD = Metric(
    "promptcdn_build_info",
    "gauge",
    "Always 1 for each generator in use; the labels name the running version and the generator.",
    ("version", "generator"),
)

METRICS: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
