"""What is told of pictures that are made from others: the mark in their files, and notes for people."""

import re
from pathlib import Path

import pytest

from promptcdn.cdn.origins import notes
from promptcdn.readers.answers import Answer, State
from promptcdn.url.formats import BY_NAME
from promptcdn.url.request import Resolved
from tests.cdn.house import House, Painter
from tests.cdn.test_sources import able, lose

pytestmark = pytest.mark.anyio

MODELS, ALGORITHMS, MIX = "trainedAlgorithmicMedia", "algorithmicMedia", "compositeSynthetic"
SOURCE = "prompt=a+lighthouse&seed=7"
SKETCHED = "it starts from a picture of the generator sketch, also when another generator is the default: then write"
MIXED = "its file is marked compositeSynthetic, since a picture of a trained model is part of it"
GONE = "if the store loses this picture, it cannot be made again"


def house(folder: Path, generator: str) -> House:
    """A service whose one generator is called so."""
    return House(folder, Painter(generator), defaults=able(generator))


def mark(answer: Answer) -> str:
    """IPTC's DigitalSourceType, as it stands in the file."""
    (found,) = re.findall(rb'newscodes/digitalsourcetype/([A-Za-z]+)"', answer.rendition.body)
    return str(found.decode())


def made_from(*answers: Answer, seed: int = 1) -> str:
    names = zip(("init", "mask"), answers, strict=False)
    return f"prompt=b&seed={seed}&" + "&".join(f"{name}={answer.content_key}" for name, answer in names)


async def sources(folder: Path) -> tuple[Answer, Answer]:
    """A model's picture and an algorithm's."""
    async with house(folder, "painter") as home:
        model = await home.get(SOURCE)
    async with house(folder, "sketch") as home:
        return model, await home.get(f"{SOURCE}&rev=1")


async def test_a_sketch_from_a_models_picture_is_marked_as_a_mix(tmp_path: Path) -> None:
    model, sketch = await sources(tmp_path)
    async with house(tmp_path, "sketch") as home:
        assert (mark(model), mark(sketch)) == (MODELS, ALGORITHMS)
        assert mark(await home.get(made_from(sketch))) == ALGORITHMS
        assert mark(await home.get(made_from(sketch, model))) == MIX
        for name in BY_NAME:
            assert mark(await home.get(f"{made_from(model)}&format={name}")) == MIX
            assert mark(await home.get(f"{made_from(model)}&format={name}&w=64")) == MIX


async def test_a_mark_goes_down_a_chain_and_outlives_its_cause(tmp_path: Path) -> None:
    model, _ = await sources(tmp_path)
    async with house(tmp_path, "sketch") as home:
        first = await home.get(made_from(model))
        lose(tmp_path, model.content_key)
        lose(tmp_path / "masters", first.content_key)
    async with house(tmp_path, "sketch") as home:
        assert mark(await home.get(f"{made_from(model)}&format=png")) == MIX
        assert mark(await home.get(made_from(first, seed=2))) == MIX


async def test_what_a_model_makes_of_a_sketch_is_a_models(tmp_path: Path) -> None:
    _, sketch = await sources(tmp_path)
    async with house(tmp_path, "painter") as home:
        assert mark(await home.get(made_from(sketch))) == MODELS


async def told(home: House, query: str) -> list[str]:
    look = await home.look(query)
    states = {name: await home.cdn.state(key) for name, key in look.resolved.sources.items()}
    return await home.cdn.origin_notes(look.resolved, look.state, states)


async def test_a_sketch_anywhere_in_a_chain_is_told(tmp_path: Path) -> None:
    model, sketch = await sources(tmp_path)
    async with house(tmp_path, "painter") as home:
        derived = await home.get(made_from(sketch))
        again = made_from(derived, seed=2)

        (note,) = await told(home, again)
        assert note.startswith(SKETCHED)
        assert await told(home, made_from(model)) == await told(home, SOURCE) == []


async def test_a_long_chain_is_not_followed_for_ever(tmp_path: Path) -> None:
    _, made = await sources(tmp_path)
    async with house(tmp_path, "painter") as home:
        for step in range(25):
            made = await home.get(made_from(made, seed=step))

        assert await told(home, made_from(made, seed=99)) == []


@pytest.mark.parametrize(
    ("generator", "state", "states", "origins", "expected"),
    [
        ("painter", "stored", {}, (), []),
        ("painter", "absent", {"init": "stored"}, ("painter",), []),
        ("painter", "absent", {"init": "stored"}, ("sketch",), [SKETCHED]),
        ("sketch", "stored", {"init": "stored"}, ("sketch",), [SKETCHED]),
        ("sketch", "absent", {"init": "stored"}, ("painter",), [MIXED]),
        ("sketch", "absent", {"init": "stored"}, ("painter", "sketch"), [SKETCHED, MIXED]),
        ("painter", "stored", {"init": "removed"}, ("painter",), [f"the picture that init names is removed: {GONE}"]),
        (
            "painter",
            "stored",
            {"init": "stored", "mask": "absent"},
            (),
            [f"the picture that mask names is absent: {GONE}"],
        ),
        ("painter", "absent", {"init": "removed"}, (), []),
    ],
)
def test_what_is_told_of_a_picture_made_from_others(
    generator: str, state: State, states: dict[str, State], origins: tuple[str, ...], expected: list[str]
) -> None:
    resolved = Resolved(generator, "e", "a", 1, 256, 256, 30, 7.0)

    said = list(notes(resolved, state, states, frozenset(origins)))

    assert len(said) == len(expected)
    assert all(each.startswith(start) for each, start in zip(said, expected, strict=True))
