"""kill -9 at any moment under load, and a new start, again and again on one store."""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.faults.conftest import Figures
from tests.faults.stage import counted, key, paid, small, verified
from tests.support.buckets import BUCKET, moto
from tests.support.crowd import Crowd
from tests.support.rounds import rounds
from tests.support.service import Promptcdn
from tests.upstream import Upstream

# A store: its URL, and the variables by which it is reached.
Place = tuple[str, dict[str, str]]
NEW_URLS = 8


@contextmanager
def on_disk(folder: Path) -> Iterator[Place]:
    yield f"disk:{folder / 'data' / 'store'}", {}


@contextmanager
def on_a_bucket(folder: Path) -> Iterator[Place]:
    with moto(folder) as bucket:
        yield f"s3://{BUCKET}/killed", bucket.environment


class Promises:
    """Which picture each URL was told to be for ever, and how often that had been paid for by then."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self.bodies: dict[str, bytes] = {}
        self.paid: dict[str, int] = {}

    def load(self, service: Promptcdn, number: int, chance: random.Random) -> int:
        """Asks for old and new pictures until the service is killed at some moment; gives how many were asked for."""
        new = [f"/?prompt=round+{number}&seed={seed}" for seed in range(NEW_URLS)]
        old = chance.sample(sorted(self.bodies), min(20, len(self.bodies)))
        targets = [*old, *new, *new]
        calls = paid(self._upstream).total() + chance.randrange(NEW_URLS + 1)
        killer = threading.Thread(target=self._kill, args=(service, calls, chance.random() / 3))
        killer.start()
        replies = Crowd(service.url).ask(targets)
        killer.join()
        assert service.stop() == -signal.SIGKILL
        self._upstream.wait_until_idle()
        for target, reply in zip(targets, replies, strict=True):
            assert reply is None or reply.status == 200, reply
            if reply is not None and reply.for_ever:
                assert self.bodies.setdefault(target, reply.body) == reply.body
                self.paid.setdefault(content_key := key(reply.headers), paid(self._upstream)[content_key])
        return len(targets)

    def _kill(self, service: Promptcdn, calls: int, seconds: float) -> None:
        """When so many pictures have been paid for, and `seconds` later: any moment will do."""
        self._upstream.wait_for_calls(calls)
        time.sleep(seconds)
        service.process.kill()

    def require_kept(self, service: Promptcdn) -> None:
        """All that was promised is there, and was not paid for again."""
        targets = sorted(self.bodies)
        replies = Crowd(service.url).answers(targets)
        assert [reply.status for reply in replies] == [200] * len(targets)
        assert [reply.body for reply in replies] == [self.bodies[target] for target in targets]
        assert {content_key: paid(self._upstream)[content_key] for content_key in self.paid} == self.paid


@pytest.mark.parametrize("place", [on_disk, on_a_bucket])
def test_after_kill_9_at_any_moment_stored_pictures_are_there(
    tmp_path: Path,
    upstream: Upstream,
    figures: Figures,
    place: Callable[[Path], AbstractContextManager[Place]],
) -> None:
    """After kill -9 at any moment every picture that was answered as stored is there, and was paid for once."""
    chance = random.Random(9)
    promises = Promises(upstream)
    requests = 0
    with place(tmp_path) as (store, variables):
        settings = {"PROMPTCDN_STORE": store, **variables}
        for number in range(times := rounds(25)):
            with small(tmp_path, upstream, **settings) as service:
                requests += promises.load(service, number, chance)
        assert 0 < len(promises.bodies) < times * NEW_URLS
        with small(tmp_path, upstream, PROMPTCDN_MEMORY=0, **settings) as service:
            promises.require_kept(service)
        code, said = verified(store, **variables)

    assert code == 0, said
    assert "corrupt object" not in (tmp_path / "log").read_text()
    assert counted(tmp_path) >= paid(upstream).total()
    figures(rounds=times, requests=requests, paid=paid(upstream).total(), promised=len(promises.bodies), lost=0)
