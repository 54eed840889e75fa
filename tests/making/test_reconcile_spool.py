"""What was paid for comes to the store, whichever step fails and whenever the store is back."""

import asyncio
import contextlib
import itertools
import logging
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from promptcdn import pictures, problems
from promptcdn.catalog.bindings import Bindings
from promptcdn.generators import NO_SOURCES, Made, Sources
from promptcdn.making import Making
from promptcdn.making.reconcile_spool import TIMINGS, Reconciler, Timings
from promptcdn.pictures import master
from promptcdn.problems import Problem
from promptcdn.readers.rendition import Rendition
from promptcdn.spool import Spool
from promptcdn.stores import Name, Record, verified
from promptcdn.stores.s3 import buckets
from promptcdn.url.formats import BY_NAME
from promptcdn.url.request import Delivery, Resolved
from tests.support import loop_clock
from tests.support.fakes import KEY, MARK, FakeGenerator, FakeStore, name, order, paid, picture
from tests.support.loop_clock import ClockLoop
from tests.support.parts import BINDING, FILTERED, GOOD, HTML, MASTER, ORDER, VERDICT, Parts, toppled
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

FORMATS = sorted(BY_NAME)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def set_aside() -> list[Path]:
    return list(Path("spool/corrupt").iterdir())


# Waiting for the store


async def test_a_verdict_that_cannot_be_stored_is_stored_later() -> None:
    """A verdict that cannot be stored is told and stored later."""
    async with toppled(FILTERED) as shop:
        assert (await shop.refused()).kind is problems.FILTERED
        assert shop.spooled == [ORDER.content_key]
        shop.shelf.down = False
        assert (await shop.refused()).kind is problems.FILTERED
        assert await shop.reconciler.settle()
        assert list(shop.shelf.objects) == [VERDICT]
        assert (shop.generator.calls, shop.spooled) == (1, [])


# A store that goes down after paying


async def shown(shop: Parts, format_: str = "png") -> Rendition:
    """The picture as it is answered."""
    found = await shop.renditions.find(ORDER.content_key, Delivery(format_))
    assert found is not None
    return found.rendition


async def test_what_cannot_be_stored_is_answered_from_the_spool(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A paid picture that cannot be stored is no error and is answered from the spool."""
    async with toppled(GOOD) as shop:
        await shop.make()
        assert (shop.shelf.objects, shop.spooled) == ({}, [ORDER.content_key])
        for format_ in FORMATS:
            first, second = await shown(shop, format_), await shown(shop, format_)
            assert (first.stored, second.stored) == (False, False)
            assert first.body == second.body
        assert (shop.generator.calls, shop.purse.spent) == (1, 1)
    assert caplog.text.count("a paid picture waits in the spool: the shelf is down") == 1


async def test_what_cannot_be_stored_is_not_paid_for_again() -> None:
    """A paid picture that cannot be stored is not paid for again."""
    async with toppled(GOOD) as shop:
        for _ in range(3):
            await shop.make()
        assert (shop.generator.calls, shop.purse.spent) == (1, 1)
        assert shop.shelf.objects == {}


async def test_after_a_restart_the_spool_answers_for_the_store() -> None:
    """After a restart the spool answers for a store that is still down and nothing is paid."""
    async with toppled(GOOD) as shop:
        await shop.make()
        before = [(await shown(shop, format_)).body for format_ in FORMATS]
        later = Parts([GOOD], shelf=shop.shelf)
        assert await later.bindings.of(KEY) == ORDER
        assert [(await shown(later, format_)).body for format_ in FORMATS] == before
        assert not (await shown(later)).stored
        await later.make()
        assert (later.generator.calls, later.purse.spent) == (0, 0)
        await later.close()


async def test_after_a_restart_a_spooled_refusal_is_still_a_refusal() -> None:
    async with toppled(FILTERED) as shop:
        await shop.refused()
        later = Parts([GOOD], shelf=shop.shelf)
        assert await later.renditions.find(ORDER.content_key, Delivery()) is None
        assert await later.bindings.filtered(ORDER.content_key)
        await later.close()


async def test_a_store_that_is_back_gets_master_and_binding(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """When the store is back master and binding are in it and it is read again."""
    with caplog.at_level(logging.INFO):
        async with toppled(GOOD) as shop:
            await shop.make()
            before = await shown(shop)
            assert not await shop.reconciler.settle()
            shop.shelf.down = False
            assert await shop.reconciler.settle()
            assert list(shop.shelf.objects) == [MASTER, BINDING]
            assert (shop.spooled, shop.spool.depth) == ([], 0)
            after = await shown(shop)
            assert (after.body, after.made_at, after.stored) == (before.body, before.made_at, True)
    assert caplog.text.count("no paid picture waits in the spool any more") == 1


async def test_what_another_machine_stored_first_is_shown() -> None:
    """What another machine was faster to store is shown also before the url is bound."""

    class Overtaken(FakeGenerator):
        async def generate(self, resolved: Resolved, content_key: str, *, sources: Sources = NO_SOURCES) -> Made:
            shelf.objects[MASTER] = theirs
            shelf.fails_at = shelf.calls + 2  # the binding
            return await super().generate(resolved, content_key, sources=sources)

    shelf, theirs = (
        FakeStore(),
        Record(master(picture(colour="red"), MARK), "image/png", 1, ORDER.resolved.parameters()),
    )
    async with Parts(shelf=shelf, generator=Overtaken([GOOD])) as shop:
        await shop.make()
        seen = await shown(shop)
        assert (seen.body, seen.stored) == (theirs.body, False)
        assert await shop.reconciler.settle()
        assert list(shelf.objects) == [MASTER, BINDING]


async def test_a_store_that_hangs_holds_a_picture_up_for_a_moment() -> None:
    """A store that hangs holds a new picture up for a moment only."""

    class Hanging(FakeStore):
        async def put(self, name: Name, record: Record) -> Record:
            await self.open.wait()
            return await super().put(name, record)

    async with Parts(shelf=Hanging()) as shop:
        shop.shelf.open.set()
        await shop.renditions.has(ORDER.content_key)
        shop.shelf.open = asyncio.Event()
        answer = await shop.spool.put(paid())
        await shop.making.settle(answer, 0.05)
        assert not (await shown(shop)).stored
        assert shop.spooled == [ORDER.content_key]
        shop.shelf.open.set()
        assert await shop.reconciler.settle()
        assert (await shown(shop)).stored


async def test_a_remade_picture_waits_until_the_old_one_is_forgotten() -> None:
    """A picture that was made anew is stored when all processes have forgotten the old one.

    By the clock given: another process may still show the picture that was purged.
    """
    async with Parts() as shop:
        await shop.spool.put(replace(paid(), after=1))
        await shop.spool.refresh()
        for seconds, stored in ((TIMINGS.propagation - 1, []), (TIMINGS.propagation, [MASTER, BINDING])):
            shop.hands.seconds = seconds
            await shop.reconciler.settle()
            assert list(shop.shelf.objects) == stored


async def test_what_a_killed_process_spooled_is_settled() -> None:
    """A picture that was spooled by a process which was killed is settled and not paid for."""
    async with Parts([GOOD]) as shop:
        killed = Spool(Path("spool"))
        await killed.put(paid())
        await killed.close()
        await shop.make()
        assert (shop.generator.calls, shop.purse.spent) == (0, 0)
        assert list(shop.shelf.objects) == [MASTER, BINDING]
        assert shop.spooled == []


@pytest.mark.parametrize(("down", "spooled"), [(False, []), (True, [ORDER.content_key])], ids=["up", "down"])
async def test_the_first_round_tries_what_a_kill_left(down: bool, spooled: list[str]) -> None:
    """Whoever counts what is stored waits for it."""
    async with Parts() as shop:
        killed = Spool(Path("spool"))
        await killed.put(paid())
        await killed.close()
        shop.shelf.down = down
        shop.reconciler.start()

        await asyncio.wait_for(shop.reconciler.first_round(), 30)

        assert (list(shop.shelf.objects), shop.spooled) == ([] if down else [MASTER, BINDING], spooled)
        await shop.reconciler.close()


async def test_two_urls_of_one_spooled_picture_are_both_bound() -> None:
    async with Parts() as shop:
        await shop.spool.put(paid(as_asked_key="f" * 64))
        await shop.make()
        for url in (KEY, "f" * 64):
            assert await Bindings(shop.shelf).of(url) == replace(ORDER, as_asked_key=url)


async def test_two_processes_that_settle_one_entry_come_to_the_same() -> None:
    async with Parts() as shop:
        answer = await shop.spool.put(paid())
        other = Parts(shelf=shop.shelf)
        await asyncio.gather(*(one.making.settle(answer, 5) for one in (shop, other, shop)))
        assert list(shop.shelf.objects) == [MASTER, BINDING]
        assert shop.spooled == []
        await other.close()


@pytest.mark.parametrize("answer", [HTML, Made(picture(), 7, seed_echo=8)], ids=["html", "another seed"])
async def test_a_leftover_that_is_not_valid_is_dropped_with_a_cooldown(answer: Made) -> None:
    async with Parts([GOOD]) as shop:
        await shop.spool.put(replace(paid(), made=answer))
        await shop.spool.refresh()
        assert await shop.renditions.find(ORDER.content_key, Delivery()) is None
        assert await shop.reconciler.settle()
        assert (shop.spooled, shop.shelf.objects) == ([], {})
        assert (await shop.refused()).kind is problems.UPSTREAM_GARBLED
        assert shop.generator.calls == 0


async def test_an_entry_that_breaks_the_service_is_set_aside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A leftover that breaks this service is set aside and holds up no other."""
    seen = pictures.seen
    monkeypatch.setattr(pictures, "seen", lambda data: 1 // 0 if data == b"breaks" else seen(data))
    async with Parts() as shop:
        await shop.spool.put(paid(b"breaks"))
        await shop.spool.put(paid(seed=8))
        await shop.spool.refresh()
        assert await shop.reconciler.settle()
        assert name(order(seed=8).content_key) in shop.shelf.objects
        assert (shop.spooled, len(set_aside())) == ([], 1)


# Every step that can fail


@pytest.mark.parametrize("answer", [GOOD, FILTERED], ids=["a picture", "a refusal"])
async def test_whichever_call_fails_what_was_paid_is_kept(answer: Made) -> None:
    """Fails the first call, then the second, and so on until a run needs fewer: after each everything adds up."""

    async def one(fails_at: int) -> int:
        shelf = FakeStore()
        shelf.fails_at = fails_at
        shop = Parts([answer], shelf=shelf)
        with contextlib.suppress(Problem):
            await shop.make()
        calls, final = shelf.calls, MASTER if answer is GOOD else VERDICT
        assert shop.generator.calls == int(final in shelf.objects or shop.spooled == [ORDER.content_key])
        assert shop.purse.spent == shop.generator.calls
        later = Parts([answer], shelf=shelf)
        await later.spool.refresh()
        assert await later.reconciler.settle()
        with contextlib.suppress(Problem):
            await later.make()
        assert shop.generator.calls + later.generator.calls == 1
        assert list(shelf.objects) == ([MASTER, BINDING] if answer is GOOD else [VERDICT])
        assert shop.spooled == []
        await shop.close()
        await later.close()
        return calls

    fails_at = 1
    while await one(fails_at) >= fails_at:
        fails_at += 1
    assert fails_at == (6 if answer is GOOD else 5)


# A spool that cannot be written


async def test_without_a_spool_pictures_are_made_and_stored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without a spool pictures are made and stored as long as the store takes them."""
    async with Parts([GOOD, Made(picture(), 8), Made(picture(), 9)]) as shop:
        shop.free_disk = 0
        for seed in (7, 8, 9):
            await shop.make(order(seed=seed))
        assert shop.generator.calls == 3
        assert len([name for name in shop.shelf.objects if name.folder == "masters"]) == 3
        assert not shop.spool.check(0).good
    assert caplog.text.count("the spool cannot be written: the disk is full") == 1


async def test_what_neither_disk_takes_is_shown_from_memory() -> None:
    """What neither takes is shown from memory and nothing more is paid for."""
    async with toppled(GOOD) as shop:
        shop.free_disk, before = 0, shop.free_disk
        await shop.make()
        assert (await shown(shop)).stored is False
        assert await shop.bindings.of(KEY) == ORDER
        shop.shelf.down = False
        shop.shelf.full = True
        for _ in range(2):
            refused = await shop.refused(order(seed=8))
            assert (refused.kind, refused.detail) == (
                problems.SPOOL_FULL,
                "neither the store nor the spool takes what is paid for: the disk is full",
            )
        assert (shop.generator.calls, shop.purse.spent) == (1, 1)
        assert (shop.spooled, shop.spool.check(0).good) == ([], False)

        shop.free_disk = before
        await shop.spool.recover()
        assert shop.spooled == [ORDER.content_key]
        assert shop.spool.check(0).good
        shop.shelf.full = False
        assert await shop.reconciler.settle()
        assert list(shop.shelf.objects) == [MASTER, BINDING]


async def test_a_store_that_is_back_is_in_use_in_the_next_round() -> None:
    """However many rounds were in vain before."""

    class Counting(Reconciler):
        in_vain = after_return = 0

        async def settle(self) -> bool:
            self.in_vain += shop.shelf.down
            self.after_return += not shop.shelf.down and not shop.shelf.objects
            return await super().settle()

    async with toppled(GOOD) as shop:
        await shop.make()
        short = Timings(pause=0.001, longest_pause=0.002)
        reconciler = Counting(shop.spool, shop.making, shop.hands.clock, short)
        reconciler.start()
        await eventually(lambda: reconciler.in_vain >= 5)
        shop.shelf.down = False
        await eventually(lambda: shop.spool.depth == 0)
        assert list(shop.shelf.objects) == [MASTER, BINDING]
        # None, where the store came back during a round.
        assert reconciler.after_return <= 1
        await reconciler.close()


class VainSpool:
    """A spool of which nothing can be stored, which notes when it is looked at."""

    depth = 1

    def __init__(self) -> None:
        self.rounds: list[float] = []

    async def refresh(self, age: float) -> None:
        del age
        self.rounds.append(asyncio.get_running_loop().time())

    async def recover(self) -> None:
        """Nothing is left behind."""

    def waiting(self) -> tuple[str, ...]:
        return ()


def test_the_pauses_between_vain_rounds_grow_to_the_longest() -> None:
    async def pauses(loop: ClockLoop) -> list[float]:
        loop.stop_the_clock()
        spool = VainSpool()
        reconciler = Reconciler(cast("Spool", spool), cast("Making", None))
        reconciler.start()
        await asyncio.sleep(60)
        await reconciler.close()
        return [later - earlier for earlier, later in itertools.pairwise(spool.rounds)]

    found = loop_clock.run(pauses)
    assert found[:4] == [pytest.approx(seconds) for seconds in (1.0, 2.0, 3.0, 3.0)]
    assert max(found) == pytest.approx(TIMINGS.longest_pause)


def test_a_store_that_is_back_is_in_use_within_five_seconds() -> None:
    """By the waits that may lie before that, one after the other: a bucket, its id, and the next round."""
    assert buckets._REOPEN_SECONDS + verified.Timings().between_looks + TIMINGS.longest_pause <= 5
