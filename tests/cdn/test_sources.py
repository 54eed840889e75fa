"""Pictures that are made from stored pictures: the right bytes, chains, and what happens where a source is gone."""

import asyncio
import io
from pathlib import Path

import pytest
from PIL import Image

from promptcdn import problems
from promptcdn.problems import Problem
from promptcdn.readers.answers import Answer, Unmade
from promptcdn.url.engines import ANY, EVERY_PARAMETER, IMAGE_TO_IMAGE, UPSCALING, Family
from promptcdn.url.resolving import Defaults
from tests.cdn.house import House, Painter
from tests.support.offers import offers
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

ABLE = Family(".*", ANY.sizes, (256, 256), understands=EVERY_PARAMETER | IMAGE_TO_IMAGE | UPSCALING)
SOURCE = "prompt=a+lighthouse&seed=7&width=320"


def able(painter: str = "painter") -> Defaults:
    return offers(painter, "e", families=(ABLE,), size=(256, 256))


def house(folder: Path, painter: Painter | None = None) -> House:
    """A service whose one engine can make pictures from pictures."""
    return House(folder, painter, defaults=able())


def pixels(file: bytes | None) -> Image.Image:
    assert file is not None
    with Image.open(io.BytesIO(file)) as image:
        image.load()
        return image


def lose(folder: Path, content_key: str) -> None:
    """What is stored of a picture is gone."""
    for lost in folder.glob(f"**/{content_key}*"):
        lost.unlink()


async def refused(house: House, query: str) -> Problem:
    with pytest.raises(Problem) as caught:
        await house.get(query)
    return caught.value


async def test_the_generator_is_given_the_stored_picture(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        source = await home.get(f"{SOURCE}&format=png")
        derived = await home.get(f"prompt=at+night&seed=1&init={source.content_key}")

        order, sources = home.painter.calls[-1], home.painter.sources[-1]
        assert sources.init == source.rendition.body
        assert sources.mask is None
        assert (order.size, order.strength, order.init) == ((320, 256), 0.75, source.content_key)
        assert derived.content_key != source.content_key


async def test_a_picture_from_text_is_given_none(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        await home.get(SOURCE)

        assert home.painter.sources[-1].init is None


async def test_init_and_mask_come_in_the_size_of_the_new_picture(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        source, mask = await home.get(SOURCE), await home.get("prompt=a+shape&seed=2&height=512")
        await home.get(
            f"prompt=b&seed=1&init={source.content_key}&mask={mask.content_key}&width=512&height=384&strength=0.2"
        )

        sources = home.painter.sources[-1]
        assert pixels(sources.init).size == pixels(sources.mask).size == (512, 384)
        assert pixels(sources.mask).mode == "L"


async def test_an_enlarged_picture_is_twice_as_large(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        source = await home.get(f"{SOURCE}&format=png")
        large = await home.get(f"prompt=b&seed=1&init={source.content_key}&upscale=2&format=png")

        assert home.painter.sources[-1].init == source.rendition.body
        assert pixels(large.rendition.body).size == (640, 512)


async def test_chains_of_pictures_work(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        made = [await home.get(f"{SOURCE}&format=png")]
        for step in range(3):
            made.append(await home.get(f"prompt=step+{step}&seed=1&init={made[-1].content_key}&format=png"))

        assert [sources.init for sources in home.painter.sources[1:]] == [each.rendition.body for each in made[:-1]]
        assert len({each.content_key for each in made}) == 4


@pytest.mark.parametrize("parameter", ["init", "mask"])
async def test_a_source_that_is_not_stored_is_404_and_nothing_is_made(tmp_path: Path, parameter: str) -> None:
    async with house(tmp_path) as home:
        source = await home.get(SOURCE)
        keys = {"init": source.content_key, "mask": source.content_key, parameter: "0" * 64}

        refusal = await refused(home, "prompt=b&seed=1&" + "&".join(f"{name}={key}" for name, key in keys.items()))

        assert (refusal.kind, refusal.parameter, refusal.value) == (problems.NOT_FOUND, parameter, "0" * 64)
        assert len(home.painter.calls) == 1


@pytest.mark.parametrize("parameter", ["init", "mask"])
async def test_a_source_that_was_taken_down_is_410_and_nothing_is_made(tmp_path: Path, parameter: str) -> None:
    async with house(tmp_path) as home:
        source, other = await home.get(SOURCE), await home.get("prompt=other&seed=7")
        home.taken_down.add(source.content_key)
        keys = {"init": other.content_key, parameter: source.content_key}

        refusal = await refused(home, "prompt=b&seed=1&" + "&".join(f"{name}={key}" for name, key in keys.items()))

        assert (refusal.kind, refusal.parameter) == (problems.REMOVED, parameter)
        assert len(home.painter.calls) == 2


async def test_what_was_made_of_a_picture_outlives_it(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        source = await home.get(SOURCE)
        url = f"prompt=b&seed=1&init={source.content_key}"
        before = await home.get(url)
        home.taken_down.add(source.content_key)

        assert (await home.get(url)).rendition.body == before.rendition.body


async def test_a_source_that_goes_before_its_turn_costs_nothing(tmp_path: Path) -> None:
    """A source that is taken down after the URL was resolved, and before the generator is called, costs nothing."""
    async with house(tmp_path) as home:
        source = await home.get(SOURCE)
        listed, home.taken_down = home.taken_down, _OnlySurely(source.content_key)

        refusal = await refused(home, f"prompt=b&seed=1&init={source.content_key}")

        home.taken_down = listed
        assert (refusal.kind, refusal.parameter) == (problems.REMOVED, "init")
        assert len(home.painter.calls) == 1


class _OnlySurely(set[str]):
    """Knows of a takedown from the second look on, as a list that is two seconds old does."""

    def __init__(self, key: str) -> None:
        super().__init__([key])
        self._looks = 0

    def __contains__(self, key: object) -> bool:
        if not super().__contains__(key):
            return False
        self._looks += 1
        return self._looks > 1


async def test_a_source_under_way_is_awaited(tmp_path: Path) -> None:
    """A page that shows both pictures is loaded for the first time: the second picture waits for the first one."""
    async with house(tmp_path) as home:
        key = (await home.look(SOURCE)).content_key
        home.painter.open.clear()
        source = asyncio.create_task(home.get(SOURCE))
        await home.painter.called.wait()
        looks = home.flights.looks[key]
        derived = asyncio.create_task(home.get(f"prompt=b&seed=1&init={key}"))
        await eventually(lambda: home.flights.looks[key] > looks)
        home.painter.open.set()

        assert isinstance(await derived, Answer)
        assert (await source).content_key == key
        assert [order.init for order in home.painter.calls] == [None, key]


async def test_whoever_cannot_wait_for_a_source_is_told_to_come_again(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        key = (await home.look(SOURCE)).content_key
        home.painter.open.clear()
        source = asyncio.create_task(home.get(SOURCE))
        await home.painter.called.wait()

        refusal = await refused(home, f"prompt=b&seed=1&init={key}&wait=0")

        assert refusal.kind is problems.TOO_SLOW
        home.painter.open.set()
        await source


async def test_a_source_that_another_replica_makes_is_not_awaited(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        home.flights.elsewhere.add("0" * 64)

        refusal = await refused(home, f"prompt=b&seed=1&init={'0' * 64}")

        assert refusal.kind is problems.TOO_SLOW
        assert "init" in refusal.detail


async def test_a_source_that_the_filter_refused_is_a_missing_one(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        key = (await home.look("prompt=forbidden&seed=7")).content_key
        home.painter.open.clear()
        source = asyncio.create_task(home.ask("prompt=forbidden&seed=7"))
        await home.painter.called.wait()
        looks = home.flights.looks[key]
        derived = asyncio.create_task(refused(home, f"prompt=b&seed=1&init={key}"))
        await eventually(lambda: home.flights.looks[key] > looks)
        home.painter.open.set()

        assert (await derived).kind is problems.NOT_FOUND
        with pytest.raises(Problem):
            await source


async def test_whoever_makes_nothing_is_told_that_nothing_is_made(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        assert await home.ask(f"prompt=b&seed=1&init={'0' * 64}", making=False) == Unmade()


async def test_a_url_without_a_seed_draws_from_pictures_of_one_source(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        source = await home.get(SOURCE)
        await home.get(f"prompt=b&init={source.content_key}")
        await home.landed()

        assert home.painter.calls[-1].init == source.content_key
        assert (await refused(home, f"prompt=b&init={'0' * 64}")).kind is problems.NOT_FOUND


async def test_an_engine_that_cannot_is_refused_before_any_look_up(tmp_path: Path) -> None:
    async with House(tmp_path) as home:
        refusal = await refused(home, f"prompt=b&seed=1&init={'0' * 64}")

        assert (refusal.kind, refusal.parameter) == (problems.BAD_PARAMETER, "init")


async def test_a_lost_picture_is_made_again_from_its_source(tmp_path: Path) -> None:
    async with house(tmp_path) as home:
        source = await home.get(f"{SOURCE}&format=png")
        derived = await home.get(f"prompt=b&seed=1&init={source.content_key}")
    lose(tmp_path, derived.content_key)
    async with house(tmp_path) as home:
        again = await home.get(f"prompt=b&seed=1&init={source.content_key}")

        assert again.content_key == derived.content_key
        assert home.painter.sources[-1].init == source.rendition.body
