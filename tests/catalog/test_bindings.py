"""What a URL was found to mean is written once, and what the upstream refused is not asked for again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from promptcdn.catalog.bindings import Bindings
from promptcdn.generators import Made
from promptcdn.problems import StoreUnavailable, UnreadableObject
from promptcdn.spool import Paid, Spool
from promptcdn.stores import Folder, Record
from tests.support.fakes import KEY, FakeStore, name, opened_store, order

pytestmark = pytest.mark.anyio

REAL, SKETCHED = order(), order(generator="sketch")


async def test_an_unknown_url_is_bound_to_nothing(tmp_path: Path) -> None:
    async with opened_store(tmp_path) as store:
        assert await Bindings(store).of(KEY) is None


async def test_a_url_stays_bound_to_the_whole_order_after_a_restart(tmp_path: Path) -> None:
    whole = order(negative_prompt="fog", sampler="ddim", style_preset="anime", guidance_preset="slow", rev=2)
    async with opened_store(tmp_path) as store:
        assert await Bindings(store).bind(whole, 1) == whole
        assert await Bindings(store).of(KEY) == whole


async def test_a_binding_is_written_once(tmp_path: Path) -> None:
    async with opened_store(tmp_path) as store:
        bindings = Bindings(store)
        await bindings.bind(order(steps=30), 1)
        assert await bindings.bind(order(steps=40), 2) == order(steps=30)
        assert await Bindings(store).of(KEY) == order(steps=30)


async def test_who_loses_the_race_to_bind_reads_the_winners_order(tmp_path: Path) -> None:
    async with opened_store(tmp_path) as store:
        processes = [Bindings(store) for _ in range(20)]
        wanted = [order(steps=10 + number) for number in range(20)]
        assert [await one.of(KEY) for one in processes] == [None] * 20
        given = await asyncio.gather(
            *(one.bind(mine, 1) for one, mine in zip(processes, wanted, strict=True)),
        )
        assert given == [given[0]] * 20
        assert [await one.of(KEY) for one in processes] == given


async def test_the_key_is_the_one_of_the_day_of_the_binding() -> None:
    shelf = FakeStore()
    await Bindings(shelf).bind(REAL, 1)
    written = shelf.objects[name(folder="bindings")]
    elsewhere = b'{"content_key": "' + b"ab" * 32 + b'"}'
    shelf.objects[name(folder="bindings")] = Record(elsewhere, written.media_type, 1, written.resolved)
    found = await Bindings(shelf).of(KEY)
    assert found is not None
    assert found.content_key == "ab" * 32


# Sketches are bound apart


async def test_a_sketchs_binding_is_not_read_under_another_generator() -> None:
    shelf = FakeStore()
    await Bindings(shelf).bind(SKETCHED, 1)
    assert await Bindings(shelf).of(KEY) is None
    assert await Bindings(shelf).of(KEY, "sketch") == SKETCHED


async def test_a_real_binding_wins_over_a_sketchs() -> None:
    """A real binding is read under sketch and wins over a sketchs."""
    shelf = FakeStore()
    await Bindings(shelf).bind(SKETCHED, 1)
    await Bindings(shelf).bind(REAL, 2)
    assert await Bindings(shelf).of(KEY, "sketch") == REAL


@pytest.mark.parametrize(("generator", "folder"), [("painter", "bindings"), ("sketch", "sketch-bindings")])
async def test_each_kind_of_binding_has_its_folder(generator: str, folder: Folder) -> None:
    shelf = FakeStore()
    await Bindings(shelf).bind(order(generator=generator), 1)
    assert list(shelf.objects) == [name(folder=folder)]


# What cannot be read


async def test_a_binding_of_an_unreachable_store_is_unknown() -> None:
    """A binding of an unreachable store is unknown and not absent."""
    shelf = FakeStore()
    shelf.down = True
    with pytest.raises(StoreUnavailable):
        await Bindings(shelf).of(KEY)


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
async def test_a_binding_of_a_newer_version_is_not_written_over(strange: Record) -> None:
    """A binding of a newer version is refused and not written over."""
    shelf = FakeStore()
    shelf.objects[name(folder="bindings")] = strange
    with pytest.raises(UnreadableObject):
        await Bindings(shelf).of(KEY)
    with pytest.raises(UnreadableObject):
        await Bindings(shelf).bind(REAL, 1)
    assert shelf.objects == {name(folder="bindings"): strange}


async def test_a_binding_that_could_not_be_written_is_not_remembered() -> None:
    shelf = FakeStore()
    bindings = Bindings(shelf)
    shelf.down = True
    with pytest.raises(StoreUnavailable):
        await bindings.bind(REAL, 1)
    shelf.down = False
    assert await bindings.of(KEY) is None


# Memory


@pytest.mark.parametrize("met", ["bound here", "read here"])
async def test_a_binding_once_met_is_known_while_the_store_is_down(met: str) -> None:
    shelf = FakeStore()
    bindings = Bindings(shelf)
    await (bindings if met == "bound here" else Bindings(shelf)).bind(REAL, 1)
    await bindings.of(KEY)
    shelf.down = True
    assert await bindings.of(KEY) == REAL
    assert await bindings.bind(order(steps=50), 2) == REAL


async def test_a_verdict_once_met_is_known_while_the_store_is_down() -> None:
    shelf = FakeStore()
    await Bindings(shelf).filter(REAL, 1)
    bindings = Bindings(shelf)
    assert await bindings.filtered(REAL.content_key)
    shelf.down = True
    assert await bindings.filtered(REAL.content_key)


# Verdicts


async def test_a_verdict_is_one_keys_and_outlives_the_process(tmp_path: Path) -> None:
    async with opened_store(tmp_path) as store:
        await Bindings(store).filter(REAL, 1)
        bindings = Bindings(store)
        assert await bindings.filtered(REAL.content_key)
        assert not await bindings.filtered(order(seed=8).content_key)


async def test_a_verdict_that_was_not_stored_counts_in_this_process() -> None:
    """A verdict that the store did not take counts in this process."""
    shelf = FakeStore()
    bindings = Bindings(shelf)
    shelf.down = True
    with pytest.raises(StoreUnavailable):
        await bindings.filter(REAL, 1)
    assert await bindings.filtered(REAL.content_key)


async def test_without_the_store_no_picture_is_known_to_be_unfiltered() -> None:
    """Without the stores word nothing is known to be unfiltered."""
    shelf = FakeStore()
    shelf.down = True
    with pytest.raises(StoreUnavailable):
        await Bindings(shelf).filtered(KEY)


# What waits in the spool


@asynccontextmanager
async def waiting(folder: Path, generator: str) -> AsyncIterator[tuple[Bindings, FakeStore]]:
    """This generator's answer to the URL `KEY` waits for the store."""
    shelf, spool = FakeStore(), Spool(folder)
    spool.wait(Paid(order(generator=generator), Made(b"", 7), 1), "the shelf is down")
    yield Bindings(shelf, spool), shelf
    await spool.close()


async def test_a_url_whose_picture_waits_needs_no_store(tmp_path: Path) -> None:
    """A url whose picture waits is bound without asking the store."""
    async with waiting(tmp_path, "painter") as (bindings, shelf):
        assert await bindings.of(KEY) == REAL
        assert shelf.got == []


async def test_what_waits_is_written_all_the_same_and_a_winner_wins(tmp_path: Path) -> None:
    async with waiting(tmp_path, "painter") as (bindings, shelf):
        await bindings.of(KEY)
        await Bindings(shelf).bind(order(steps=40), 1)
        assert await bindings.bind(REAL, 1) == order(steps=40)


async def test_a_sketch_that_waits_binds_no_url_of_a_real_generator(tmp_path: Path) -> None:
    """A sketch that waits binds nothing once there is a real generator."""
    async with waiting(tmp_path, "sketch") as (bindings, _):
        assert await bindings.of(KEY) is None


async def test_a_url_that_nothing_waits_for_stays_unknown(tmp_path: Path) -> None:
    async with waiting(tmp_path, "painter") as (bindings, shelf):
        shelf.down = True
        with pytest.raises(StoreUnavailable):
            await bindings.of("f" * 64)
