"""What a URL was found to mean is written once, and what the upstream refused is not asked for again."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from promptcdn.catalog.bindings import Bindings
from promptcdn.generators import Made
from promptcdn.problems import StoreUnavailable, UnreadableObject
from promptcdn.spool import Paid, Spool
from promptcdn.stores import Folder, Record
from promptcdn.stores.disk import DiskStore
from tests.support.fakes import KEY, FakeStore, name, order, within

REAL, SKETCHED = order(), order(generator="sketch")


def test_an_unknown_url_is_bound_to_nothing(tmp_path: Path) -> None:
    async def work(store: DiskStore) -> None:
        assert await Bindings(store, "painter").of(KEY) is None

    within(tmp_path, work)


def test_a_url_stays_bound_to_the_whole_order_after_a_restart(tmp_path: Path) -> None:
    whole = order(negative_prompt="fog", sampler="ddim", style_preset="anime", guidance_preset="slow", rev=2)

    async def work(store: DiskStore) -> None:
        assert await Bindings(store, "painter").bind(whole, 1) == whole
        assert await Bindings(store, "painter").of(KEY) == whole

    within(tmp_path, work)


def test_a_binding_is_written_once(tmp_path: Path) -> None:
    async def work(store: DiskStore) -> None:
        bindings = Bindings(store, "painter")
        await bindings.bind(order(steps=30), 1)
        assert await bindings.bind(order(steps=40), 2) == order(steps=30)
        assert await Bindings(store, "painter").of(KEY) == order(steps=30)

    within(tmp_path, work)


def test_who_loses_the_race_to_bind_reads_the_winners_order(tmp_path: Path) -> None:
    async def work(store: DiskStore) -> None:
        processes = [Bindings(store, "painter") for _ in range(20)]
        wanted = [order(steps=10 + number) for number in range(20)]
        assert [await one.of(KEY) for one in processes] == [None] * 20
        given = await asyncio.gather(
            *(one.bind(mine, 1) for one, mine in zip(processes, wanted, strict=True)),
        )
        assert given == [given[0]] * 20
        assert [await one.of(KEY) for one in processes] == given

    within(tmp_path, work)


def test_the_key_is_the_one_of_the_day_of_the_binding() -> None:
    async def work() -> None:
        shelf = FakeStore()
        await Bindings(shelf, "painter").bind(REAL, 1)
        written = shelf.objects[name(folder="bindings")]
        elsewhere = b'{"content_key": "' + b"ab" * 32 + b'"}'
        shelf.objects[name(folder="bindings")] = Record(elsewhere, written.media_type, 1, written.resolved)
        found = await Bindings(shelf, "painter").of(KEY)
        assert found is not None
        assert found.content_key == "ab" * 32

    asyncio.run(work())


# Sketches are bound apart


def test_a_sketchs_binding_is_not_read_under_another_generator() -> None:
    async def work() -> None:
        shelf = FakeStore()
        await Bindings(shelf, "sketch").bind(SKETCHED, 1)
        assert await Bindings(shelf, "painter").of(KEY) is None
        assert await Bindings(shelf, "sketch").of(KEY) == SKETCHED

    asyncio.run(work())


def test_a_real_binding_is_read_under_sketch_and_wins_over_a_sketchs() -> None:
    async def work() -> None:
        shelf = FakeStore()
        await Bindings(shelf, "sketch").bind(SKETCHED, 1)
        await Bindings(shelf, "painter").bind(REAL, 2)
        assert await Bindings(shelf, "sketch").of(KEY) == REAL

    asyncio.run(work())


@pytest.mark.parametrize(("generator", "folder"), [("painter", "bindings"), ("sketch", "sketch-bindings")])
def test_each_kind_of_binding_has_its_folder(generator: str, folder: Folder) -> None:
    async def work() -> None:
        shelf = FakeStore()
        await Bindings(shelf, generator).bind(order(generator=generator), 1)
        assert list(shelf.objects) == [name(folder=folder)]

    asyncio.run(work())


# What cannot be read


def test_a_binding_of_an_unreachable_store_is_unknown_and_not_absent() -> None:
    async def work() -> None:
        shelf = FakeStore()
        shelf.down = True
        with pytest.raises(StoreUnavailable):
            await Bindings(shelf, "painter").of(KEY)

    asyncio.run(work())


@pytest.mark.parametrize(
    "strange",
    [
        Record(b'{"content_key": "ab"}', "application/json", 1, {**REAL.resolved.parameters(), "of_the_future": 1}),
        Record(b'{"content_key": "ab"}', "application/json", 1, {"prompt": "too little"}),
        Record(b"{}", "application/json", 1, REAL.resolved.parameters()),
        Record(b"[]", "application/json", 1, REAL.resolved.parameters()),
        Record(b"no json", "application/json", 1, REAL.resolved.parameters()),
    ],
    ids=["a name too many", "names too few", "no key", "a list", "no json"],
)
def test_a_binding_of_a_newer_version_is_refused_and_not_written_over(strange: Record) -> None:
    async def work() -> None:
        shelf = FakeStore()
        shelf.objects[name(folder="bindings")] = strange
        with pytest.raises(UnreadableObject):
            await Bindings(shelf, "painter").of(KEY)
        with pytest.raises(UnreadableObject):
            await Bindings(shelf, "painter").bind(REAL, 1)
        assert shelf.objects == {name(folder="bindings"): strange}

    asyncio.run(work())


def test_a_binding_that_could_not_be_written_is_not_remembered() -> None:
    async def work() -> None:
        shelf = FakeStore()
        bindings = Bindings(shelf, "painter")
        shelf.down = True
        with pytest.raises(StoreUnavailable):
            await bindings.bind(REAL, 1)
        shelf.down = False
        assert await bindings.of(KEY) is None

    asyncio.run(work())


# Memory


@pytest.mark.parametrize("met", ["bound here", "read here"])
def test_a_binding_once_met_is_known_while_the_store_is_down(met: str) -> None:
    async def work() -> None:
        shelf = FakeStore()
        bindings = Bindings(shelf, "painter")
        await (bindings if met == "bound here" else Bindings(shelf, "painter")).bind(REAL, 1)
        await bindings.of(KEY)
        shelf.down = True
        assert await bindings.of(KEY) == REAL
        assert await bindings.bind(order(steps=50), 2) == REAL

    asyncio.run(work())


def test_a_verdict_once_met_is_known_while_the_store_is_down() -> None:
    async def work() -> None:
        shelf = FakeStore()
        await Bindings(shelf, "painter").filter(REAL, 1)
        bindings = Bindings(shelf, "painter")
        assert await bindings.filtered(REAL.content_key)
        shelf.down = True
        assert await bindings.filtered(REAL.content_key)

    asyncio.run(work())


# Verdicts


def test_a_verdict_is_one_keys_and_outlives_the_process(tmp_path: Path) -> None:
    async def work(store: DiskStore) -> None:
        await Bindings(store, "painter").filter(REAL, 1)
        bindings = Bindings(store, "painter")
        assert await bindings.filtered(REAL.content_key)
        assert not await bindings.filtered(order(seed=8).content_key)

    within(tmp_path, work)


def test_a_verdict_that_the_store_did_not_take_counts_in_this_process() -> None:
    async def work() -> None:
        shelf = FakeStore()
        bindings = Bindings(shelf, "painter")
        shelf.down = True
        with pytest.raises(StoreUnavailable):
            await bindings.filter(REAL, 1)
        assert await bindings.filtered(REAL.content_key)

    asyncio.run(work())


def test_without_the_stores_word_nothing_is_known_to_be_unfiltered() -> None:
    async def work() -> None:
        shelf = FakeStore()
        shelf.down = True
        with pytest.raises(StoreUnavailable):
            await Bindings(shelf, "painter").filtered(KEY)

    asyncio.run(work())


# What waits in the spool


def with_waiting(folder: Path, generator: str, work: Callable[[Bindings, FakeStore], Awaitable[None]]) -> None:
    """Runs `work` where this generator's answer to the URL `KEY` waits for the store, which is down."""

    async def lived() -> None:
        shelf, spool = FakeStore(), Spool(folder)
        spool.wait(Paid(order(generator=generator), Made(b"", 7), 1), "the shelf is down")
        await work(Bindings(shelf, "painter", spool), shelf)
        await spool.close()

    asyncio.run(lived())


def test_a_url_whose_picture_waits_is_bound_without_asking_the_store(tmp_path: Path) -> None:
    async def work(bindings: Bindings, shelf: FakeStore) -> None:
        assert await bindings.of(KEY) == REAL
        assert shelf.got == []

    with_waiting(tmp_path, "painter", work)


def test_what_waits_is_written_all_the_same_and_a_winner_wins(tmp_path: Path) -> None:
    async def work(bindings: Bindings, shelf: FakeStore) -> None:
        await bindings.of(KEY)
        await Bindings(shelf, "painter").bind(order(steps=40), 1)
        assert await bindings.bind(REAL, 1) == order(steps=40)

    with_waiting(tmp_path, "painter", work)


def test_a_sketch_that_waits_binds_nothing_once_there_is_a_real_generator(tmp_path: Path) -> None:
    async def work(bindings: Bindings, _: FakeStore) -> None:
        assert await bindings.of(KEY) is None

    with_waiting(tmp_path, "sketch", work)


def test_a_url_that_nothing_waits_for_stays_unknown(tmp_path: Path) -> None:
    async def work(bindings: Bindings, shelf: FakeStore) -> None:
        shelf.down = True
        with pytest.raises(StoreUnavailable):
            await bindings.of("f" * 64)

    with_waiting(tmp_path, "painter", work)
