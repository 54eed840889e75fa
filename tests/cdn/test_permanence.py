"""One URL is one picture, also where a generator never draws the same pixels twice: bad luck moves no picture."""

import asyncio
import io
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from promptcdn import problems
from promptcdn.generators import NO_SOURCES, Made, Sources
from promptcdn.generators.stability.grpc.engines import FAMILIES
from promptcdn.problems import Problem
from promptcdn.readers.answers import Answer, Asker, Reply
from promptcdn.readers.clients import Client
from promptcdn.readers.conditions import Condition
from promptcdn.url.parse import parse, parse_path
from promptcdn.url.request import Delivery, Resolved
from tests.cdn.house import House, Painter
from tests.support.offers import offers

pytestmark = pytest.mark.anyio

URL = "prompt=a&seed=1"
FORMATS = ("png", "webp", "jpeg", "avif")


class NeverTwice(Painter):
    """A generator that draws another colour at each call, whatever it is asked for."""

    def __init__(self, drawn: int = 0) -> None:
        """`drawn` is how many pictures were drawn before."""
        super().__init__()
        self._shades = itertools.count(drawn)

    async def generate(self, resolved: Resolved, content_key: str, *, sources: Sources = NO_SOURCES) -> Made:
        await super().generate(resolved, content_key, sources=sources)
        file = io.BytesIO()
        shade = next(self._shades) * 80
        Image.new("RGB", (resolved.width, resolved.height), (shade, 255 - shade, 128)).save(file, "PNG")
        return Made(file.getvalue(), resolved.seed)


def shade(answer: Reply) -> int:
    """Which call of the generator an answer shows."""
    assert isinstance(answer, Answer)
    with Image.open(io.BytesIO(answer.rendition.body)) as image:
        return round(image.convert("RGB").getpixel((5, 5))[0] / 80)  # type: ignore[index]


def rot(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)


def masters(folder: Path) -> list[Path]:
    return list(folder.glob("masters/*/*/*"))


def renditions(folder: Path) -> list[Path]:
    return list(folder.glob("renditions/*/*/*"))


def cut_to_its_header(path: Path) -> None:
    path.write_bytes(path.read_bytes().partition(b"\n")[0] + b"\n")


def lose(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [rot, lose])
async def test_a_lost_master_changes_no_format_and_costs_nothing(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    async with House(tmp_path, painter=NeverTwice()) as house:
        assert shade(await house.get(URL)) == 0

    async with House(tmp_path, painter=NeverTwice()) as house:
        harm(*masters(tmp_path))
        assert [shade(await house.get(f"{URL}&format={format_}")) for format_ in FORMATS] == [0, 0, 0, 0]
        assert shade(await house.get(f"{URL}&w=64&format=png")) == 0
        assert house.painter.calls == []


async def test_a_picture_that_is_gone_is_another_one_in_every_format(tmp_path: Path) -> None:
    """A picture of which nothing is left is another one in every format."""
    async with House(tmp_path, painter=NeverTwice()) as house:
        for format_ in FORMATS:
            assert shade(await house.get(f"{URL}&format={format_}")) == 0
        for path in [*masters(tmp_path), *renditions(tmp_path)]:
            rot(path)

    async with House(tmp_path, painter=NeverTwice(drawn=1)) as house:
        # A rendition that was read is set aside; the others are found to be of another master.
        assert [shade(await house.get(f"{URL}&format={format_}")) for format_ in FORMATS] == [1, 1, 1, 1]
        assert len(house.painter.calls) == 1


async def test_who_has_the_lost_picture_is_shown_the_new_one(tmp_path: Path) -> None:
    """Who has the picture that was lost is shown the new one in every format."""
    async with House(tmp_path, painter=NeverTwice()) as house:
        tags = [(await house.get(f"{URL}&format={format_}")).rendition.etag for format_ in FORMATS]
        for path in [*masters(tmp_path), *renditions(tmp_path)]:
            lose(path)

    async with House(tmp_path, painter=NeverTwice(drawn=1)) as house:
        assert shade(await house.get(URL)) == 1
        for format_, tag in zip(FORMATS, tags, strict=True):
            answer = await house.ask(f"{URL}&format={format_}", condition=Condition.parse([tag]))
            assert shade(answer) == 1
            assert isinstance(answer, Answer)
            assert answer.rendition.etag != tag


async def test_a_permalink_shows_what_is_left_of_a_picture(tmp_path: Path) -> None:
    async with House(tmp_path, painter=NeverTwice()) as house:
        key = (await house.get(URL)).content_key

    async with House(tmp_path, painter=NeverTwice()) as house:
        lose(*masters(tmp_path))
        assert shade(await house.cdn.permalink(key, Delivery("png"))) == 0


async def test_info_says_what_stands_in_for_a_master(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        await house.get(URL)

    async with House(tmp_path) as house:
        lose(*masters(tmp_path))
        request = parse(URL.encode())
        look = await house.cdn.look(request)
        assert (look.state, look.stand_in) == ("stored", None)
        assert masters(tmp_path) == []  # a look writes nothing
        await house.get(f"{URL}&format=png")
        assert (await house.cdn.look(request)).stand_in == "webp"


async def test_info_reads_no_picture(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        await house.get(URL)
        cut_to_its_header(*masters(tmp_path))
        assert (await house.cdn.look(parse(URL.encode()))).state == "stored"


SDXL = "stable-diffusion-xl-1024-v1-0"


@pytest.mark.parametrize("query", ["engine=later", "width=320&height=256", "engine=later&width=512"])
async def test_a_face_that_takes_the_nearest_binds_what_it_draws(tmp_path: Path, query: str) -> None:
    """And not what was asked: a stranger's look at `/prompt/x?engine=…` must not decide what `/?prompt=x&engine=…` is
    once that engine is offered."""
    lenient = parse_path(b"x", f"seed=1&{query}".encode())

    async with House(tmp_path, defaults=offers("painter", SDXL, families=FAMILIES)) as house:
        answer = await house.cdn.answer(lenient, Asker(house.seconds() + 20, Client(None)))
        assert isinstance(answer, Answer)
        with pytest.raises(Problem) as refused:
            await house.get(f"prompt=x&seed=1&{query}")
        assert refused.value.kind is problems.BAD_PARAMETER
        # What was drawn is bound all the same: a second look pays for nothing.
        await house.cdn.answer(lenient, Asker(house.seconds() + 20, Client(None)))
        assert len(house.painter.calls) == 1

    async with House(tmp_path, defaults=offers("painter", "any", "later")) as house:
        bound = await house.get(f"prompt=x&seed=1&{query}")
        assert bound.rendition is not None
        drawn = house.painter.calls[0]
        assert drawn.engine == ("later" if "engine" in query else "any")

        # What the lenient face drew stays at its own URL, whatever is offered by now.
        old = await house.cdn.answer(lenient, Asker(house.seconds() + 20, Client(None)))
        assert isinstance(old, Answer)
        assert old.content_key != bound.content_key
        assert len(house.painter.calls) == 1


async def test_a_view_names_a_url_that_every_face_takes(tmp_path: Path) -> None:
    """A seedless view names its seeded url in words that every face takes."""
    async with House(tmp_path) as house:
        request = parse_path(b"x", b"engine=not-yet-offered")
        answer = await house.cdn.answer(request, Asker(house.seconds() + 20, Client(None)))
        assert isinstance(answer, Answer)
        assert answer.location is not None
        assert "engine" not in answer.location
        again = await house.get(answer.location.partition("?")[2])
        assert again.content_key == answer.content_key
        assert len(house.painter.calls) == 1


async def test_a_takedown_during_an_encode_is_obeyed(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        key = (await house.get(URL)).content_key
        asked = asyncio.ensure_future(house.ask(f"{URL}&format=jpeg"))
        while not house.renditions._encodes.count:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
        house.taken_down.add(key)
        house.renditions.forget(key)
        with pytest.raises(Problem) as gone:
            await asked
        assert gone.value.kind is problems.REMOVED
        assert [path.suffix for path in renditions(tmp_path)] == [".webp"]


async def test_a_view_of_a_lenient_face_lives_from_memory_as_any_other(tmp_path: Path) -> None:
    async with House(tmp_path) as house:
        lenient = parse_path(b"x", b"seed=1")
        asker = Asker(house.seconds() + 20, Client(None))
        first = await house.cdn.answer(lenient, asker)
        house.store.down = True
        again = await house.cdn.answer(lenient, asker)
        assert isinstance(first, Answer)
        assert isinstance(again, Answer)
        assert again.rendition.body == first.rendition.body
