"""Every answer that a cache may keep, brought about once and asked for at as many URLs as there are attacks.

`&v=1`, `&v=2` … are other URLs to a cache, and one picture, one refusal and one price to the service.
"""

import contextlib
import hashlib
import itertools
import json
import resource
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from promptcdn.url import seeds
from tests.caches.still import LAST_MONTH, PROGRAM
from tests.support.service import Promptcdn
from tests.support.waiting import until
from tests.upstream import Upstream

ADMIN_TOKEN = "canary-of-the-operator"  # noqa: S105
ROOT = Path(__file__).parents[2]

# Bytes: more than the files of counters have, and less than a picture of noise with these sides.
_LARGE, _SIDES = 5_000_000, "&width=1472&height=1472"

# What is another at each answer, or is the cache's own; and what the state alone decides.
_OF_THE_MOMENT = frozenset(
    {
        *("date", "age", "x-request-id", "server-timing", "cache-status", "x-cache", "via", "x-varnish", "server"),
        *("connection", "keep-alive", "accept-ranges", "content-length", "transfer-encoding", "retry-after"),
    }
)
# What is another for each picture.
_OF_THE_PICTURE = frozenset({"etag", "link", "repr-digest", "content-location", "last-modified", "content-disposition"})


class Still(Promptcdn):
    """A service whose calendar stands still."""

    program = PROGRAM


@dataclass(frozen=True)
class Shown:
    """What somebody is told and shown, without what no two answers share. `body` is a digest, or of what kind it is."""

    status: int
    headers: Mapping[str, str]
    body: str

    @classmethod
    def of(cls, answer: httpx2.Response, *, exactly: bool) -> "Shown":
        """Not `exactly`: of the picture only that it is one, and of a document its code."""
        left_out = _OF_THE_MOMENT if exactly else _OF_THE_MOMENT | _OF_THE_PICTURE
        headers = {name: value for name, value in answer.headers.items() if name not in left_out}
        digest = hashlib.sha256(answer.content).hexdigest()
        return cls(answer.status_code, headers, digest if exactly else _kind(answer))


def _kind(answer: httpx2.Response) -> str:
    if answer.headers.get("content-type") == "application/problem+json":
        return str(json.loads(answer.content)["code"])
    return "picture" if answer.content else "nothing"


class Stage:
    """A service that makes one picture at a time, whose upstream fails where a prompt says so."""

    def __init__(self, upstream: Upstream, service: Promptcdn) -> None:
        self.upstream = upstream
        self.service = service
        self._numbers = itertools.count()
        self._others = ThreadPoolExecutor(2)

    def another(self, base: str) -> str:
        """Another URL of the same."""
        return f"{base}&v={next(self._numbers)}"

    def new(self) -> str:
        """A prompt that nobody asked for yet."""
        return f"new+{next(self._numbers)}"

    def made(self, url: str) -> str:
        assert self.service.get(url).status_code == 200, self.service.get(url).text
        return url

    def refused(self, url: str, status: int) -> str:
        assert self.service.get(url).status_code == status, self.service.get(url).text
        return url

    def removed(self, url: str) -> str:
        key = self.service.get(self.made(url)).headers["link"][4:68]
        token = {"authorization": f"Bearer {ADMIN_TOKEN}"}
        assert self.service.client.delete(f"/i/{key}", headers=token).status_code == 204
        return self.refused(url, 410)

    @contextlib.contextmanager
    def unstored(self) -> Iterator[str]:
        """While no file may be as large as this picture, so that the store does not take it."""
        process, no_limit = self.service.process.pid, resource.RLIM_INFINITY
        resource.prlimit(process, resource.RLIMIT_FSIZE, (_LARGE, no_limit))
        try:
            yield self.made(f"/?prompt=fault:noise+{self.new()}&seed=1{_SIDES}&w=64")
        finally:
            resource.prlimit(process, resource.RLIMIT_FSIZE, (no_limit, no_limit))

    @contextlib.contextmanager
    def held(self) -> Iterator[str]:
        """While one picture is being made and another waits to be."""
        before = len(self.upstream.ledger.calls())
        first, second = (f"/?prompt={self.new()}&seed=1" for _ in range(2))
        self.upstream.hold()
        waiting = [self._others.submit(self.service.get, first)]
        self.upstream.wait_for_calls(before + 1)
        waiting.append(self._others.submit(self.service.get, second))
        until(lambda: self.service.get(second.replace("/?", "/info?")).json()["state"] == "generating")
        try:
            yield first
        finally:
            self.upstream.release()
            assert {answer.result().status_code for answer in waiting} == {200}

    @contextlib.contextmanager
    def overloaded(self) -> Iterator[str]:
        """While no more may wait."""
        with self.held():
            yield f"/?prompt={self.new()}&seed=1"

    @contextlib.contextmanager
    def too_slow(self) -> Iterator[str]:
        """While the picture is being made, for those who do not wait."""
        with self.held() as url:
            yield f"{url}&wait=0"

    @contextlib.contextmanager
    def standing_in(self) -> Iterator[str]:
        """While this month's picture cannot be made, and last month's is there."""
        prompt = self.new()
        self.made(f"/?prompt={prompt}&seed={seeds.of_period(LAST_MONTH)}")
        with self.held():
            yield f"/?prompt={prompt}&seed=month"


@dataclass(frozen=True)
class Outcome:
    """One answer that caches keep, for how long, how it is brought about, and the URL that has it while it lasts.

    Of a `first` view there is one at each URL: each attack has a picture of its own. What does not vary by all that
    tells who asks is attacked `alone`: the answer to one attacker would be shown to the next.
    """

    name: str
    cache_control: str
    comes_about: Callable[[Stage], contextlib.AbstractContextManager[str]]
    method: str = "GET"
    exactly: bool = True
    first: bool = False
    alone: bool = False

    def urls(self, stage: Stage, url: str) -> Iterator[str]:
        """One after the other for each attack; `url` is what it came about at."""
        while True:
            yield url.replace("NEW", stage.new()) if self.first else stage.another(url)


def _lasting(ask: Callable[[Stage], str]) -> Callable[[Stage], contextlib.AbstractContextManager[str]]:
    return lambda stage: contextlib.nullcontext(ask(stage))


def _failing(fault: str, status: int) -> Outcome:
    """The key of a paid call that failed has a cooldown, or fails again: only its words differ."""
    url = f"/?prompt=fault:{fault}&seed=1"
    asked = _lasting(lambda stage: stage.refused(url, status))
    return Outcome(f"{status} {fault}", _kept(5), asked, exactly=False)


def _first(name: str, cache_control: str, url: str, method: str = "GET") -> Outcome:
    return Outcome(name, cache_control, lambda _: contextlib.nullcontext(url), method, exactly=False, first=True)


def _negotiated(name: str, cache_control: str, url: str) -> Outcome:
    return Outcome(name, cache_control, _lasting(lambda stage: stage.made(url)), alone=True)


def _kept(seconds: int) -> str:
    return f"public, max-age={seconds}, stale-while-revalidate=0"


_YEAR = "public, max-age=31536000, immutable"
# What is left of the day, of the one before a week begins.
_A_DAY = "public, max-age=86370, stale-while-revalidate=600, stale-if-error=86400"
_TOO_SLOW = "public, max-age=2, must-revalidate, stale-while-revalidate=0"

OUTCOMES = (
    Outcome("seeded", _YEAR, _lasting(lambda stage: stage.made("/?prompt=seeded&seed=1"))),
    _negotiated("seeded, format=auto", _YEAR, "/?prompt=seeded&seed=1&format=auto"),
    _first("seeded, made now", _YEAR, "/?prompt=NEW&seed=1"),
    Outcome("unstored", _kept(60), Stage.unstored),
    Outcome("calendar", _A_DAY, _lasting(lambda stage: stage.made("/?prompt=calendar&seed=week"))),
    _negotiated("calendar, format=auto", _A_DAY, "/?prompt=calendar&seed=week&format=auto"),
    Outcome("stand-in", _kept(5), Stage.standing_in),
    _first("seedless, awaited", _kept(2), "/?prompt=NEW"),
    _first("HEAD of what is not made", _kept(60), "/?prompt=NEW&seed=1&format=auto", method="HEAD"),
    Outcome("too slow", _TOO_SLOW, Stage.too_slow),
    Outcome("overloaded", _kept(30), Stage.overloaded),
    Outcome("filtered", _kept(86400), _lasting(lambda stage: stage.refused("/?prompt=fault:filter&seed=1", 403))),
    Outcome("removed", "public, max-age=300", _lasting(lambda stage: stage.removed(f"/?prompt={stage.new()}&seed=1"))),
    Outcome("budget spent", _kept(30), _lasting(lambda stage: stage.refused("/?prompt=dear&seed=1&engine=dear", 503))),
    _failing("internal", 502),
    _failing("reset", 503),
    _failing("deadline", 504),
)


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Stage]:
    """The stage, with nothing asked for yet."""
    settings: dict[str, Any] = {
        "PYTHONPATH": ROOT,
        "PROMPTCDN_ADMIN_TOKEN": ADMIN_TOKEN,
        "PROMPTCDN_ENGINE": "free",
        "PROMPTCDN_ENGINES": "dear",
        "PROMPTCDN_PRICES": "free=0, dear=1000",
        "PROMPTCDN_BUDGET": "1 credit/month",
        "PROMPTCDN_SIZE": "256x256",
        # Nothing is made behind a view, so that one picture at a time is enough.
        "PROMPTCDN_VARIANTS": 1,
        "PROMPTCDN_CONCURRENCY": 1,
        "PROMPTCDN_QUEUE": 1,
    }
    with Upstream() as upstream, Still(folder, STABILITY_HOST=upstream.url, **settings) as service:
        yield Stage(upstream, service)
