"""Three replicas, a Redis, a bucket and four workers, all of which are killed or stopped: every picture once."""

import contextlib
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.conftest import Figures
from tests.replicas.test_workers import SMALL, finally_shown, masters
from tests.support.buckets import BUCKET, Service, moto
from tests.support.crowd import Crowd, Reply
from tests.support.ports import held_port
from tests.support.redis_servers import Server
from tests.support.rounds import rounds
from tests.support.service import Promptcdn, wait_until_ready
from tests.support.waiting import until
from tests.support.workers import SETTINGS, WorkerProcess

WORKERS = 4
STEPS = rounds(4)
# How long a worker is stopped, in seconds: also for longer than its lease.
STOPS = (3, 35)


class Storm:
    """The services and workers, and what befell them. `lost` is how many orders may have to be drawn twice."""

    def __init__(self, folder: Path, bucket: Service, redis: Server, stack: contextlib.ExitStack) -> None:
        self.folder, self.redis = folder, redis
        settings = {
            **SETTINGS,
            **bucket.environment,
            "PROMPTCDN_REDIS_URL": redis.url,
            "PROMPTCDN_STORE": f"s3://{BUCKET}/{folder.name}",
            "PROMPTCDN_WAIT": 120,
        }
        self.replicas = [
            stack.enter_context(Promptcdn(folder / f"replica-{n}", PORT=stack.enter_context(held_port()), **settings))
            for n in range(3)
        ]
        wait_until_ready(*self.replicas)
        self.workers = [
            stack.enter_context(WorkerProcess(folder / f"worker-{n}", self.replicas[n % 3].url)) for n in range(WORKERS)
        ]
        self.befell = Counter[str]()
        self._timers: list[threading.Timer] = []

    def told(self, what: str) -> int:
        """How often workers have said this in their logs."""
        return sum((self.folder / f"worker-{n}" / "worker.log").read_text().count(what) for n in range(WORKERS))

    @property
    def lost(self) -> int:
        forgotten = WORKERS * self.befell["Redis started anew"]
        return self.befell["workers killed"] + self.befell["workers stopped"] + forgotten

    def step(self, number: int, chance: random.Random) -> None:
        """One more misfortune."""
        victim = chance.choice(self.workers)
        if chance.random() < 0.6:
            victim.stop(signal.SIGKILL)
            victim.__enter__()
            self.befell["workers killed"] += 1
        else:
            self._stop(victim, chance.choice(STOPS))
        if number == STEPS // 4:
            self.redis.kill()
            self.redis.start()
            self.befell["Redis started anew"] += 1
        if number == STEPS // 2:
            self.replicas[2].stop(signal.SIGKILL)
            self.replicas[2].start_again()
            self.befell["replicas killed"] += 1

    def close(self) -> None:
        for timer in self._timers:
            timer.cancel()

    def _stop(self, victim: WorkerProcess, seconds: float) -> None:
        process = victim.process
        process.send_signal(signal.SIGSTOP)
        # `send_signal` does nothing to a process that has ended meanwhile.
        self._timers.append(threading.Timer(seconds, process.send_signal, [signal.SIGCONT]))
        self._timers[-1].start()
        self.befell["workers stopped"] += 1


@pytest.fixture
def storm(tmp_path: Path) -> Iterator[tuple[Storm, Service]]:
    with moto(tmp_path) as bucket, Server(tmp_path) as redis, contextlib.ExitStack() as stack:
        brewed = Storm(tmp_path, bucket, redis, stack)
        yield brewed, bucket
        brewed.close()


@pytest.mark.skipif(rounds(1) == 1, reason="takes minutes: ./scripts/soak; a smaller one is in tests/replicas")
@pytest.mark.timeout(1800)
def test_every_picture_is_made_once_in_a_storm(storm: tuple[Storm, Service], figures: Figures) -> None:
    all_of_it, bucket = storm
    count, chance = rounds(50), random.Random(7)
    urls = [f"/?prompt=storm&seed={seed}{SMALL}" for seed in range(count)]
    with ThreadPoolExecutor(3) as readers:
        asked = [readers.submit(Crowd(replica.url).ask, urls) for replica in all_of_it.replicas]
        for number in range(STEPS):
            pause(asked, chance.uniform(0.5, 2))
            all_of_it.step(number, chance)
        first = [reply for answers in asked for reply in answers.result()]
    last = [finally_shown(replica, url) for replica in all_of_it.replicas for url in urls]

    shown = Counter(reply.body for reply in last)
    figures(
        requests=len(first) + len(last),
        lost=count - masters(bucket, all_of_it.folder.name),
        taken=all_of_it.told(" drew "),
        brought_in_vain=all_of_it.told(" was not taken"),
        **{name.replace(" ", "_"): times for name, times in all_of_it.befell.items()},
    )
    assert {reply.status for reply in first if reply} <= {200, 503}
    assert (len(shown), set(shown.values())) == (count, {3})
    assert {reply.body for reply in first if reply and reply.for_ever} <= set(shown)
    assert masters(bucket, all_of_it.folder.name) == count
    # A worker that is killed while it brings a picture says nothing of it.
    assert all_of_it.told(" drew ") <= count
    assert all_of_it.told(" drew ") + all_of_it.told(" was not taken") <= count + all_of_it.lost


def pause(asked: "list[Future[list[Reply | None]]]", seconds: float) -> None:
    """So many seconds, or until all readers are answered."""
    ends = time.monotonic() + seconds
    with contextlib.suppress(AssertionError):
        until(lambda: all(answers.done() for answers in asked) or time.monotonic() > ends, seconds + 1)
