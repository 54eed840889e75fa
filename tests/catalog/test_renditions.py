"""What is made of a master is made once, and what is stored is what is served."""

import asyncio
import io
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image

from promptcdn import pictures
from promptcdn.catalog.memory_cache import Memory
from promptcdn.catalog.renditions import Found, Renditions, Timings
from promptcdn.observer import NO_OBSERVER, NoObserver, Observer
from promptcdn.pictures.files import Seen
from promptcdn.problems import StoreUnavailable
from promptcdn.readers.rendition import Rendition
from promptcdn.spool import Paid, Spool
from promptcdn.stores import Name, Record
from promptcdn.url.formats import BY_NAME
from promptcdn.url.request import Delivery
from tests.catalog.shelf import opened as on_a_shelf
from tests.support.fakes import KEY, MARK, FakeStore, name, paid, picture
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

ORDERED = {"generator": "painter", "width": 64, "height": 64}
MASTER = Record(pictures.master(picture(), MARK), "image/png", 1_795_435_200, ORDERED)
BIG = Record(pictures.master(picture((128, 96)), MARK), "image/png", 0, {**ORDERED, "width": 128, "height": 96})
WEBP = Name("renditions", f"{KEY}.webp")
FORMATS = sorted(BY_NAME)


def opened(
    shelf: FakeStore | None = None, memory: int = 10**6
) -> AbstractAsyncContextManager[tuple[Renditions, FakeStore]]:
    """A process of its own on a shelf."""
    return on_a_shelf(shelf, memory)


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


async def test_the_png_is_the_master_itself_byte_for_byte() -> None:
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, MASTER)
        png = (await found(renditions, "png")).rendition
        assert (png.body, png.media_type, png.made_at, png.stored) == (MASTER.body, "image/png", MASTER.made_at, True)
        assert shelf.written == [name()]


@pytest.mark.parametrize("format_", FORMATS)
async def test_each_format_is_the_whole_picture_of_the_masters_date(format_: str) -> None:
    """Each format is the whole picture with the masters birthday."""
    async with opened() as (renditions, _):
        await renditions.keep(KEY, MASTER)
        rendition = (await found(renditions, format_)).rendition
        with Image.open(io.BytesIO(rendition.body)) as image:
            assert (image.size, Image.MIME[image.format or ""]) == ((64, 64), rendition.media_type)
        assert rendition.media_type == f"image/{format_}"
        assert rendition.made_at == MASTER.made_at


async def test_what_was_never_made_is_not_found_in_any_format() -> None:
    async with opened() as (renditions, _):
        assert [await renditions.find(KEY, Delivery(format_)) for format_ in FORMATS] == [None] * len(FORMATS)
        assert not await renditions.has(KEY)


async def test_fifty_who_ask_at_once_share_one_encode() -> None:
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, MASTER)
        answers = await asyncio.gather(*(found(renditions) for _ in range(50)))
        assert len({answer.rendition.body for answer in answers}) == 1
        assert shelf.written == [name(), WEBP]
        assert shelf.got == [WEBP, name()]


async def test_the_next_process_reads_what_was_encoded_once() -> None:
    """The next process reads from the store what was encoded once."""
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, MASTER)
        body = (await found(renditions)).rendition.body

    async with opened(shelf) as (renditions, _):
        answer = await found(renditions)
        assert (answer.rendition.body, answer.place) == (body, "store")
        assert shelf.written == [name(), WEBP]


def stored_by_an_older_encoder() -> Record:
    with Image.open(io.BytesIO(MASTER.body)) as image:
        file = io.BytesIO()
        image.save(file, "WEBP", quality=20, method=6)
    return Record(file.getvalue(), "image/webp", MASTER.made_at, MASTER.resolved)


async def test_what_another_encoder_stored_is_what_is_served() -> None:
    shelf = FakeStore()
    shelf.objects = {name(): MASTER, WEBP: stored_by_an_older_encoder()}
    async with opened(shelf) as (renditions, _):
        assert (await found(renditions)).rendition.body == stored_by_an_older_encoder().body


async def test_who_encodes_and_loses_the_race_serves_the_winners_bytes() -> None:
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, MASTER)
        shelf.open.clear()
        look = asyncio.create_task(found(renditions))
        await shelf.asked.wait()
        shelf.objects[WEBP] = stored_by_an_older_encoder()
        shelf.open.set()
        assert (await look).rendition.body == stored_by_an_older_encoder().body


async def test_who_joins_a_read_that_began_too_early_looks_again() -> None:
    """Who joins a read that began before the picture was stored looks again."""
    async with opened() as (renditions, shelf):
        shelf.open.clear()
        early = asyncio.create_task(renditions.find(KEY, Delivery("png")))
        await shelf.asked.wait()
        await renditions.keep(KEY, MASTER)
        late = asyncio.create_task(renditions.find(KEY, Delivery("png")))
        await asyncio.wait({late}, timeout=0.01)
        shelf.open.set()
        assert await early is None
        assert await late is not None


# In other sizes


async def test_a_width_of_the_ladder_is_encoded_once_and_stored() -> None:
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, BIG)
        small = await renditions.find(KEY, Delivery("png", w=64), (128, 96))
        assert small is not None
        with Image.open(io.BytesIO(small.rendition.body)) as image:
            assert image.size == (64, 48)
        assert shelf.written == [name(), Name("renditions", f"{KEY}.64x48.png")]


@pytest.mark.parametrize("delivery", [Delivery(w=72), Delivery(q=50), Delivery(w=64, h=64, fit="cover")], ids=str)
async def test_any_other_rendition_is_answered_and_held_in_memory_only(delivery: Delivery) -> None:
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, BIG)
        first = await renditions.find(KEY, delivery, (128, 96))
        second = await renditions.find(KEY, delivery, (128, 96))
        assert first is not None
        assert second is not None
        assert (first.place, second.place) == ("store", "memory")
        assert first.rendition.body == second.rendition.body
        assert first.rendition.stored
        assert shelf.written == [name()]


async def test_deliveries_of_the_same_picture_are_one_rendition() -> None:
    """Deliveries that come to the same picture are one rendition."""
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, BIG)
        for delivery in (Delivery(w=64), Delivery(h=48), Delivery(w=32, dpr=2), Delivery(w=64, h=2048, q=80)):
            assert await renditions.find(KEY, delivery, (128, 96)) is not None
        assert shelf.written == [name(), Name("renditions", f"{KEY}.64x48.webp")]


async def test_who_does_not_know_the_masters_size_reads_it_once() -> None:
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, BIG)
        renditions.forget(KEY)
        for _ in range(3):
            assert await renditions.find(KEY, Delivery("png", w=64)) is not None
        assert shelf.got.count(name()) == 2  # its header for its size, and all of it to make the rendition
        assert await renditions.find("f" * 64, Delivery(w=64)) is None


async def test_without_encoding_only_what_is_ready_is_found() -> None:
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, BIG)
        assert await renditions.find(KEY, Delivery(), encode=False) is None
        assert await renditions.find(KEY, Delivery("png"), encode=False) is not None
        assert await renditions.find(KEY, Delivery()) is not None
        assert await renditions.find(KEY, Delivery(), encode=False) is not None
        assert shelf.written == [name(), WEBP]


# From memory


async def test_the_second_time_memory_answers() -> None:
    """The second time memory answers and the store is not asked."""
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, MASTER)
        first = await found(renditions)
        shelf.down = True
        second = await found(renditions)
        assert (first.place, second.place) == ("store", "memory")
        assert second.rendition is first.rendition


async def test_without_memory_each_answer_is_read_from_the_store() -> None:
    async with opened(memory=0) as (renditions, _):
        await renditions.keep(KEY, MASTER)
        assert [(await found(renditions)).place for _ in range(3)] == ["store"] * 3


# A store that does not answer


@pytest.mark.parametrize("format_", FORMATS)
async def test_what_an_unreachable_store_holds_is_unknown(format_: str) -> None:
    """What an unreachable store holds is unknown and not absent."""
    async with opened() as (renditions, shelf):
        shelf.down = True
        with pytest.raises(StoreUnavailable):
            await renditions.find(KEY, Delivery(format_))
        with pytest.raises(StoreUnavailable):
            await renditions.has(KEY)
        shelf.down = False
        assert await renditions.find(KEY, Delivery(format_)) is None


async def test_a_rendition_that_is_not_stored_says_so() -> None:
    """A rendition that the store has no room for is answered and says so."""
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, MASTER)
        shelf.full = True
        assert not (await found(renditions)).rendition.stored
        assert (await found(renditions, "png")).rendition.stored


async def test_a_rendition_is_stored_once_there_is_room() -> None:
    """A rendition that the store had no room for is stored when it has."""
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, MASTER)
        shelf.full = True
        first = (await found(renditions)).rendition
        shelf.full = False
        again = await seen_stored(lambda: found(renditions))
        assert again.body == first.body
        assert shelf.objects[WEBP].body == first.body


# What waits in the spool

WAITING = paid()
WAITING_KEY = WAITING.order.content_key


@asynccontextmanager
async def with_waiting(
    *answers: Paid, down: bool = True, memory: int = 10**6, observer: Observer = NO_OBSERVER
) -> AsyncIterator[tuple[Renditions, FakeStore, Spool]]:
    """`answers` were spooled by another process, and this one does not know that yet."""
    shelf, other, spool = FakeStore(), Spool(Path("spool")), Spool(Path("spool"))
    shelf.down = down
    for answer in answers or (WAITING,):
        await other.put(answer)
    renditions = Renditions(shelf, Memory(memory), spool, observer)
    yield renditions, shelf, spool
    await renditions.close()
    await spool.close()
    await other.close()


@pytest.mark.parametrize("format_", FORMATS)
async def test_what_another_process_spooled_is_answered(format_: str) -> None:
    """What another process spooled is answered while the store is unknown and says so."""
    async with with_waiting() as (renditions, _, __):
        assert await renditions.has(WAITING_KEY)
        looks = [await renditions.find(WAITING_KEY, Delivery(format_)) for _ in range(3)]
        assert [look.rendition.stored for look in looks if look] == [False] * 3
        assert len({look.rendition.body for look in looks if look}) == 1


async def test_what_waits_is_answered_without_asking_the_store() -> None:
    async with with_waiting(memory=0) as (renditions, shelf, spool):
        await spool.refresh()
        for format_ in FORMATS:
            assert await renditions.find(WAITING_KEY, Delivery(format_)) is not None
        assert (shelf.got, shelf.written) == ([], [])


class Encodes(NoObserver):
    """Says what was encoded."""

    def __init__(self) -> None:
        self.media_types: list[str] = []

    def encoded(self, media_type: str) -> None:
        self.media_types.append(media_type)


async def test_what_waits_is_encoded_once() -> None:
    """What waits is encoded once however often it is looked at."""
    encodes = Encodes()
    async with with_waiting(observer=encodes) as (renditions, _, __):
        for look in range(10):
            found = await renditions.find(WAITING_KEY, Delivery())
            assert found is not None
            assert found.place == ("memory" if look else "store")
    assert encodes.media_types == ["image/webp"]


async def test_the_spool_gives_the_bytes_that_the_store_will_have() -> None:
    async with with_waiting() as (renditions, shelf, _):
        waiting = await renditions.find(WAITING_KEY, Delivery("png"))
        shelf.down = False
        await renditions.keep(WAITING_KEY, await renditions.validated(WAITING))
        assert waiting is not None
        assert waiting.rendition.body == shelf.objects[name(WAITING_KEY)].body


async def test_once_settled_it_is_read_from_the_store() -> None:
    async with with_waiting() as (renditions, shelf, spool):
        await renditions.find(WAITING_KEY, Delivery("png"))
        shelf.down = False
        await renditions.keep(WAITING_KEY, await renditions.validated(WAITING))
        await spool.drop(WAITING_KEY)
        renditions.settled(WAITING_KEY)
        look = await renditions.find(WAITING_KEY, Delivery("png"))
        assert look is not None
        assert (look.rendition.stored, look.place) == (True, "store")


async def test_what_another_process_settled_is_read_from_the_store() -> None:
    async with with_waiting() as (renditions, shelf, spool):
        await renditions.find(WAITING_KEY, Delivery("png"))
        shelf.down = False
        await renditions.keep(WAITING_KEY, await renditions.validated(WAITING))
        other = Spool(Path("spool"))
        await other.drop(WAITING_KEY)
        await other.close()
        await spool.refresh(60)
        await seen_stored(lambda: renditions.find(WAITING_KEY, Delivery("png")))


@pytest.mark.parametrize("answer", [paid(b"<html>"), paid(filtered=True)], ids=["no picture", "a refusal"])
async def test_what_waits_and_is_no_picture_is_none(answer: Paid) -> None:
    async with with_waiting(answer) as (renditions, _, __):
        assert await renditions.find(answer.order.content_key, Delivery()) is None
        assert not await renditions.has(answer.order.content_key)


async def test_what_is_in_no_spool_stays_unknown() -> None:
    async with with_waiting() as (renditions, _, __):
        with pytest.raises(StoreUnavailable):
            await renditions.find(KEY, Delivery())


# What was made a moment ago


async def test_pixels_that_nobody_wants_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a picture that was made behind a view of another one, say."""
    held: list[weakref.ref[Image.Image]] = []
    seen = pictures.seen

    def noting(data: bytes) -> Seen | None:
        found = seen(data)
        assert found is not None
        held.append(weakref.ref(found.pixels.image))
        return found

    monkeypatch.setattr(pictures, "seen", noting)
    spool = Spool(Path("spool"))
    renditions = Renditions(FakeStore(), Memory(10**6), spool, timings=Timings(just_stored=0.01))
    await renditions.keep(WAITING_KEY, await renditions.validated(WAITING))
    await eventually(lambda: [image() for image in held] == [None])
    await renditions.close()
    await spool.close()


async def test_a_new_master_that_memory_has_lost_is_read() -> None:
    async with opened() as (renditions, shelf):
        shelf.objects[name()] = MASTER
        there = await renditions.find(KEY, Delivery(), made=True)
        assert there is not None
        assert (there.place, shelf.got) == ("store", [WEBP, name(), name()])


async def test_a_purge_drops_what_was_made_a_moment_ago() -> None:
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, MASTER)
        shelf.objects.clear()
        renditions.forget(KEY)
        assert await renditions.find(KEY, Delivery(), made=True) is None


# Once


async def test_a_master_is_kept_once() -> None:
    async with opened() as (renditions, shelf):
        other = Record(pictures.master(picture(colour="red"), MARK), "image/png", 0, {"generator": "painter"})
        await renditions.keep(KEY, MASTER)
        await renditions.keep(KEY, other)
        assert (await found(renditions, "png")).rendition.body == MASTER.body
        assert shelf.objects == {name(): MASTER}
