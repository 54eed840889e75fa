"""The one way of a request, with a real disk store, a clock that is set by hand and a generator that counts."""

import asyncio
import io
import itertools
import random
import shutil
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PIL import Image

from promptcdn import problems
from promptcdn.catalog.bindings import Bindings
from promptcdn.catalog.memory import Memory
from promptcdn.catalog.removals import Preparation
from promptcdn.catalog.renditions import Renditions
from promptcdn.cdn import Cdn, Rules, Seeded
from promptcdn.clock import Clock
from promptcdn.flights import DetachedTasks, Flights
from promptcdn.generators import Made
from promptcdn.guard.authorisation import Authorisation, Misses
from promptcdn.making import Making
from promptcdn.money.budget import NoBudget
from promptcdn.money.rates import NoRates
from promptcdn.problems import Problem, StoreUnavailable
from promptcdn.readers.answers import Answer, Asker, Reply, Unchanged, Unmade
from promptcdn.readers.clients import Client
from promptcdn.readers.conditions import NOTHING, Condition
from promptcdn.readers.headers import Outcome
from promptcdn.spool import Spool
from promptcdn.stores import Header, Name, Record
from promptcdn.stores.disk import DiskStore
from promptcdn.stores.negative import NegativeCache
from promptcdn.url import keys, seeds
from promptcdn.url.parse import parse
from promptcdn.url.request import Resolved
from promptcdn.url.resolving import Defaults
from tests.support.waiting import eventually

_T = TypeVar("_T")

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Painter:
    """A generator of flat colours: counts its calls, may be held, and has words it refuses to paint."""

    paid = True

    def __init__(self, name: str = "painter") -> None:
        self.name = name
        self.calls: list[Resolved] = []
        self.refused: set[int] = set()
        self.called = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def generate(self, resolved: Resolved, content_key: str) -> Made:
        self.calls.append(resolved)
        self.called.set()
        await self.open.wait()
        if resolved.seed in self.refused or "forbidden" in resolved.prompt:
            return Made(b"", resolved.seed, filtered=True)
        file = io.BytesIO()
        Image.new("RGB", (resolved.width, resolved.height), "#" + content_key[:6]).save(file, "PNG")
        return Made(file.getvalue(), resolved.seed)

    async def close(self) -> None:
        """Nothing is open."""


class Slow(DiskStore):
    """A store that takes its time, and says how many look-ups are under way."""

    delay = 0.0
    reading = 0
    down = False

    async def get(self, name: Name) -> Record | None:
        self.reading += 1
        try:
            await asyncio.sleep(self.delay)
            self._require_up()
            return await super().get(name)
        finally:
            self.reading -= 1

    async def look(self, name: Name) -> Header | None:
        self._require_up()
        return await super().look(name)

    def _require_up(self) -> None:
        if self.down:
            raise StoreUnavailable("the store is down")


class House:
    """A service without its faces, on a folder that outlives it."""

    def __init__(
        self,
        folder: Path,
        painter: Painter | None = None,
        at: datetime = NOON,
        misses: Misses = "open",
        defaults: Defaults | None = None,
    ) -> None:
        self.now = at
        self.taken_down: set[str] = set()
        self.painter = painter or Painter()
        name = self.painter.name
        self.store = Slow(folder)
        store = NegativeCache(self.store)
        clock = Clock(lambda: self.now, self._seconds)
        self._spool = Spool(folder / "spool")
        bindings = Bindings(store, name, self._spool)
        self._renditions = Renditions(store, Memory(10**8), self._spool)
        self._flights: Flights[None] = Flights(8, 64)
        making = Making(self.painter, NoBudget(), self._spool, bindings, self._renditions, self, clock)
        rules = Rules(defaults or Defaults(name, "e", ("e",), (256, 256)), 8, Authorisation(misses))
        way = Seeded(rules, bindings, self._renditions, self._flights, self, making, NoRates(), clock)
        self.cdn = Cdn(way, rules, clock, random.Random(1))

    async def removed(self, content_key: str) -> bool:
        return content_key in self.taken_down

    async def purge(self, content_key: str) -> None:
        """What is stored of it is not looked at."""

    async def surely_removed(self, content_key: str) -> bool:
        return content_key in self.taken_down

    async def prepare(self, content_key: str, *, lost: bool) -> Preparation:
        """Nobody else shows anything."""
        del content_key
        return Preparation(after=int(lost))

    def _seconds(self) -> float:
        return self.now.timestamp()

    async def ask(self, query: str, *, making: bool = True, condition: Condition = NOTHING) -> Reply:
        request = parse(query.encode())
        wait = 20 if request.control.wait is None else request.control.wait
        return await self.cdn.answer(
            request, Asker(self._seconds() + wait, Client(None), making=making, condition=condition)
        )

    async def get(self, query: str) -> Answer:
        answer = await self.ask(query)
        assert isinstance(answer, Answer)
        return answer

    @property
    def looking(self) -> bool:
        """Whether anybody reads the store."""
        return self.store.reading > 0

    async def landed(self) -> None:
        """Waits until nothing is being made."""
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=20)

    async def close(self) -> None:
        self.painter.open.set()
        await self._flights.drain(20)
        await self._renditions.close()
        await self._spool.close()
        await self.store.close()


def run(work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    return asyncio.run(work())


def within(folder: Path, work: Callable[[House], Awaitable[_T]], **options: Any) -> _T:
    """What `work` gives in a house of its own, which is closed behind it."""

    async def lived() -> _T:
        house = House(folder, **options)
        try:
            return await work(house)
        finally:
            await house.close()

    return asyncio.run(lived())


def test_a_picture_is_made_once_and_bound(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        first, second = await house.get("prompt=a&seed=1"), await house.get("prompt=a&seed=1")
        assert first.rendition.body == second.rendition.body
        assert str(first.status) == "promptcdn; fwd=uri-miss; stored"
        assert str(second.status) == "promptcdn; hit; detail=memory"
        assert len(house.painter.calls) == 1

    within(tmp_path, work)


def test_changed_defaults_move_no_url_that_was_answered(tmp_path: Path) -> None:
    urls = ["prompt=a&seed=1", "prompt=a&seed=1&width=320", "prompt=b&seed=day", "prompt=a&seed=2&engine=e"]

    async def all_of(house: House) -> list[tuple[str, bytes]]:
        answers = [await house.get(url) for url in urls]
        return [(answer.rendition.content_key, answer.rendition.body) for answer in answers]

    before = within(tmp_path, all_of)
    painter = Painter()
    after = within(
        tmp_path, all_of, painter=painter, defaults=Defaults("painter", "other", ("other",), (512, 512), steps=10)
    )

    assert after == before
    assert painter.calls == []


def test_a_url_that_was_never_answered_follows_the_new_defaults(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        with pytest.raises(Problem) as caught:
            await house.get("prompt=a&seed=1&engine=e")
        assert caught.value.parameter == "engine"

    within(tmp_path, work, defaults=Defaults("painter", "other", ("other",)))


def test_a_lost_picture_is_made_again_as_it_was(tmp_path: Path) -> None:
    async def work(house: House) -> tuple[str, bytes]:
        answer = await house.get("prompt=a&seed=1")
        return answer.rendition.content_key, answer.rendition.body

    before = within(tmp_path, work)
    shutil.rmtree(tmp_path / "masters")
    shutil.rmtree(tmp_path / "renditions")
    painter = Painter()
    after = within(
        tmp_path, work, painter=painter, defaults=Defaults("painter", "other", ("other",), (512, 512), steps=10)
    )

    assert after == before
    assert [(call.engine, call.steps) for call in painter.calls] == [("e", 30)]


def test_a_demos_url_becomes_a_real_picture_and_stays_one(tmp_path: Path) -> None:
    async def work(house: House) -> str:
        return (await house.get("prompt=a&seed=1")).rendition.content_key

    sketch = within(tmp_path, work, painter=Painter("sketch"))
    real = within(tmp_path, work, painter=Painter("stability"))
    without_a_key_again = Painter("sketch")

    assert real != sketch
    assert within(tmp_path, work, painter=without_a_key_again) == real
    assert without_a_key_again.calls == []


def test_who_loses_the_race_for_a_binding_serves_the_winners_picture(tmp_path: Path) -> None:
    async def work() -> None:
        slow, fast = House(tmp_path), House(tmp_path, defaults=Defaults("painter", "fast", ("fast",), (320, 320)))
        slow.painter.open.clear()
        loser = asyncio.create_task(slow.get("prompt=a&seed=1"))
        await slow.painter.called.wait()
        winner = await fast.get("prompt=a&seed=1")
        slow.painter.open.set()
        assert (await loser).rendition.body == winner.rendition.body
        await slow.close()
        await fast.close()

    run(work)


def test_who_joins_a_flight_under_another_url_binds_its_own(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        one, other = await asyncio.gather(house.get("prompt=a&seed=1"), house.get("prompt=a&seed=1&steps=30"))
        assert one.rendition.content_key == other.rendition.content_key
        assert len(house.painter.calls) == 1

    within(tmp_path, work)
    painter = Painter()

    async def again(house: House) -> None:
        await house.get("prompt=a&seed=1")
        await house.get("prompt=a&seed=1&steps=30")

    within(tmp_path, again, painter=painter, defaults=Defaults("painter", "other", ("other",), (512, 512)))
    assert painter.calls == []


def test_a_refused_picture_is_never_shown_nor_paid_for_again(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        for _ in range(3):
            with pytest.raises(Problem) as caught:
                await house.get("prompt=forbidden&seed=1")
            assert caught.value.kind is problems.FILTERED
        look = await house.cdn.look(parse(b"prompt=forbidden&seed=1"))
        assert look.state == "blocked"

    painter, later = Painter(), Painter()
    within(tmp_path, work, painter=painter)
    within(tmp_path, work, painter=later)

    assert len(painter.calls) == 1
    assert later.calls == []
    assert not (tmp_path / "bindings").exists()


def test_where_misses_are_closed_hits_are_served(tmp_path: Path) -> None:
    async def fill(house: House) -> None:
        await house.get("prompt=a&seed=1")
        await house.get("prompt=pool")

    async def work(house: House) -> None:
        assert (await house.get("prompt=a&seed=1")).outcome is Outcome.SEEDED
        assert (await house.get("prompt=pool")).outcome is Outcome.SEEDLESS
        with pytest.raises(Problem) as caught:
            await house.get("prompt=a&seed=2")
        assert caught.value.kind is problems.MISSES_CLOSED
        assert house.painter.calls == []

    within(tmp_path, fill)
    within(tmp_path, work, misses="closed")


def test_all_viewers_of_a_cold_pool_share_its_first_flight(tmp_path: Path) -> None:
    first = pool_of("prompt=pool")[0]

    async def work(house: House) -> None:
        house.painter.open.clear()
        viewers = [asyncio.create_task(house.get("prompt=pool")) for _ in range(50)]
        await house.painter.called.wait()
        # All of them have looked, and wait for what is being made: nobody reads for a while, between two looks either.
        quiet = 0
        async with asyncio.timeout(20):
            while quiet < 20:
                await asyncio.sleep(0.02)
                quiet = 0 if house.looking else quiet + 1
        house.painter.open.set()
        views = await asyncio.gather(*viewers)
        assert {view.outcome for view in views} == {Outcome.AWAITED}
        assert len({view.rendition.body for view in views}) == 1
        assert [call.seed for call in house.painter.calls] == [first]

    within(tmp_path, work)


def test_a_pool_grows_by_one_picture_at_a_time_behind_its_viewers(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        await house.get("prompt=pool")
        house.painter.open.clear()
        views = [await house.get("prompt=pool") for _ in range(50)]
        assert {view.outcome for view in views} == {Outcome.SEEDLESS}
        await eventually(lambda: len(house.painter.calls) > 1)
        assert len(house.painter.calls) == 2

    within(tmp_path, work)


def test_a_pool_whose_next_picture_was_refused_is_left_alone_for_a_minute(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        await house.get("prompt=pool")
        request = parse(b"prompt=pool")
        house.painter.refused = {int(str(view.asked.seed)) for view in house.cdn.pool(request)}
        for calls in (2, 3):
            for _ in range(10):
                await house.get("prompt=pool")
                await house.landed()
            assert len(house.painter.calls) == calls
            house.now += timedelta(seconds=61)

    within(tmp_path, work)


def test_a_pool_shows_all_its_pictures_and_no_more(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        shown = set()
        for _ in range(200):
            shown.add((await house.get("prompt=pool")).location)
            await house.landed()
        assert len(shown) == 8
        assert len(house.painter.calls) == 8

    within(tmp_path, work)


def test_no_view_of_a_pool_shows_what_the_one_before_it_showed(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        await house.get("prompt=pool")
        await house.get("prompt=pool")
        await house.landed()
        seen = [(await house.get("prompt=pool")).location for _ in range(30)]
        assert all(one != other for one, other in itertools.pairwise(seen))

    within(tmp_path, work)


def test_a_view_of_a_pool_is_the_seeded_request(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        view = await house.get("prompt=pool&format=png")
        assert view.location is not None
        seeded = await house.get(view.location.partition("?")[2])
        assert seeded.rendition.body == view.rendition.body
        assert seeded.rendition.media_type == "image/png"
        assert len(house.painter.calls) == 1

    within(tmp_path, work)


def pool_of(query: str) -> tuple[int, ...]:
    return seeds.pool(keys.as_asked_form(parse(query.encode()).asked), 8)


def test_seeds_with_a_verdict_are_skipped(tmp_path: Path) -> None:
    pool = pool_of("prompt=pool")

    async def work(house: House) -> None:
        house.painter.refused = set(pool[:7])
        for _ in range(7):
            with pytest.raises(Problem) as caught:
                await house.get("prompt=pool")
            assert caught.value.cache_control == "public, max-age=5, stale-while-revalidate=0"
        views = [await house.get("prompt=pool") for _ in range(20)]
        assert {view.location for view in views} == {f"/?prompt=pool&seed={pool[7]}"}

    within(tmp_path, work)


def test_a_pool_refused_as_a_whole_is_refused_for_a_day(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        house.painter.refused = set(pool_of("prompt=pool"))
        for _ in range(8):
            with pytest.raises(Problem):
                await house.get("prompt=pool")
        with pytest.raises(Problem) as caught:
            await house.get("prompt=pool")
        assert caught.value.cache_control == "public, max-age=86400, stale-while-revalidate=0"
        assert len(house.painter.calls) == 8

    within(tmp_path, work)


def test_a_calendar_picture_lasts_to_the_end_of_its_period(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        answer = await house.get("prompt=a&seed=day")
        assert answer.outcome is Outcome.CALENDAR
        assert answer.until == datetime(2026, 11, 24, tzinfo=UTC)
        assert answer.location == f"/?prompt=a&seed={seeds.of_period('2026-11-23')}"

    within(tmp_path, work)


def test_the_last_periods_picture_stands_in_for_the_first_minute_while_the_new_one_is_made(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        yesterday = await house.get("prompt=a&seed=day")
        house.now = datetime(2026, 11, 24, 0, 0, 30, tzinfo=UTC)
        house.painter.open.clear()

        stand_in = await house.get("prompt=a&seed=day")
        assert stand_in.outcome is Outcome.STAND_IN
        assert stand_in.rendition.body == yesterday.rendition.body
        assert stand_in.location == yesterday.location

        house.painter.open.set()
        await house.landed()
        today = await house.get("prompt=a&seed=day")
        assert today.outcome is Outcome.CALENDAR
        assert today.rendition.body != yesterday.rendition.body
        assert len(house.painter.calls) == 2

    within(tmp_path, work)


def test_nothing_stands_in_after_the_first_minute(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        yesterday = await house.get("prompt=a&seed=day")
        house.now = datetime(2026, 11, 24, 0, 1, 0, tzinfo=UTC)
        today = await house.get("prompt=a&seed=day")
        assert today.outcome is Outcome.CALENDAR
        assert today.rendition.body != yesterday.rendition.body

    within(tmp_path, work)


def test_a_calendar_refusal_ends_with_its_period(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        house.now = NOON + timedelta(minutes=50)
        with pytest.raises(Problem) as caught:
            await house.get("prompt=forbidden&seed=hour")
        assert caught.value.cache_control == "public, max-age=600, stale-while-revalidate=0"

    within(tmp_path, work)


def test_a_client_with_less_patience_is_told_to_come_back_and_the_flight_goes_on(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        house.painter.open.clear()
        with pytest.raises(Problem) as caught:
            await house.get("prompt=a&seed=1&wait=0.05")
        assert caught.value.kind is problems.TOO_SLOW
        house.painter.open.set()
        await house.get("prompt=a&seed=1")
        assert len(house.painter.calls) == 1

    within(tmp_path, work)


def test_head_makes_nothing_of_any_kind(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        for query in ("prompt=a&seed=1", "prompt=a", "prompt=a&seed=day"):
            assert await house.ask(query, making=False) == Unmade()
        assert house.painter.calls == []

    within(tmp_path, work)


KNOWN = {"prompt=a&seed=1": Outcome.SEEDED, "prompt=a&seed=day": Outcome.CALENDAR}


@pytest.mark.parametrize("query", KNOWN)
def test_who_has_a_picture_that_is_lost_is_told_so_for_nothing(tmp_path: Path, query: str) -> None:
    async def made(house: House) -> str:
        return (await house.get(query)).rendition.etag

    async def lost(house: House) -> None:
        answer = await house.ask(query, condition=Condition.parse([f'"other", W/{tag}']))
        assert isinstance(answer, Unchanged)
        assert (answer.tag, answer.outcome) == (f"W/{tag}", KNOWN[query])
        assert house.painter.calls == []
        # Nothing but a tag of this very picture saves a payment.
        await house.ask(query, condition=Condition.parse(['*, "0123456789abcdef.0123456789abcdef"']))
        assert len(house.painter.calls) == 1

    tag = within(tmp_path, made)
    shutil.rmtree(tmp_path / "masters")
    shutil.rmtree(tmp_path / "renditions")
    within(tmp_path, lost)


def test_who_has_a_picture_gets_no_rendition_made_for_it(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        tag = (await house.get("prompt=a&seed=1&format=png")).rendition.etag
        assert isinstance(await house.ask("prompt=a&seed=1", condition=Condition.parse([tag])), Unchanged)
        stored = await house.ask("prompt=a&seed=1&format=png", condition=Condition.parse([tag]))
        assert isinstance(stored, Unchanged)
        assert stored.status.hit == "memory"
        assert not (tmp_path / "renditions").exists()

    within(tmp_path, work)


def test_a_view_of_a_pool_is_never_told_that_it_has_it(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        tag = (await house.get("prompt=pool")).rendition.etag
        shutil.rmtree(tmp_path / "masters")
        shutil.rmtree(tmp_path / "renditions")
        assert isinstance(await house.ask("prompt=pool&format=png", condition=Condition.parse([tag])), Answer)

    within(tmp_path, work)


def test_who_has_less_patience_than_the_store_leaves_and_the_picture_is_made_all_the_same(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        detached = DetachedTasks()
        house.store.delay = 0.05
        with pytest.raises(Problem) as caught:
            await detached.run(house.ask("prompt=a&seed=1"), 0.01)
        assert caught.value.kind is problems.TOO_SLOW
        assert house.painter.calls == []
        await house.landed()
        assert len(house.painter.calls) == 1
        await detached.close()

    within(tmp_path, work)


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ("prompt=a&seed=1", (256, 256)),
        ("prompt=a", (256, 256)),
        ("prompt=a&seed=day&width=512", (512, 256)),
        ("prompt=a&seed=1&w=128", (128, 128)),
        ("prompt=a&seed=1&w=128&h=64&fit=cover", (128, 64)),
        ("prompt=a&seed=1&engine=gone&w=128", (1024, 1024)),
    ],
)
def test_the_size_of_a_picture_is_known_before_it_is_made(tmp_path: Path, query: str, size: tuple[int, int]) -> None:
    async def work(house: House) -> None:
        assert house.cdn.size(parse(query.encode())) == size

    within(tmp_path, work)


def test_a_look_makes_nothing_and_writes_nothing(tmp_path: Path) -> None:
    async def work(house: House) -> None:
        asked = parse(b"prompt=a&seed=1")
        assert (await house.cdn.look(asked)).state == "absent"
        house.painter.open.clear()
        viewer = asyncio.create_task(house.get("prompt=a&seed=1"))
        await house.painter.called.wait()
        assert (await house.cdn.look(asked)).state == "generating"
        house.painter.open.set()
        await viewer
        assert (await house.cdn.look(asked)).state == "stored"
        assert (await house.cdn.look(parse(b"prompt=a&seed=week"))).state == "absent"
        assert len(house.painter.calls) == 1

    within(tmp_path, work)
