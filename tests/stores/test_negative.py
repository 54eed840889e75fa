"""A store that remembers for a moment what is not there."""

import asyncio

import pytest

from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Folder, Name
from promptcdn.stores.negative import NegativeCache, Timings
from tests.support.fakes import KEY, FakeStore, name, record

pytestmark = pytest.mark.anyio


async def test_a_missing_name_is_asked_for_once() -> None:
    shelf = FakeStore()
    store = NegativeCache(shelf)
    looks = [await store.get(name()) for _ in range(100)]
    assert looks == [None] * 100
    assert shelf.got == [name()]


async def test_names_and_folders_are_missed_apart() -> None:
    shelf = FakeStore()
    shelf.objects[name()] = record()
    store = NegativeCache(shelf)
    assert await store.get(name(folder="verdicts")) is None
    assert await store.get(name("f" * 64)) is None
    assert await store.get(name()) == record()


async def test_what_is_there_is_asked_for_each_time() -> None:
    shelf = FakeStore()
    shelf.objects[name()] = record()
    store = NegativeCache(shelf)
    assert [await store.get(name()) for _ in range(3)] == [record()] * 3
    assert len(shelf.got) == 3


async def test_own_puts_are_seen_at_once() -> None:
    store = NegativeCache(FakeStore())
    assert await store.get(name()) is None
    assert await store.put(name(), record()) == record()
    assert await store.get(name()) == record()


@pytest.mark.parametrize("what", ["get", "look"])
async def test_a_look_that_a_put_overtakes_finds_what_was_put(what: str) -> None:
    """However long ago the put ended when the look returns: a look may take longer than an absence is remembered."""
    shelf = FakeStore()
    shelf.open.clear()
    store = NegativeCache(shelf, Timings(remembered=0.01))
    looks = [asyncio.create_task(getattr(store, what)(name())) for _ in range(3)]
    await shelf.asked.wait()
    await store.put(name(), record())
    await asyncio.sleep(0.05)
    shelf.open.set()
    expected = record() if what == "get" else record().header
    assert await asyncio.gather(*looks) == [expected] * 3
    assert await store.get(name()) == record()


async def test_a_list_that_a_put_overtakes_is_read_again() -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    class Slow(FakeStore):
        async def names(self, folder: Folder, leaf: str) -> tuple[Name, ...]:
            names = await super().names(folder, leaf)
            began.set()
            await go_on.wait()
            return names

    store, rendition = NegativeCache(Slow()), Name("renditions", f"{KEY}.webp")
    names = asyncio.create_task(store.names("renditions", KEY))
    await began.wait()
    await store.put(rendition, record())
    go_on.set()
    assert await names == (rendition,)


async def test_after_a_put_of_unknown_end_the_store_is_asked_again() -> None:
    shelf = FakeStore()
    store = NegativeCache(shelf)
    await store.get(name())
    shelf.down = True
    with pytest.raises(StoreUnavailable):
        await store.put(name(), record())
    shelf.down = False
    shelf.objects[name()] = record()  # it had arrived, only the answer was lost
    assert await store.get(name()) == record()


async def test_unknown_is_not_remembered_as_absent() -> None:
    shelf = FakeStore()
    shelf.objects[name()] = record()
    shelf.down = True
    store = NegativeCache(shelf)
    with pytest.raises(StoreUnavailable):
        await store.get(name())
    shelf.down = False
    assert await store.get(name()) == record()


async def test_what_another_process_wrote_is_seen_after_the_time() -> None:
    shelf = FakeStore()
    store = NegativeCache(shelf, Timings(remembered=0.05))
    assert await store.get(name()) is None
    shelf.objects[name()] = record()
    while await store.get(name()) is None:
        pass


async def test_a_store_that_hangs_is_unknown_and_not_absent() -> None:
    shelf = FakeStore()
    shelf.objects[name()] = record()
    shelf.open.clear()
    store = NegativeCache(shelf, Timings(patience=0.01))
    with pytest.raises(StoreUnavailable):
        await store.get(name())
    shelf.open.set()
    assert await store.get(name()) == record()


async def test_after_a_doubt_what_is_of_that_key_is_asked_for_again() -> None:
    shelf, other = FakeStore(), name("f" * 64)
    store = NegativeCache(shelf)
    await store.get(name())
    shelf.objects[name()] = record()  # as another process puts it
    await store.get(other)
    assert await store.get(name()) is None
    store.doubt(KEY)
    assert await store.get(name()) == record()
    assert await store.get(other) is None
    assert shelf.got == [name(), other, name()]


async def test_a_look_that_a_doubt_overtakes_is_made_again() -> None:
    shelf = FakeStore()
    shelf.open.clear()
    store = NegativeCache(shelf)
    look = asyncio.create_task(store.get(name()))
    await shelf.asked.wait()
    shelf.objects[name()] = record()
    store.doubt(KEY)
    shelf.open.set()
    assert await look == record()
    assert await store.get(name()) == record()


async def test_an_empty_list_is_asked_for_once() -> None:
    """Until something is written or doubted."""
    shelf, listed = FakeStore(), 0

    class Counting(FakeStore):
        async def names(self, folder: Folder, leaf: str) -> tuple[Name, ...]:
            nonlocal listed
            listed += 1
            return await shelf.names(folder, leaf)

    store = NegativeCache(Counting())
    for _ in range(3):
        assert await store.names("renditions", KEY) == ()
    assert listed == 1
    store.doubt(KEY)
    await shelf.put(Name("renditions", f"{KEY}.webp"), record())
    for _ in range(3):
        assert len(await store.names("renditions", KEY)) == 1
    assert listed == 4


async def test_all_who_look_for_a_name_at_once_share_one_look() -> None:
    """Hundreds of look-ups would wait for threads of this process, and the last would take that for a silent store."""
    shelf = FakeStore()
    shelf.objects[name()] = record()
    shelf.open.clear()
    store = NegativeCache(shelf)
    looks = [asyncio.create_task(store.get(name())) for _ in range(100)]
    await shelf.asked.wait()
    shelf.open.set()
    assert await asyncio.gather(*looks) == [record()] * 100
    assert shelf.got == [name()]
    assert await store.get(name()) == record()
    assert len(shelf.got) == 2


async def test_who_leaves_ends_no_look_that_others_share() -> None:
    shelf = FakeStore()
    shelf.objects[name()] = record()
    shelf.open.clear()
    store = NegativeCache(shelf)
    leaver, stayer = (asyncio.create_task(store.get(name())) for _ in range(2))
    await shelf.asked.wait()
    leaver.cancel()
    shelf.open.set()
    assert await stayer == record()
    assert shelf.got == [name()]


async def test_a_look_that_fails_is_each_askers_own_failure() -> None:
    shelf = FakeStore()
    shelf.down = True
    store = NegativeCache(shelf)
    told = await asyncio.gather(*(store.get(name()) for _ in range(10)), return_exceptions=True)
    assert {type(one) for one in told} == {StoreUnavailable}
    assert len({id(one) for one in told}) == 10


@pytest.mark.parametrize("meanwhile", ["put", "doubt"])
async def test_after_a_put_or_a_doubt_older_looks_find_it_too(meanwhile: str) -> None:
    shelf = FakeStore()
    shelf.open.clear()
    store = NegativeCache(shelf)
    older = asyncio.create_task(store.get(name()))
    await shelf.asked.wait()
    if meanwhile == "put":
        await store.put(name(), record())
    else:
        shelf.objects[name()] = record()  # as another process puts it
        store.doubt(KEY)
    younger = asyncio.create_task(store.get(name()))
    await asyncio.sleep(0)
    shelf.open.set()
    assert (await older, await younger) == (record(), record())
