"""Jobs: orders that wait for a worker, as policy. Which one a worker gets, when a lease is over, what a worker is told.

    waiting ──handed to a worker──▶ leased ──picture──▶ done
       ▲                              │
       └──lease over, or no picture───┘ ──too often──▶ failed

Every time is in Unix seconds, and given by the caller.
"""

import functools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from promptcdn.generators.declaration import LOADED
from promptcdn.readers.answers import Urgency
from promptcdn.url.engines import SOURCE_PARAMETERS, Size
from promptcdn.url.order import Order
from promptcdn.url.request import Resolved

# A job fails once so many workers have given no picture for it, or once it was handed out so often.
FAILURES_MAX = 3
HANDED_MAX = 10
# In bytes, of a picture's file: what the spool takes of any generator. Uncompressed, 2048x2048 pixels are 12 MiB.
PICTURE_MAX = 32 * 1024 * 1024
# The workers that are remembered.
_WORKERS_KEPT = 1000
_CAN_LETTERS = 4096
# The leases that a job remembers: whose they were decides what a late worker is told.
_LEASES_KEPT = 8
_REASON_LETTERS = 200
# What a reader is told to wait, in seconds: where workers draw, at least and at most; and where none has called.
_SOONEST, _LATEST, _WITHOUT_WORKERS = 2, 60, 60
# No lease ends so many seconds from now. One that seems to was begun before the clock was set back.
_LEASE_AHEAD = 120.0
# How long a worker that was started may take until its first call: a machine with a GPU takes minutes.
_STARTING = 900.0


@dataclass(frozen=True)
class Timings:
    """How jobs are timed, in seconds.

    lease    a worker that says nothing for so long loses its job to the next one
    longest  signs of life keep a job for so long at most: a program that hangs may send them for ever
    awaited  somebody waits for a picture whose last request is no older
    others   a worker that gave no picture for a job gets that job again after this time; others get it at once
    done     a job that is done is remembered for so long, to tell late workers
    failed   a job that failed is remembered for so long, to tell those who wait for it
    kept     a job for which nobody has asked for so long is given up
    seen     a worker counts as present for so long after its last call
    """

    lease: float = 30.0
    longest: float = 3600.0
    awaited: float = 15.0
    others: float = 10.0
    done: float = 600.0
    failed: float = 60.0
    kept: float = 86400.0
    seen: float = 60.0


TIMINGS = Timings()


@dataclass(frozen=True)
class Lease:
    """That a worker has a job: under this id, since then, and until then if the worker is not heard of again.

    `worker` is the name of its token, and `instance` its own, of which a token may have several.
    """

    id: str
    worker: str
    since: float
    until: float
    instance: str = ""


@dataclass(frozen=True)
class Failure:
    """That a worker gave no picture for a job, when, and what it said."""

    worker: str
    at: float
    why: str


@dataclass(frozen=True)
class Job:
    """An order, and what has become of it.

    `after` and `mark` are those of `spool.Paid`. `placed` is when it was ordered first, `asked` when somebody last
    waited for it. `leases` has the latest ones, the present one last; `handed` is how many there were.
    """

    order: Order
    after: int = 0
    mark: str = ""
    urgency: Urgency = Urgency.NOW
    placed: float = 0.0
    asked: float = 0.0
    state: Literal["waiting", "done", "failed"] = "waiting"
    ended: float = 0.0
    leases: tuple[Lease, ...] = ()
    handed: int = 0
    failures: tuple[Failure, ...] = ()

    @property
    def lease(self) -> Lease | None:
        """The present one, or the last one."""
        return self.leases[-1] if self.leases else None

    def leased(self, now: float) -> bool:
        """Whether a worker has it."""
        return self.lease is not None and now < self.lease.until < now + _LEASE_AHEAD


@dataclass(frozen=True)
class Can:
    """What a worker can draw: engines by name, sizes (`None`: every size), and which of `SOURCE_PARAMETERS`."""

    engines: frozenset[str] = frozenset()
    sizes: frozenset[Size] | None = None
    understands: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Presence:
    """A worker that called: when it did so last, how long its pictures take (seconds, 0 where it made none), and what
    it can draw, where that is known."""

    at: float
    seconds: float = 0.0
    can: Can | None = None


# What the sender of a message about a job is to the job. `current` has it, `late` lost it to another worker or has no
# lease any more, `theirs` never had it, `ended`: it has its picture, or was given up; `unknown`: there is none.
Standing = Literal["current", "late", "theirs", "ended", "unknown"]


def able(resolved: Resolved, can: Can) -> bool:
    """Whether a worker that can do this can draw that order."""
    needs = {name for name in SOURCE_PARAMETERS if name in resolved.parameters()}
    width, height = resolved.size
    scale = resolved.upscale or 1
    drawn = can.sizes is None or (width // scale, height // scale) in can.sizes
    return needs <= can.understands and drawn and resolved.engine in (LOADED, *can.engines)


def last_call(jobs: Iterable[Job], workers: Iterable[Presence], began: float) -> float | None:
    """When workers called last, for the order that has gone without for longest: only those count that can draw it, and
    `began` stands for none. `None` where no order waits."""
    kinds = {_kind(job.order.resolved): job.order.resolved for job in jobs if job.state == "waiting"}
    known = tuple(workers)
    calls = (max((each.at for each in known if _may(kind, each)), default=began) for kind in kinds.values())
    return min(calls, default=None)


def next_job(jobs: Iterable[Job], worker: str, can: Can, now: float, timings: Timings = TIMINGS) -> Job | None:
    """The job that this worker gets: of those that it can do the most urgent, and of equals the oldest."""
    free = (job for job in jobs if job.state == "waiting" and not job.leased(now) and able(job.order.resolved, can))
    mine = [job for job in free if not _failed_lately(job, worker, now, timings)]
    return min(mine, key=lambda job: _turn(job, now, timings), default=None)


def handed(job: Job, lease_id: str, worker: str, now: float, timings: Timings = TIMINGS, *, instance: str = "") -> Job:
    """The job once that worker has it."""
    lease = Lease(lease_id, worker, now, now + timings.lease, instance)
    return replace(job, leases=(*job.leases, lease)[-_LEASES_KEPT:], handed=job.handed + 1)


def standing(job: Job | None, lease_id: str, worker: str) -> Standing:
    """What the sender of a message is to that job. A lease that ran out while nobody else got the job still counts."""
    lease = next((lease for lease in job.leases if lease.id == lease_id), None) if job else None
    if job is None or lease is None:
        return "unknown"
    if lease.worker != worker:
        return "theirs"
    if job.state != "waiting":
        return "ended"
    return "current" if lease == job.lease else "late"


def renewed(job: Job, now: float, timings: Timings = TIMINGS) -> Job:
    """The job after a sign of life of the worker that has it."""
    ends = now + timings.lease if job.lease is None else min(now + timings.lease, job.lease.since + timings.longest)
    return _with_last_lease(job, until=ends)


def given_back(job: Job, now: float) -> Job:
    """The job after its worker gave it back untried: the next worker gets it, as if this one had not had it."""
    return replace(_with_last_lease(job, until=now), handed=max(0, job.handed - 1))


def failed(job: Job, worker: str, why: str, now: float) -> Job:
    """The job after a worker gave no picture, or none that was ordered. It fails with the last of its tries."""
    shown = "".join(letter if letter.isprintable() else " " for letter in why[:_REASON_LETTERS])
    tried = replace(_with_last_lease(job, until=now), failures=(*job.failures, Failure(worker, now, shown)))
    return replace(tried, state="failed", ended=now) if len(tried.failures) >= FAILURES_MAX else tried


def done(job: Job, now: float) -> Job:
    """The job once its picture is safe."""
    return replace(job, state="done", ended=now)


def asked_again(job: Job, urgency: Urgency, now: float) -> Job:
    """The job while somebody waits for it; the most urgent of those who do counts."""
    return replace(job, asked=now, urgency=min(job.urgency, urgency))


def swept(job: Job, now: float, timings: Timings = TIMINGS) -> Job | None:
    """What the passing of time makes of a job; `None` where it is to be forgotten."""
    match job.state:
        case "done":
            return job if now < job.ended + timings.done else None
        case "failed":
            return job if now < job.ended + timings.failed else None
    if job.leased(now):
        return job
    if job.handed >= HANDED_MAX:
        why = f"the order was handed out {job.handed} times, and no worker has finished it"
        return replace(job, state="failed", ended=now, failures=(*job.failures, Failure("", now, why)))
    return job if now < job.asked + timings.kept else None


def why_failed(job: Job) -> str:
    """What those who wait are told of a job that failed."""
    last = job.failures[-1].why if job.failures else "no reason was given"
    return f"no worker has made this picture; the last reason: {last}"


def waits(
    job: Job | None,
    jobs: Iterable[Job],
    workers: Iterable[Presence],
    now: float,
    timings: Timings = TIMINGS,
    *,
    started: float | None = None,
) -> tuple[str, int]:
    """Why a picture is late, for its readers, and in how many seconds another try may help. A worker was last `started`
    then."""
    if job is not None and job.leased(now):
        return "a worker is drawing the picture", _SOONEST
    there = [worker for worker in workers if now < worker.at + timings.seen]
    present = [worker for worker in there if job is None or _may(job.order.resolved, worker)]
    if not present and started is not None and now < started + _STARTING:
        return "the picture waits for a worker, which is being started", _WITHOUT_WORKERS
    if there and not present:
        return "the picture waits for a worker that can draw it, and none has called lately", _WITHOUT_WORKERS
    if not present:
        return "the picture waits for a worker, and no worker has called lately", _WITHOUT_WORKERS
    mine = (Urgency.NOW, now) if job is None else _turn(job, now, timings)
    ahead = sum(1 for each in jobs if each.state == "waiting" and _turn(each, now, timings) < mine)
    known = [worker.seconds for worker in present if worker.seconds]
    seconds = (ahead + 1) * (sum(known) / len(known) if known else _SOONEST) / len(present)
    turn = "is the next one for a worker" if not ahead else f"waits for a worker, and {ahead} before it"
    return f"the picture {turn}", min(_LATEST, max(_SOONEST, math.ceil(seconds)))


def remembered(workers: Mapping[str, Presence], now: float, timings: Timings = TIMINGS) -> dict[str, Presence]:
    """The latest of the workers that called, by name. One that is restarted again and again has a new name each time;
    and one that called in the future did so before the clock was set back."""
    known = [name for name, each in workers.items() if now - timings.kept < each.at < now + timings.seen]
    known.sort(key=lambda name: workers[name].at, reverse=True)
    return {name: workers[name] for name in known[:_WORKERS_KEPT]}


def average(seconds: float, before: float) -> float:
    """How long a worker's pictures take, after one more: the later ones count more."""
    return seconds if not before else 0.7 * before + 0.3 * seconds


def written(job: Job) -> str:
    """The job as text."""
    members = {
        "order": [job.order.as_asked_key, job.order.content_key, job.order.resolved.parameters()],
        "after": str(job.after),  # beyond the whole numbers that JSON is sure of
        "mark": job.mark,
        "urgency": int(job.urgency),
        "times": [job.placed, job.asked, job.ended],
        "state": job.state,
        "leases": [[lease.id, lease.worker, lease.since, lease.until, lease.instance] for lease in job.leases],
        "handed": job.handed,
        "failures": [[failure.worker, failure.at, failure.why] for failure in job.failures],
    }
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))


def read(text: str) -> Job | None:
    """The inverse of `written`; `None` for what a newer version wrote in another form."""
    try:
        members: Mapping[str, Any] = json.loads(text)
        as_asked_key, content_key, parameters = members["order"]
        placed, asked, ended = members["times"]
        return Job(
            Order(as_asked_key, Resolved.from_parameters(parameters), content_key),
            int(members["after"]),
            members["mark"],
            Urgency(members["urgency"]),
            placed,
            asked,
            members["state"],
            ended,
            tuple(Lease(*each) for each in members["leases"]),
            members["handed"],
            tuple(Failure(*each) for each in members["failures"]),
        )
    except (ValueError, TypeError, KeyError):
        return None


def _kind(resolved: Resolved) -> tuple[object, ...]:
    """Orders of one kind are drawn by the same workers."""
    return (
        resolved.engine,
        resolved.size,
        *(name in resolved.parameters() for name in SOURCE_PARAMETERS),
        resolved.upscale,
    )


def _may(resolved: Resolved, worker: Presence) -> bool:
    """Whether that worker can draw the order, as far as is known."""
    return worker.can is None or able(resolved, worker.can)


def _turn(job: Job, now: float, timings: Timings) -> tuple[Urgency, float]:
    """Lower is sooner. Whoever waited now and has left comes after those who wait, and with those who are early."""
    left = now >= job.asked + timings.awaited
    return (max(job.urgency, Urgency.AHEAD) if left else job.urgency), job.placed


def presence_written(presence: Presence) -> str:
    """The presence as text. What a worker can draw is left out where it is so much that looks would be slow."""
    can = "null" if presence.can is None else json.dumps(_members(presence.can), separators=(",", ":"))
    can = can if len(can) <= _CAN_LETTERS else "null"
    return f'{{"at":{presence.at:.3f},"seconds":{presence.seconds:.3f},"can":{can}}}'


@functools.lru_cache(2 * _WORKERS_KEPT)
def presence_read(text: str) -> Presence:
    """The inverse of `presence_written`; one of long ago for what another version wrote."""
    try:
        members = json.loads(text)
        return Presence(float(members["at"]), float(members["seconds"]), _can(members["can"]))
    except (ValueError, TypeError, KeyError):
        return Presence(0.0)


def _members(can: Can) -> list[Any]:
    return [sorted(can.engines), None if can.sizes is None else sorted(can.sizes), sorted(can.understands)]


def _can(members: Any) -> Can | None:
    if members is None:
        return None
    engines, sizes, understands = members
    drawn = None if sizes is None else frozenset((width, height) for width, height in sizes)
    return Can(frozenset(engines), drawn, frozenset(understands))


def _failed_lately(job: Job, worker: str, now: float, timings: Timings) -> bool:
    return any(each.worker == worker and now < each.at + timings.others for each in job.failures)


def _with_last_lease(job: Job, until: float) -> Job:
    if job.lease is None:
        return job
    return replace(job, leases=(*job.leases[:-1], replace(job.lease, until=until)))
