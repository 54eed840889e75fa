"""How often a request waits for the store, one answer after the other, and how often it asks."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from promptcdn.cdn.targets import Guesses
from promptcdn.problems import Problem
from promptcdn.readers.answers import Answer
from promptcdn.readers.conditions import Condition
from promptcdn.stores import Name
from tests.cdn.house import House
from tests.support.offers import offers
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

_T = TypeVar("_T")
OTHER_DEFAULTS = offers("painter", "e", size=(320, 320), steps=11)
URL = "prompt=a&seed=1"


class Waves:
    """Holds every call to a store until nobody does anything else, then lets all go on: that is one round trip."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.trips = 0
        self._open = asyncio.Event()
        self._waiting = 0

    async def __call__(self, name: Name) -> None:
        self.calls.append(name.folder)
        self._waiting += 1
        gate = self._open
        await gate.wait()

    async def during(self, work: Coroutine[Any, Any, _T]) -> _T:
        """What `work` gives. Afterwards `trips` and `calls` are those of this work."""
        self.calls, self.trips = [], 0
        task = asyncio.create_task(work)
        while not task.done():
            if not self._waiting:
                await asyncio.sleep(0.001)
                continue
            for _ in range(100):
                await asyncio.sleep(0)
            self.trips, self._waiting = self.trips + 1, 0
            gate, self._open = self._open, asyncio.Event()
            gate.set()
        return await task


async def bound(folder: Path, *urls: str) -> None:
    """Has these URLs' pictures made and bound."""
    async with House(folder) as house:
        for url in urls:
            await house.get(url)


@pytest.fixture
def waves() -> Waves:
    return Waves()


@pytest.mark.parametrize("format_", ["webp", "png"])
async def test_a_picture_new_to_this_replica_takes_one_round_trip(tmp_path: Path, waves: Waves, format_: str) -> None:
    url = f"{URL}&format={format_}"
    await bound(tmp_path, url)
    async with House(tmp_path) as house:
        house.store.gate = waves
        answer = await waves.during(house.get(url))
    assert (waves.trips, len(waves.calls)) == (1, 3 if format_ == "webp" else 2)
    assert str(answer.status) == "promptcdn; hit; detail=store"


async def test_a_hundred_who_look_for_it_ask_as_often_as_one(tmp_path: Path, waves: Waves) -> None:
    await bound(tmp_path, URL)
    async with House(tmp_path) as house:
        house.store.gate = waves
        crowd = [house.get(URL) for _ in range(100)]

        async def asked() -> list[Answer]:
            return await asyncio.gather(*crowd)

        answers = await waves.during(asked())
    assert (waves.trips, len(waves.calls)) == (1, 3)
    assert len({answer.rendition.body for answer in answers}) == 1


async def test_the_binding_counts_and_not_what_the_defaults_say_today(tmp_path: Path, waves: Waves) -> None:
    await bound(tmp_path, URL)
    async with House(tmp_path, defaults=OTHER_DEFAULTS) as other:
        await other.get("prompt=b&seed=1")  # a picture of its own, by its defaults
        other.store.gate = waves
        answer = await waves.during(other.get(URL))
        assert answer.rendition.body == (await other.get(URL)).rendition.body
        assert waves.trips == 2
        made = list(other.painter.calls)
    assert [resolved.prompt for resolved in made] == ["b"]


async def test_a_picture_of_the_guess_is_not_shown_for_the_one_bound(tmp_path: Path) -> None:
    """Also where both are stored."""
    await bound(tmp_path, URL)
    other_url = f"{URL}&width=320&height=320&steps=11"
    async with House(tmp_path, defaults=OTHER_DEFAULTS) as other:
        guessed = await other.get(other_url)
    async with House(tmp_path, defaults=OTHER_DEFAULTS) as other:
        shown = await other.get(URL)
        assert shown.rendition.content_key != guessed.rendition.content_key
        assert other.painter.calls == []


async def test_guesses_that_are_wrong_end_by_themselves(tmp_path: Path, waves: Waves) -> None:
    urls = [f"prompt=a&seed={seed}" for seed in range(12)]
    await bound(tmp_path, *urls)
    async with House(tmp_path, defaults=OTHER_DEFAULTS) as other:
        for url in urls[:-1]:
            await other.get(url)
        other.store.gate = waves
        await waves.during(other.get(urls[-1]))
    assert (waves.trips, len(waves.calls)) == (2, 3)


async def test_a_picture_that_nobody_made_is_looked_for_in_one_trip(tmp_path: Path, waves: Waves) -> None:
    """And its verdict in another one: before, the picture was looked for after its binding."""
    async with House(tmp_path, misses="closed") as house:
        house.store.gate = waves

        async def refused() -> None:
            with pytest.raises(Problem):
                await house.get(URL)

        await waves.during(refused())
    assert (waves.trips, waves.calls[-1]) == (2, "verdicts")


async def test_who_has_the_picture_waits_for_one_trip(tmp_path: Path, waves: Waves) -> None:
    await bound(tmp_path, URL)
    async with House(tmp_path) as house:
        tag = (await house.get(URL)).rendition.etag
    async with House(tmp_path) as house:
        house.store.gate = waves
        await waves.during(house.ask(URL, condition=Condition.parse([tag])))
    assert waves.trips == 1


async def test_what_is_purged_while_it_is_read_ahead_is_read_again(tmp_path: Path) -> None:
    await bound(tmp_path, URL)
    async with House(tmp_path) as house:
        calls, binding_may_come = list[str](), asyncio.Event()

        async def binding_comes_last(name: Name) -> None:
            calls.append(name.folder)
            if name.folder == "bindings":
                await binding_may_come.wait()

        house.store.gate = binding_comes_last
        asked = asyncio.create_task(house.get(URL))
        await eventually(lambda: len(calls) == 3 and not house.renditions._reads.count)
        key = next(key for key, _ in list(house.store.listed("masters"))).leaf
        house.renditions.forget(key)
        binding_may_come.set()
        await asked
    assert calls.count("renditions") == 2


def test_guesses_hold_while_most_of_them_are_right() -> None:
    guesses = Guesses()
    for right in [False] * 8:
        assert guesses.hold
        guesses.seen(right=right)
    assert not guesses.hold
    guesses.seen(right=True)
    assert guesses.hold
