"""What is left of a picture stands in for its lost master, and nothing of another picture is ever shown."""

import asyncio
import io
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from promptcdn import pictures
from promptcdn.catalog.renditions import Found, Renditions
from promptcdn.pictures.sizing import Variant, best_stand_in
from promptcdn.stores import Header, Lineage, Name, Record
from promptcdn.url.request import Delivery
from tests.catalog.shelf import opened as on_a_shelf
from tests.support.fakes import KEY, MARK, NO_FORMAT, FakeStore, name, picture

pytestmark = pytest.mark.anyio

ORDERED = {"generator": "painter", "width": 128, "height": 128}
TEAL = Record(pictures.master(picture((128, 128)), MARK), "image/png", 1_795_435_200, ORDERED)
RED = Record(
    pictures.master(picture((128, 128), colour="red"), MARK),
    "image/png",
    1_795_435_900,
    ORDERED,
    Lineage(after=1),
)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def opened(
    shelf: FakeStore | None = None, memory: int = 0
) -> AbstractAsyncContextManager[tuple[Renditions, FakeStore]]:
    """A process of its own on a shelf; without memory, so that the shelf is asked each time."""
    return on_a_shelf(shelf, memory)


async def seen(renditions: Renditions, format_: str = "webp", **delivery: Any) -> Found:
    found = await renditions.find(KEY, Delivery(format_, **delivery), (128, 128))
    assert found is not None
    return found


def colour(found: Found) -> str:
    """What a flat picture shows, also after a lossy encoder."""
    with Image.open(io.BytesIO(found.rendition.body)) as image:
        red, green, _ = image.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
    return "red" if red > green else "teal"


@pytest.mark.parametrize(
    ("left", "best"),
    [
        ((), None),
        (("320x320.cut.webp",), None),
        (("jpeg", "webp"), "webp"),
        (("webp", "avif", "jpeg"), "avif"),
        (("640x640.png", "jpeg"), "jpeg"),
        (("320x320.webp", "640x640.jpeg"), "640x640.jpeg"),
        (("320x320.webp", "320x320.png"), "320x320.png"),
        (("q100.webp", "webp"), "q100.webp"),
    ],
)
def test_the_nearest_to_the_master_stands_in(left: tuple[str, ...], best: str | None) -> None:
    variants = [made for label in left if (made := Variant.parse(label))]
    chosen = best_stand_in(variants)
    assert (None if chosen is None else chosen.label) == best


@pytest.mark.parametrize("label", ["webp", "320x240.webp", "64x64.cut.jpeg", "q5.avif", "10x10.cut.q100.webp", "png"])
def test_a_label_is_read_back_as_the_variant_that_wrote_it(label: str) -> None:
    made = Variant.parse(label)
    assert made is not None
    assert made.label == label


@pytest.mark.parametrize("label", ["", NO_FORMAT, "320.webp", "x320.webp", "webp.webp", "cut", "320x320"])
def test_what_is_no_label_is_no_variant(label: str) -> None:
    assert Variant.parse(label) is None


@pytest.mark.parametrize("left", ["webp", "jpeg", "avif"])
async def test_a_whole_rendition_stands_in_for_a_lost_master(left: str) -> None:
    """A whole rendition is the picture in every format once the master is lost."""
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, TEAL)
        before = (await seen(renditions, left)).rendition
        del shelf.objects[name()]
        renditions.forget(KEY)

        assert await renditions.restore(KEY)

        assert (await seen(renditions, left)).rendition.body == before.body
        for format_ in ("png", "webp", "jpeg", "avif"):
            assert colour(await seen(renditions, format_)) == "teal"
        header = await renditions.header(KEY)
        assert header is not None
        assert (header.lineage, header.made_at) == (Lineage(TEAL.sha256, left), TEAL.made_at)


async def test_a_smaller_rendition_stands_in_where_no_other_is_left() -> None:
    """A smaller rendition stands in where no whole one is left."""
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, TEAL)
        await seen(renditions, w=64)
        del shelf.objects[name()]
        renditions.forget(KEY)
        assert await renditions.restore(KEY)
        whole = await seen(renditions, "png")
        with Image.open(io.BytesIO(whole.rendition.body)) as image:
            assert image.size == (128, 128)
        assert colour(whole) == "teal"


async def test_the_png_in_memory_is_the_master_itself() -> None:
    async with opened(memory=10**6) as (renditions, shelf):
        await renditions.keep(KEY, TEAL)
        await seen(renditions, "png")
        shelf.objects.clear()
        assert await renditions.restore(KEY, ORDERED)
        assert shelf.objects[name()] == TEAL


async def test_where_nothing_is_left_nothing_stands_in() -> None:
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, TEAL)
        await seen(renditions)
        shelf.objects.clear()
        renditions.forget(KEY)
        assert not await renditions.restore(KEY, ORDERED)


async def test_a_rendition_of_another_master_is_deleted_and_made_anew() -> None:
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, TEAL)
        for format_ in ("webp", "jpeg"):
            assert colour(await seen(renditions, format_)) == "teal"

    shelf.objects[name()] = RED
    async with opened(shelf) as (renditions, _):
        for format_ in ("webp", "jpeg", "avif", "png"):
            assert colour(await seen(renditions, format_)) == "red"
        assert shelf.objects[Name("renditions", f"{KEY}.webp")].lineage == Lineage(RED.sha256, after=1)


@pytest.mark.parametrize(("made_at", "shown"), [(TEAL.made_at, "teal"), (TEAL.made_at - 1, "red")])
async def test_what_an_older_version_made_is_of_the_master_of_then(made_at: int, shown: str) -> None:
    """Older versions wrote no digest: a picture's birthday is what its renditions share with it."""

    shelf = FakeStore()
    master = RED if shown == "red" else TEAL
    shelf.objects[name()] = Record(master.body, "image/png", TEAL.made_at, ORDERED)
    webp = pictures.encoded(TEAL.body, Variant("webp"), MARK)
    shelf.objects[Name("renditions", f"{KEY}.webp")] = Record(webp, "image/webp", made_at, ORDERED)
    async with opened(shelf) as (renditions, _):
        assert colour(await seen(renditions)) == shown


@pytest.mark.parametrize("note", [b'{"pictures": ["%s"]}' % TEAL.sha256.encode(), b"{}"])
async def test_what_outlived_its_purge_stands_in_for_nothing(note: bytes) -> None:
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, TEAL)
        await seen(renditions)
        del shelf.objects[name()]
        renditions.forget(KEY)
        leaf = f"{KEY}.{(TEAL.made_at + 5) * 10**9}"
        shelf.objects[Name("purges", leaf)] = Record(note, "application/json", TEAL.made_at + 5, {})
        assert not await renditions.restore(KEY)
        assert await renditions.find(KEY, Delivery("webp"), (128, 128)) is None


async def test_what_is_encoded_during_a_purge_is_not_stored() -> None:
    """What is being encoded during a purge is neither stored nor shown."""

    class Held(FakeStore):
        """A store that is purged while it takes a rendition."""

        purge: Callable[[], None] | None = None

        async def put(self, name: Name, record: Record) -> Record:
            winner = await super().put(name, record)
            if self.purge is not None and name.folder == "renditions":
                self.purge()
            return winner

    shelf = Held()
    async with opened(shelf, memory=10**6) as (renditions, _):
        await renditions.keep(KEY, TEAL)

        def purge() -> None:
            del shelf.objects[name()]
            renditions.forget(KEY)

        shelf.purge = purge
        assert await renditions.find(KEY, Delivery("webp"), (128, 128)) is None
        assert shelf.objects == {}


async def test_a_stand_in_that_is_made_during_a_purge_does_not_undo_it() -> None:
    class Held(FakeStore):
        """A store that is purged while it takes a stand-in."""

        purge: Callable[[], None] | None = None

        async def put(self, name: Name, record: Record) -> Record:
            winner = await super().put(name, record)
            if record.lineage.stand_in is not None and self.purge is not None:
                self.purge()
            return winner

    shelf = Held()
    async with opened(shelf) as (renditions, _):
        await renditions.keep(KEY, TEAL)
        await seen(renditions)
        del shelf.objects[name()]
        shelf.purge = lambda: renditions.forget(KEY)
        assert not await renditions.restore(KEY)
        assert name() not in shelf.objects


async def test_a_stand_in_for_a_picture_that_was_made_anew_says_so_too() -> None:
    async with opened() as (renditions, shelf):
        await renditions.keep(KEY, RED)
        await seen(renditions)
        del shelf.objects[name()]
        renditions.forget(KEY)
        assert await renditions.restore(KEY)
        header = await renditions.header(KEY)
        assert header is not None
        assert header.lineage == Lineage(RED.sha256, "webp", after=1)


async def test_a_late_rendition_of_another_master_is_never_shown() -> None:
    class Late(FakeStore):
        """A store into which a slow process puts what it made of the picture of before."""

        async def put(self, name: Name, record: Record) -> Record:
            if name.folder == "renditions":
                old = pictures.encoded(TEAL.body, Variant("webp"), MARK)
                lineage = Lineage(TEAL.sha256)
                self.objects.setdefault(name, Record(old, "image/webp", TEAL.made_at, ORDERED, lineage))
            return await super().put(name, record)

    async with opened(Late(), memory=10**6) as (renditions, _):
        await renditions.keep(KEY, RED)
        assert colour(await seen(renditions)) == "red"
        assert colour(await seen(renditions)) == "red"


async def test_who_pays_believes_no_look_that_began_before() -> None:
    """What others began to look for is not believed by who pays."""

    class Slow(FakeStore):
        """A store that answers a look with what was there when it began."""

        async def look(self, name: Name) -> Header | None:
            found = await super().look(name)
            await asyncio.sleep(0.05)
            return found

    shelf = Slow()
    async with opened(shelf) as (renditions, _):
        early = asyncio.create_task(renditions.restore(KEY))
        await shelf.asked.wait()
        await shelf.put(name(), TEAL)
        assert await renditions.restore(KEY, anew=True)
        assert not await early
