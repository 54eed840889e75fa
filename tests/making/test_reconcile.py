"""What was paid for comes to the store, whichever step fails and whenever the store is back."""

import asyncio
import contextlib
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from promptcdn import pictures, problems
from promptcdn.catalog.bindings import Bindings
from promptcdn.generators import Made
from promptcdn.pictures import master
from promptcdn.problems import Problem
from promptcdn.readers.headers import Rendition
from promptcdn.spool import Spool, folder
from promptcdn.stores import Name, Record
from promptcdn.url.formats import BY_NAME
from promptcdn.url.request import Delivery, Resolved
from tests.support.fakes import KEY, MARK, FakeGenerator, FakeStore, name, order, paid, picture
from tests.support.parts import BINDING, FILTERED, GOOD, HTML, MASTER, ORDER, VERDICT, Parts, toppled, within

FORMATS = sorted(BY_NAME)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def set_aside() -> list[Path]:
    return list(Path("spool/corrupt").iterdir())


# Waiting for the store


def test_a_verdict_that_cannot_be_stored_is_told_and_stored_later() -> None:
    async def work(shop: Parts) -> None:
        assert (await shop.refused()).kind is problems.FILTERED
        assert shop.spooled == [ORDER.content_key]
        shop.shelf.down = False
        assert (await shop.refused()).kind is problems.FILTERED
        assert await shop.reconciler.settle()
        assert list(shop.shelf.objects) == [VERDICT]
        assert (shop.generator.calls, shop.spooled) == (1, [])

    within(toppled(FILTERED), work)


# A store that goes down after paying


async def shown(shop: Parts, format_: str = "png") -> Rendition:
    """The picture as it is answered."""
    found = await shop.renditions.find(ORDER.content_key, Delivery(format_))
    assert found is not None
    return found.rendition


def test_a_paid_picture_that_cannot_be_stored_is_no_error_and_is_answered_from_the_spool(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work(shop: Parts) -> None:
        await shop.make()
        assert (shop.shelf.objects, shop.spooled) == ({}, [ORDER.content_key])
        for format_ in FORMATS:
            first, second = await shown(shop, format_), await shown(shop, format_)
            assert (first.stored, second.stored) == (False, False)
            assert first.body == second.body
        assert (shop.generator.calls, shop.purse.spent) == (1, 1)

    within(toppled(GOOD), work)
    assert caplog.text.count("what is paid for waits in the spool: the shelf is down") == 1


def test_a_paid_picture_that_cannot_be_stored_is_not_paid_for_again() -> None:
    async def work(shop: Parts) -> None:
        for _ in range(3):
            await shop.make()
        assert (shop.generator.calls, shop.purse.spent) == (1, 1)
        assert shop.shelf.objects == {}

    within(toppled(GOOD), work)


def test_after_a_restart_the_spool_answers_for_a_store_that_is_still_down_and_nothing_is_paid() -> None:
    async def work(shop: Parts) -> None:
        await shop.make()
        before = [(await shown(shop, format_)).body for format_ in FORMATS]
        later = Parts([GOOD], shelf=shop.shelf)
        assert await later.bindings.of(KEY) == ORDER
        assert [(await shown(later, format_)).body for format_ in FORMATS] == before
        assert not (await shown(later)).stored
        await later.make()
        assert (later.generator.calls, later.purse.spent) == (0, 0)
        await later.close()

    within(toppled(GOOD), work)


def test_after_a_restart_a_spooled_refusal_is_still_a_refusal() -> None:
    async def work(shop: Parts) -> None:
        await shop.refused()
        later = Parts([GOOD], shelf=shop.shelf)
        assert await later.renditions.find(ORDER.content_key, Delivery()) is None
        assert await later.bindings.filtered(ORDER.content_key)
        await later.close()

    within(toppled(FILTERED), work)


def test_when_the_store_is_back_master_and_binding_are_in_it_and_it_is_read_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def work(shop: Parts) -> None:
        await shop.make()
        before = await shown(shop)
        assert not await shop.reconciler.settle()
        shop.shelf.down = False
        assert await shop.reconciler.settle()
        assert list(shop.shelf.objects) == [MASTER, BINDING]
        assert (shop.spooled, shop.spool.depth) == ([], 0)
        after = await shown(shop)
        assert (after.body, after.made_at, after.stored) == (before.body, before.made_at, True)

    with caplog.at_level(logging.INFO):
        within(toppled(GOOD), work)
    assert caplog.text.count("nothing waits in the spool any more") == 1


def test_what_another_machine_was_faster_to_store_is_shown_also_before_the_url_is_bound() -> None:
    class Overtaken(FakeGenerator):
        async def generate(self, resolved: Resolved, content_key: str) -> Made:
            shelf.objects[MASTER] = theirs
            shelf.fails_at = shelf.calls + 2  # the binding
            return await super().generate(resolved, content_key)

    async def work(shop: Parts) -> None:
        await shop.make()
        seen = await shown(shop)
        assert (seen.body, seen.stored) == (theirs.body, False)
        assert await shop.reconciler.settle()
        assert list(shelf.objects) == [MASTER, BINDING]

    shelf, theirs = (
        FakeStore(),
        Record(master(picture(colour="red"), MARK), "image/png", 1, ORDER.resolved.parameters()),
    )
    within(Parts(shelf=shelf, generator=Overtaken([GOOD])), work)


def test_a_store_that_hangs_holds_a_new_picture_up_for_a_moment_only() -> None:
    class Hanging(FakeStore):
        async def put(self, name: Name, record: Record) -> Record:
            await self.open.wait()
            return await super().put(name, record)

    async def work(shop: Parts) -> None:
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

    within(Parts(shelf=Hanging()), work)


def test_a_picture_that_was_spooled_by_a_process_which_was_killed_is_settled_and_not_paid_for() -> None:
    async def work(shop: Parts) -> None:
        killed = Spool(Path("spool"))
        await killed.put(paid())
        await killed.close()
        await shop.make()
        assert (shop.generator.calls, shop.purse.spent) == (0, 0)
        assert list(shop.shelf.objects) == [MASTER, BINDING]
        assert shop.spooled == []

    within(Parts([GOOD]), work)


def test_two_urls_of_one_spooled_picture_are_both_bound() -> None:
    async def work(shop: Parts) -> None:
        await shop.spool.put(paid(as_asked_key="f" * 64))
        await shop.make()
        for url in (KEY, "f" * 64):
            assert await Bindings(shop.shelf, "painter").of(url) == replace(ORDER, as_asked_key=url)

    within(Parts(), work)


def test_two_processes_that_settle_one_entry_come_to_the_same() -> None:
    async def work(shop: Parts) -> None:
        answer = await shop.spool.put(paid())
        other = Parts(shelf=shop.shelf)
        await asyncio.gather(*(one.making.settle(answer, 5) for one in (shop, other, shop)))
        assert list(shop.shelf.objects) == [MASTER, BINDING]
        assert shop.spooled == []
        await other.close()

    within(Parts(), work)


@pytest.mark.parametrize("answer", [HTML, Made(picture(), 7, seed_echo=8)], ids=["html", "another seed"])
def test_a_leftover_that_is_not_valid_is_dropped_and_rests(answer: Made) -> None:
    async def work(shop: Parts) -> None:
        await shop.spool.put(replace(paid(), made=answer))
        await shop.spool.refresh()
        assert await shop.renditions.find(ORDER.content_key, Delivery()) is None
        assert await shop.reconciler.settle()
        assert (shop.spooled, shop.shelf.objects) == ([], {})
        assert (await shop.refused()).kind is problems.UPSTREAM_GARBLED
        assert shop.generator.calls == 0

    within(Parts([GOOD]), work)


def test_a_leftover_that_breaks_this_service_is_set_aside_and_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work(shop: Parts) -> None:
        await shop.spool.put(paid(b"breaks"))
        await shop.spool.put(paid(seed=8))
        await shop.spool.refresh()
        assert await shop.reconciler.settle()
        assert name(order(seed=8).content_key) in shop.shelf.objects
        assert (shop.spooled, len(set_aside())) == ([], 1)

    decoded = pictures.decoded
    monkeypatch.setattr(pictures, "decoded", lambda data: 1 // 0 if data == b"breaks" else decoded(data))
    within(Parts(), work)


# Every step that can fail


@pytest.mark.parametrize("answer", [GOOD, FILTERED], ids=["a picture", "a refusal"])
def test_whichever_call_to_the_store_fails_what_was_paid_is_stored_or_spooled(answer: Made) -> None:
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
    while asyncio.run(one(fails_at)) >= fails_at:
        fails_at += 1
    assert fails_at == (6 if answer is GOOD else 5)


# A spool that cannot be written


def test_without_a_spool_pictures_are_made_and_stored_as_long_as_the_store_takes_them(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(shop: Parts) -> None:
        for seed in (7, 8, 9):
            await shop.make(order(seed=seed))
        assert shop.generator.calls == 3
        assert len([name for name in shop.shelf.objects if name.folder == "masters"]) == 3
        assert not shop.spool.finding(0).good

    monkeypatch.setattr(folder, "ROOM_LEFT", 10**18)
    within(Parts([GOOD, Made(picture(), 8), Made(picture(), 9)]), work)
    assert caplog.text.count("the spool takes nothing: the disk is full") == 1


def test_what_neither_takes_is_shown_from_memory_and_nothing_more_is_paid_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(shop: Parts) -> None:
        monkeypatch.setattr(folder, "ROOM_LEFT", 10**18)
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
        assert (shop.spooled, shop.spool.finding(0).good) == ([], False)

        monkeypatch.undo()
        monkeypatch.chdir(here)
        await shop.spool.recover()
        assert shop.spooled == [ORDER.content_key]
        assert shop.spool.finding(0).good
        shop.shelf.full = False
        assert await shop.reconciler.settle()
        assert list(shop.shelf.objects) == [MASTER, BINDING]

    here = Path.cwd()
    within(toppled(GOOD), work)
