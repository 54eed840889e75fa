"""What is made of a master is made once, and what is stored is what is served."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from PIL import Image

from promptcdn import pictures
from promptcdn.catalog.memory import Memory
from promptcdn.catalog.renditions import Found, Renditions
from promptcdn.pictures.sizing import Variant
from promptcdn.problems import StoreUnavailable
from promptcdn.readers.headers import Rendition
from promptcdn.spool import Paid, Spool
from promptcdn.stores import Name, Record
from promptcdn.url.formats import BY_NAME
from promptcdn.url.request import Delivery
from tests.support.fakes import KEY, MARK, FakeStore, name, paid, picture

_T = TypeVar("_T")

ORDERED = {"generator": "painter", "width": 64, "height": 64}
MASTER = Record(pictures.master(picture(), MARK), "image/png", 1_795_435_200, ORDERED)
BIG = Record(pictures.master(picture((128, 96)), MARK), "image/png", 0, {**ORDERED, "width": 128, "height": 96})
WEBP = Name("renditions", f"{KEY}.webp")
FORMATS = sorted(BY_NAME)


def within(
    work: Callable[[Renditions, FakeStore], Awaitable[_T]], shelf: FakeStore | None = None, memory: int = 10**6
) -> _T:
    async def lived() -> _T:
        store = shelf or FakeStore()
        spool = Spool(Path("spool"))
        renditions = Renditions(store, Memory(memory), spool)
        try:
            return await work(renditions, store)
        finally:
            await renditions.close()
            await spool.close()

    return asyncio.run(lived())


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def found(renditions: Renditions, format_: str = "webp") -> Found:
    """A picture that is surely there."""
    there = await renditions.find(KEY, Delivery(format_))
    assert there is not None
    return there


async def seen_stored(look: Callable[[], Awaitable[Found | None]]) -> Rendition:
    """What `look` shows once it is a stored picture, which happens behind the looks."""
    async with asyncio.timeout(20):
        while True:
            if (seen := await look()) is not None and seen.rendition.stored:
                return seen.rendition
            await asyncio.sleep(0)


# From the store


def test_the_png_is_the_master_itself_byte_for_byte() -> None:
    async def work(renditions: Renditions, shelf: FakeStore) -> None:
        await renditions.keep(KEY, MASTER)
        png = (await found(renditions, "png")).rendition
        assert (png.body, png.media_type, png.made_at, png.stored) == (MASTER.body, "image/png", MASTER.made_at, True)
        assert shelf.written == [name()]

    within(work)


@pytest.mark.parametrize("format_", FORMATS)
def test_each_format_is_the_whole_picture_with_the_masters_birthday(format_: str) -> None:
    async def work(renditions: Renditions, _: FakeStore) -> None:
        await renditions.keep(KEY, MASTER)
        rendition = (await found(renditions, format_)).rendition
        with Image.open(io.BytesIO(rendition.body)) as image:
            assert (image.size, Image.MIME[image.format or ""]) == ((64, 64), rendition.media_type)
        assert rendition.media_type == f"image/{format_}"
        assert rendition.made_at == MASTER.made_at

    within(work)


def test_what_was_never_made_is_not_found_in_any_format() -> None:
    async def work(renditions: Renditions, _: FakeStore) -> None:
        assert [await renditions.find(KEY, Delivery(format_)) for format_ in FORMATS] == [None] * len(FORMATS)
        assert not await renditions.has(KEY)

    within(work)


def test_fifty_who_ask_at_once_share_one_encode() -> None:
    async def work(renditions: Renditions, shelf: FakeStore) -> None:
        await renditions.keep(KEY, MASTER)
        answers = await asyncio.gather(*(found(renditions) for _ in range(50)))
        assert len({answer.rendition.body for answer in answers}) == 1
        assert shelf.written == [name(), WEBP]
        assert shelf.got == [WEBP, name()]

    within(work)


def test_what_was_encoded_once_is_read_from_the_store_by_the_next_process() -> None:
    async def work(renditions: Renditions, _: FakeStore) -> bytes:
        await renditions.keep(KEY, MASTER)
        return (await found(renditions)).rendition.body

    async def read(renditions: Renditions, shelf: FakeStore) -> None:
        answer = await found(renditions)
        assert (answer.rendition.body, answer.place) == (body, "store")
        assert shelf.written == [name(), WEBP]

    shelf = FakeStore()
    body = within(work, shelf)
    within(read, shelf)


def stored_by_an_older_encoder() -> Record:
    with Image.open(io.BytesIO(MASTER.body)) as image:
        file = io.BytesIO()
        image.save(file, "WEBP", quality=20, method=6)
    return Record(file.getvalue(), "image/webp", MASTER.made_at, MASTER.resolved)


def test_what_another_encoder_stored_is_what_is_served() -> None:
    shelf = FakeStore()
    shelf.objects = {name(): MASTER, WEBP: stored_by_an_older_encoder()}

    async def work(renditions: Renditions, _: FakeStore) -> None:
        assert (await found(renditions)).rendition.body == stored_by_an_older_encoder().body

    within(work, shelf)


def test_who_encodes_and_loses_the_race_serves_the_winners_bytes() -> None:
    async def work(renditions: Renditions, shelf: FakeStore) -> None:
        await renditions.keep(KEY, MASTER)
        shelf.open.clear()
        look = asyncio.create_task(found(renditions))
        await shelf.asked.wait()
        shelf.objects[WEBP] = stored_by_an_older_encoder()
        shelf.open.set()
        assert (await look).rendition.body == stored_by_an_older_encoder().body

    within(work)


def test_who_joins_a_read_that_began_before_the_picture_was_stored_looks_again() -> None:
    async def work(renditions: Renditions, shelf: FakeStore) -> None:
        shelf.open.clear()
        early = asyncio.create_task(renditions.find(KEY, Delivery("png")))
        await shelf.asked.wait()
        await renditions.keep(KEY, MASTER)
        late = asyncio.create_task(renditions.find(KEY, Delivery("png")))
        await asyncio.wait({late}, timeout=0.01)
        shelf.open.set()
        assert await early is None
        assert await late is not None

    within(work)


# In other sizes


def test_a_width_of_the_ladder_is_encoded_once_and_stored() -> None:
    async def work(renditions: Renditions, shelf: FakeStore) -> None:
        await renditions.keep(KEY, BIG)
        small = await renditions.find(KEY, Delivery("png", w=64), (128, 96))
        assert small is not None
        with Image.open(io.BytesIO(small.rendition.body)) as image:
            assert image.size == (64, 48)
        assert shelf.written == [name(), Name("renditions", f"{KEY}.64x48.png")]

    within(work)


@pytest.mark.parametrize("delivery", [Delivery(w=72), Delivery(q=50), Delivery(w=64, h=64, fit="cover")], ids=str)
def test_any_other_rendition_is_answered_and_held_in_memory_only(delivery: Delivery) -> None:
    async def work(renditions: Renditions, shelf: FakeStore) -> None:
        await renditions.keep(KEY, BIG)
        first = await renditions.find(KEY, delivery, (128, 96))
        second = await renditions.find(KEY, delivery, (128, 96))
        assert first is not None
        assert second is not None
        assert (first.place, second.place) == ("store", "memory")
        assert first.rendition.body == second.rendition.body
        assert first.rendition.stored
        assert shelf.written == [name()]

    within(work)


def test_deliveries_that_come_to_the_same_picture_are_one_rendition() -> None:
    async def work(renditions: Renditions, shelf: FakeStore) -> None:
        await renditions.keep(KEY, BIG)
        for delivery in (Delivery(w=64), Delivery(h=48), Delivery(w=32, dpr=2), Delivery(w=64, h=2048, q=80)):
            assert await renditions.find(KEY, delivery, (128, 96)) is not None
        assert shelf.written == [name(), Name("renditions", f"{KEY}.64x48.webp")]

    within(work)


def test_who_does_not_know_the_masters_size_reads_it_once() -> None:
    async def work(renditions: Renditions, shelf: FakeStore) -> None:
        await renditions.keep(KEY, BIG)
        renditions.forget(KEY)
        for _ in range(3):
            assert await renditions.find(KEY, Delivery("png", w=64)) is not None
        assert shelf.got.count(name()) == 2  # its header for its size, and all of it to make the rendition
        assert await renditions.find("f" * 64, Delivery(w=64)) is None

    within(work)


def test_without_encoding_only_what_is_ready_is_found() -> None:
    async def work(renditions: Renditions, shelf: FakeStore) -> None:
        await renditions.keep(KEY, BIG)
        assert await renditions.find(KEY, Delivery(), encode=False) is None
        assert await renditions.find(KEY, Delivery("png"), encode=False) is not None
        assert await renditions.find(KEY, Delivery()) is not None
        assert await renditions.find(KEY, Delivery(), encode=False) is not None
        assert shelf.written == [name(), WEBP]

    within(work)


# From memory


def test_the_second_time_memory_answers_and_the_store_is_not_asked() -> None:
    async def work(renditions: Renditions, shelf: FakeStore) -> None:
        await renditions.keep(KEY, MASTER)
        first = await found(renditions)
        shelf.down = True
        second = await found(renditions)
        assert (first.place, second.place) == ("store", "memory")
        assert second.rendition is first.rendition

    within(work)


def test_without_memory_each_answer_is_read_from_the_store() -> None:
    async def work(renditions: Renditions, _: FakeStore) -> None:
        await renditions.keep(KEY, MASTER)
        assert [(await found(renditions)).place for _ in range(3)] == ["store"] * 3

    within(work, memory=0)


# A store that does not answer


@pytest.mark.parametrize("format_", FORMATS)
def test_what_an_unreachable_store_holds_is_unknown_and_not_absent(format_: str) -> None:
    async def work(renditions: Renditions, shelf: FakeStore) -> None:
        shelf.down = True
        with pytest.raises(StoreUnavailable):
            await renditions.find(KEY, Delivery(format_))
        with pytest.raises(StoreUnavailable):
            await renditions.has(KEY)
        shelf.down = False
        assert await renditions.find(KEY, Delivery(format_)) is None

    within(work)


def test_a_rendition_that_the_store_has_no_room_for_is_answered_and_says_so() -> None:
    async def work(renditions: Renditions, shelf: FakeStore) -> None:
        await renditions.keep(KEY, MASTER)
        shelf.full = True
        assert not (await found(renditions)).rendition.stored
        assert (await found(renditions, "png")).rendition.stored

    within(work)


def test_a_rendition_that_the_store_had_no_room_for_is_stored_when_it_has() -> None:
    async def work(renditions: Renditions, shelf: FakeStore) -> None:
        await renditions.keep(KEY, MASTER)
        shelf.full = True
        first = (await found(renditions)).rendition
        shelf.full = False
        again = await seen_stored(lambda: found(renditions))
        assert again.body == first.body
        assert shelf.objects[WEBP].body == first.body

    within(work)


# What waits in the spool

WAITING = paid()
WAITING_KEY = WAITING.order.content_key


def with_waiting(
    work: Callable[[Renditions, FakeStore, Spool], Awaitable[None]],
    *answers: Paid,
    down: bool = True,
    memory: int = 10**6,
) -> None:
    """Runs `work` where `answers` were spooled by another process, which does not know yet of this one."""

    async def lived() -> None:
        shelf, other, spool = FakeStore(), Spool(Path("spool")), Spool(Path("spool"))
        shelf.down = down
        for answer in answers or (WAITING,):
            await other.put(answer)
        renditions = Renditions(shelf, Memory(memory), spool)
        await work(renditions, shelf, spool)
        await renditions.close()
        await spool.close()
        await other.close()

    asyncio.run(lived())


@pytest.mark.parametrize("format_", FORMATS)
def test_what_another_process_spooled_is_answered_while_the_store_is_unknown_and_says_so(format_: str) -> None:
    async def work(renditions: Renditions, _: FakeStore, __: Spool) -> None:
        assert await renditions.has(WAITING_KEY)
        looks = [await renditions.find(WAITING_KEY, Delivery(format_)) for _ in range(3)]
        assert [look.rendition.stored for look in looks if look] == [False] * 3
        assert len({look.rendition.body for look in looks if look}) == 1

    with_waiting(work)


def test_what_waits_is_answered_without_asking_the_store() -> None:
    async def work(renditions: Renditions, shelf: FakeStore, spool: Spool) -> None:
        await spool.refresh()
        for format_ in FORMATS:
            assert await renditions.find(WAITING_KEY, Delivery(format_)) is not None
        assert (shelf.got, shelf.written) == ([], [])

    with_waiting(work, memory=0)


def test_what_waits_is_encoded_once_however_often_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    encodes = []
    encoded = pictures.encoded

    def counted(master_png: bytes, made: Variant, generator: str) -> bytes:
        encodes.append(made)
        return encoded(master_png, made, generator)

    async def work(renditions: Renditions, _: FakeStore, __: Spool) -> None:
        for look in range(10):
            found = await renditions.find(WAITING_KEY, Delivery())
            assert found is not None
            assert found.place == ("memory" if look else "store")
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

    monkeypatch.setattr(pictures, "encoded", counted)
    with_waiting(work)
    assert len(encodes) == 1


def test_the_spool_gives_the_bytes_that_the_store_will_have() -> None:
    async def work(renditions: Renditions, shelf: FakeStore, _: Spool) -> None:
        waiting = await renditions.find(WAITING_KEY, Delivery("png"))
        shelf.down = False
        await renditions.keep(WAITING_KEY, await renditions.validated(WAITING))
        assert waiting is not None
        assert waiting.rendition.body == shelf.objects[name(WAITING_KEY)].body

    with_waiting(work)


def test_once_settled_it_is_read_from_the_store() -> None:
    async def work(renditions: Renditions, shelf: FakeStore, spool: Spool) -> None:
        await renditions.find(WAITING_KEY, Delivery("png"))
        shelf.down = False
        await renditions.keep(WAITING_KEY, await renditions.validated(WAITING))
        await spool.drop(WAITING_KEY)
        renditions.settled(WAITING_KEY)
        look = await renditions.find(WAITING_KEY, Delivery("png"))
        assert look is not None
        assert (look.rendition.stored, look.place) == (True, "store")

    with_waiting(work)


def test_what_another_process_settled_is_read_from_the_store() -> None:
    async def work(renditions: Renditions, shelf: FakeStore, spool: Spool) -> None:
        await renditions.find(WAITING_KEY, Delivery("png"))
        shelf.down = False
        await renditions.keep(WAITING_KEY, await renditions.validated(WAITING))
        other = Spool(Path("spool"))
        await other.drop(WAITING_KEY)
        await other.close()
        await spool.refresh(60)
        await seen_stored(lambda: renditions.find(WAITING_KEY, Delivery("png")))

    with_waiting(work)


@pytest.mark.parametrize("answer", [paid(b"<html>"), paid(filtered=True)], ids=["no picture", "a refusal"])
def test_what_waits_and_is_no_picture_is_none(answer: Paid) -> None:
    async def work(renditions: Renditions, _: FakeStore, __: Spool) -> None:
        assert await renditions.find(answer.order.content_key, Delivery()) is None
        assert not await renditions.has(answer.order.content_key)

    with_waiting(work, answer)


def test_what_is_in_no_spool_stays_unknown() -> None:
    async def work(renditions: Renditions, _: FakeStore, __: Spool) -> None:
        with pytest.raises(StoreUnavailable):
            await renditions.find(KEY, Delivery())

    with_waiting(work)


# Once


def test_a_master_is_kept_once() -> None:
    async def work(renditions: Renditions, shelf: FakeStore) -> None:
        other = Record(pictures.master(picture(colour="red"), MARK), "image/png", 0, {"generator": "painter"})
        await renditions.keep(KEY, MASTER)
        await renditions.keep(KEY, other)
        assert (await found(renditions, "png")).rendition.body == MASTER.body
        assert shelf.objects == {name(): MASTER}

    within(work)
