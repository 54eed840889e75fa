"""The one way of a request, with a real disk store, a clock that is set by hand and a generator that counts."""

import asyncio
import itertools
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from promptcdn import problems
from promptcdn.flights import DetachedTasks
from promptcdn.problems import Problem
from promptcdn.readers.answers import Answer, Unchanged, Unmade
from promptcdn.readers.cache_policies import Outcome
from promptcdn.readers.conditions import Condition
from promptcdn.url import keys, seeds
from promptcdn.url.parse import parse
from tests.cdn.house import House, Painter
from tests.support.fakes import NOON
from tests.support.offers import offers
from tests.support.waiting import eventually

_T = TypeVar("_T")

pytestmark = pytest.mark.anyio

OTHER_DEFAULTS = offers("painter", "other", size=(512, 512), steps=10)


async def test_a_picture_is_made_once_and_bound(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        first, second = await house.get("prompt=a&seed=1"), await house.get("prompt=a&seed=1")
        assert first.rendition.body == second.rendition.body
        assert str(first.status) == "promptcdn; fwd=uri-miss; stored"
        assert str(second.status) == "promptcdn; hit; detail=memory"
        assert len(house.painter.calls) == 1


async def test_changed_defaults_move_no_url_that_was_answered(tmp_path: Path) -> None:
    urls = ["prompt=a&seed=1", "prompt=a&seed=1&width=320", "prompt=b&seed=day", "prompt=a&seed=2&engine=e"]

    async def all_of(house: House) -> list[tuple[str, bytes]]:
        answers = [await house.get(url) for url in urls]
        return [(answer.rendition.content_key, answer.rendition.body) for answer in answers]

    async with House(tmp_path) as house:
        before = await all_of(house)
    async with House(tmp_path, defaults=OTHER_DEFAULTS) as house:
        assert await all_of(house) == before
        assert house.painter.calls == []


async def test_a_url_that_was_never_answered_follows_the_new_defaults(tmp_path: Path) -> None:
    async with House(tmp_path, defaults=OTHER_DEFAULTS) as house:
        with pytest.raises(Problem) as caught:
            await house.get("prompt=a&seed=1&engine=e")
        assert caught.value.parameter == "engine"


async def test_a_lost_picture_is_made_again_as_it_was(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        before = await house.get("prompt=a&seed=1")
    shutil.rmtree(tmp_path / "masters")
    shutil.rmtree(tmp_path / "renditions")

    async with House(tmp_path, defaults=OTHER_DEFAULTS) as house:
        after = await house.get("prompt=a&seed=1")
        assert (after.content_key, after.rendition.body) == (before.content_key, before.rendition.body)
        assert [(call.engine, call.steps) for call in house.painter.calls] == [("e", 30)]


async def test_a_demos_url_becomes_a_real_picture_and_stays_one(tmp_path: Path) -> None:
    shown, calls = [], []
    for generator in ("sketch", "stability", "sketch"):
        async with House(tmp_path, painter=Painter(generator)) as house:
            shown.append((await house.get("prompt=a&seed=1")).content_key)
            calls.append(len(house.painter.calls))

    sketch, real, without_a_key_again = shown
    assert real != sketch
    assert without_a_key_again == real
    assert calls == [1, 1, 0]


async def test_the_loser_of_a_binding_serves_the_winners_picture(tmp_path: Path) -> None:
    """Who loses the race for a binding serves the winners picture."""
    other = offers("painter", "fast", size=(320, 320))
    async with House(tmp_path) as slow, House(tmp_path, defaults=other) as fast:
        slow.painter.open.clear()
        loser = asyncio.create_task(slow.get("prompt=a&seed=1"))
        await slow.painter.called.wait()
        winner = await fast.get("prompt=a&seed=1")
        slow.painter.open.set()
        assert (await loser).rendition.body == winner.rendition.body


async def test_who_joins_a_flight_under_another_url_binds_its_own(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        one, other = await asyncio.gather(house.get("prompt=a&seed=1"), house.get("prompt=a&seed=1&steps=30"))
        assert one.rendition.content_key == other.rendition.content_key
        assert len(house.painter.calls) == 1

    async with House(tmp_path, defaults=OTHER_DEFAULTS) as house:
        await house.get("prompt=a&seed=1")
        await house.get("prompt=a&seed=1&steps=30")
        assert house.painter.calls == []


@pytest.mark.parametrize("restarts", [1, 2])
async def test_a_refused_picture_is_never_shown_nor_paid_for_again(tmp_path: Path, restarts: int) -> None:
    calls = 0
    for _ in range(restarts):
        async with House(tmp_path) as house:
            for _ in range(3):
                with pytest.raises(Problem) as caught:
                    await house.get("prompt=forbidden&seed=1")
                assert caught.value.kind is problems.FILTERED
            assert (await house.cdn.look(parse(b"prompt=forbidden&seed=1"))).state == "blocked"
            calls += len(house.painter.calls)

    assert calls == 1
    assert not (tmp_path / "bindings").exists()


async def test_where_misses_are_closed_hits_are_served(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        await house.get("prompt=a&seed=1")
        await house.get("prompt=pool")
    async with House(tmp_path, misses="closed") as house:
        assert (await house.get("prompt=a&seed=1")).outcome is Outcome.SEEDED
        assert (await house.get("prompt=pool")).outcome is Outcome.SEEDLESS
        with pytest.raises(Problem) as caught:
            await house.get("prompt=a&seed=2")
        assert caught.value.kind is problems.MISSES_CLOSED
        assert house.painter.calls == []


async def test_all_viewers_of_a_cold_pool_share_its_first_flight(tmp_path: Path) -> None:
    first = pool_of("prompt=pool")[0]
    async with House(tmp_path) as house:
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


async def test_a_pool_grows_by_one_picture_at_a_time(tmp_path: Path) -> None:
    """A pool grows by one picture at a time behind its viewers."""
    async with House(tmp_path) as house:
        await house.get("prompt=pool")
        house.painter.open.clear()
        views = [await house.get("prompt=pool") for _ in range(50)]
        assert {view.outcome for view in views} == {Outcome.SEEDLESS}
        await eventually(lambda: len(house.painter.calls) > 1)
        assert len(house.painter.calls) == 2


async def test_a_pool_is_left_alone_for_a_minute_after_a_refusal(tmp_path: Path) -> None:
    """A pool whose next picture was refused is left alone for a minute."""
    async with House(tmp_path) as house:
        await house.get("prompt=pool")
        request = parse(b"prompt=pool")
        house.painter.refused = {int(str(view.asked.seed)) for view in house.cdn.pool(request)}
        for calls in (2, 3):
            for _ in range(10):
                await house.get("prompt=pool")
                await house.landed()
            assert len(house.painter.calls) == calls
            house.now += timedelta(seconds=61)


async def test_a_pool_shows_all_its_pictures_and_no_more(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        shown = set()
        for _ in range(200):
            shown.add((await house.get("prompt=pool")).location)
            await house.landed()
        assert len(shown) == 8
        assert len(house.painter.calls) == 8


async def test_no_view_of_a_pool_shows_what_the_one_before_it_showed(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        await house.get("prompt=pool")
        await house.get("prompt=pool")
        await house.landed()
        seen = [(await house.get("prompt=pool")).location for _ in range(30)]
        assert all(one != other for one, other in itertools.pairwise(seen))


async def test_a_view_of_a_pool_is_the_seeded_request(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        view = await house.get("prompt=pool&format=png")
        assert view.location is not None
        seeded = await house.get(view.location.partition("?")[2])
        assert seeded.rendition.body == view.rendition.body
        assert seeded.rendition.media_type == "image/png"
        assert len(house.painter.calls) == 1


def pool_of(query: str) -> tuple[int, ...]:
    return seeds.pool(keys.as_asked_form(parse(query.encode()).asked), 8)


async def test_seeds_with_a_verdict_are_skipped(tmp_path: Path) -> None:
    pool = pool_of("prompt=pool")
    async with House(tmp_path) as house:
        house.painter.refused = set(pool[:7])
        for _ in range(7):
            with pytest.raises(Problem) as caught:
                await house.get("prompt=pool")
            assert caught.value.cache_control == "public, max-age=5, stale-while-revalidate=0"
        views = [await house.get("prompt=pool") for _ in range(20)]
        assert {view.location for view in views} == {f"/?prompt=pool&seed={pool[7]}"}


async def test_a_pool_refused_as_a_whole_is_refused_for_a_day(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        house.painter.refused = set(pool_of("prompt=pool"))
        for _ in range(8):
            with pytest.raises(Problem):
                await house.get("prompt=pool")
        with pytest.raises(Problem) as caught:
            await house.get("prompt=pool")
        assert caught.value.cache_control == "public, max-age=86400, stale-while-revalidate=0"
        assert len(house.painter.calls) == 8


async def test_a_calendar_picture_lasts_to_the_end_of_its_period(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        answer = await house.get("prompt=a&seed=day")
        assert answer.outcome is Outcome.CALENDAR
        assert answer.until == datetime(2026, 11, 24, tzinfo=UTC)
        assert answer.location == f"/?prompt=a&seed={seeds.of_period('2026-11-23')}"


async def test_the_last_period_stands_in_for_a_minute(
    tmp_path: Path,
) -> None:
    """The last periods picture stands in for the first minute while the new one is made."""
    async with House(tmp_path) as house:
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


async def test_nothing_stands_in_after_the_first_minute(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        yesterday = await house.get("prompt=a&seed=day")
        house.now = datetime(2026, 11, 24, 0, 1, 0, tzinfo=UTC)
        today = await house.get("prompt=a&seed=day")
        assert today.outcome is Outcome.CALENDAR
        assert today.rendition.body != yesterday.rendition.body


async def test_a_calendar_refusal_ends_with_its_period(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        house.now = NOON + timedelta(minutes=50)
        with pytest.raises(Problem) as caught:
            await house.get("prompt=forbidden&seed=hour")
        assert caught.value.cache_control == "public, max-age=600, stale-while-revalidate=0"


async def test_the_flight_goes_on_when_its_client_has_left(tmp_path: Path) -> None:
    """A client with less patience is told to come back and the flight goes on."""
    async with House(tmp_path) as house:
        house.painter.open.clear()
        with pytest.raises(Problem) as caught:
            await house.get("prompt=a&seed=1&wait=0.05")
        assert caught.value.kind is problems.TOO_SLOW
        house.painter.open.set()
        await house.get("prompt=a&seed=1")
        assert len(house.painter.calls) == 1


async def test_head_makes_nothing_of_any_kind(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        for query in ("prompt=a&seed=1", "prompt=a", "prompt=a&seed=day"):
            assert await house.ask(query, making=False) == Unmade()
        assert house.painter.calls == []


def lose(folder: Path, content_key: str) -> None:
    for path in folder.rglob(f"{content_key}*"):
        path.unlink()


async def test_head_makes_nothing_of_what_another_process_bound(tmp_path: Path) -> None:
    """1: a URL is found unbound, and its picture stored. 2: another process binds it to a picture that is lost then."""
    query = "prompt=a&seed=1"
    async with House(tmp_path) as house, House(tmp_path, defaults=OTHER_DEFAULTS) as other:
        await house.get(f"{query}&steps=30")
        assert await house.bindings.of(keys.as_asked_key(parse(query.encode()).asked)) is None
        lost = (await other.get(query)).content_key
        lose(tmp_path, lost)
        assert await house.ask(query, making=False) == Unmade()
        assert len(house.painter.calls) == 1


KNOWN = {"prompt=a&seed=1": Outcome.SEEDED, "prompt=a&seed=day": Outcome.CALENDAR}


@pytest.mark.parametrize("query", KNOWN)
async def test_who_has_a_picture_that_is_lost_is_told_so_for_nothing(tmp_path: Path, query: str) -> None:
    async with House(tmp_path) as house:
        tag = (await house.get(query)).rendition.etag
    shutil.rmtree(tmp_path / "masters")
    shutil.rmtree(tmp_path / "renditions")

    async with House(tmp_path) as house:
        answer = await house.ask(query, condition=Condition.parse([f'"other", W/{tag}']))
        assert isinstance(answer, Unchanged)
        assert (answer.tag, answer.outcome) == (f"W/{tag}", KNOWN[query])
        assert house.painter.calls == []
        # Nothing but a tag of this very picture saves a payment.
        await house.ask(query, condition=Condition.parse(['*, "0123456789abcdef.0123456789abcdef"']))
        assert len(house.painter.calls) == 1


async def test_who_has_a_picture_gets_no_rendition_made_for_it(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        tag = (await house.get("prompt=a&seed=1&format=png")).rendition.etag
        assert isinstance(await house.ask("prompt=a&seed=1", condition=Condition.parse([tag])), Unchanged)
        stored = await house.ask("prompt=a&seed=1&format=png", condition=Condition.parse([tag]))
        assert isinstance(stored, Unchanged)
        assert stored.status.hit == "memory"
        assert not (tmp_path / "renditions").exists()


async def test_a_view_of_a_pool_is_never_told_that_it_has_it(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        tag = (await house.get("prompt=pool")).rendition.etag
        shutil.rmtree(tmp_path / "masters")
        shutil.rmtree(tmp_path / "renditions")
        assert isinstance(await house.ask("prompt=pool&format=png", condition=Condition.parse([tag])), Answer)


async def test_a_slow_store_keeps_no_picture_from_being_made(tmp_path: Path) -> None:
    """Who has less patience than the store leaves and the picture is made all the same."""
    async with House(tmp_path) as house:
        detached = DetachedTasks()
        house.store.delay = 0.05
        with pytest.raises(Problem) as caught:
            await detached.run(house.ask("prompt=a&seed=1"), 0.01)
        assert caught.value.kind is problems.TOO_SLOW
        assert caught.value.detail.startswith("the picture store of this service has not answered yet: ")
        assert house.painter.calls == []
        await house.landed()
        assert len(house.painter.calls) == 1
        await detached.close()


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
async def test_the_size_of_a_picture_is_known_before_it_is_made(
    tmp_path: Path, query: str, size: tuple[int, int]
) -> None:
    async with House(tmp_path) as house:
        assert house.cdn.size(parse(query.encode())) == size


async def test_a_look_makes_nothing_and_writes_nothing(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
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
