"""What the words of a command ask for, and what buttons order."""

import contextlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.faces.chats import orders
from promptcdn.faces.chats.orders import again, ordered, series, shortest, varied
from promptcdn.problems import Problem
from promptcdn.settings import Settings
from promptcdn.url.engines import EVERY_SIZE, IMAGE_TO_IMAGE, Family
from promptcdn.url.parse import canonical_url, parse
from promptcdn.url.request import Asked, Request, Resolved
from promptcdn.url.resolving import Defaults, resolve
from tests.support.offers import offers

KEY = "0123456789abcdef" * 4
WRITTEN = [
    ("a lighthouse", "prompt=a+lighthouse"),
    ("a lighthouse seed=7", "prompt=a+lighthouse&seed=7"),
    ("seed=7 a  lighthouse", "prompt=a+lighthouse&seed=7"),
    ("a lighthouse Seed=octocat", "prompt=a+lighthouse&seed=octocat"),
    ('a cat negative_prompt="a dog, text" seed=1', "prompt=a+cat&negative_prompt=a+dog,+text&seed=1"),
    ("a cat negative_prompt=“a dog” seed=1", "prompt=a+cat&negative_prompt=a+dog&seed=1"),
    ('a sign that says "open = good"', "prompt=a+sign+that+says+%22open+%3D+good%22"),
    ('"e=mc2" on a wall', "prompt=%22e%3Dmc2%22+on+a+wall"),
    ("a = b", "prompt=a+%3D+b"),
    ("100% & more; a+b", "prompt=100%25+%26+more;+a%2Bb"),
    ("prompt=cats", "prompt=cats"),
    ("a cat model=sketch w=320", "prompt=a+cat&engine=sketch&w=320"),
    ("a cat seed=", "prompt=a+cat"),
]


@pytest.mark.parametrize(("text", "query"), WRITTEN)
def test_a_command_is_written_as_a_url_is(text: str, query: str) -> None:
    assert ordered(text) == parse(query.encode())


@pytest.mark.parametrize(
    ("text", "parameter"),
    [("a sede=7", "sede"), ("e=mc2", "e"), ("a seed=1 seed=2", "seed"), ("a steps=0", "steps"), ("seed=7", "prompt")],
)
def test_a_mistake_is_named_as_in_a_url(text: str, parameter: str) -> None:
    with pytest.raises(Problem) as problem:
        ordered(text)
    assert problem.value.parameter == parameter


@given(st.text(max_size=200))
def test_any_text_is_an_order_or_a_problem(text: str) -> None:
    found: Request | None = None
    with contextlib.suppress(Problem):
        found = ordered(text)
    assert found is None or found.asked.prompt


@pytest.mark.parametrize(("first", "seeds"), [(7, (7, 8, 9)), (2**32 - 2, (2**32 - 2, 2**32 - 1, 0))])
def test_a_series_goes_on_behind_the_last_seed(first: int, seeds: tuple[int, ...]) -> None:
    assert series(first, 3) == seeds


def test_one_occasion_draws_one_seed() -> None:
    assert orders.drawn("slack 1.2") == orders.drawn("slack 1.2") != orders.drawn("slack 1.3")


NO_SETTINGS: dict[str, Any] = {}
DEFAULTS = Settings(**NO_SETTINGS).defaults
PLAIN = resolve(Asked("a cat", seed=7), DEFAULTS)
ORDERED = [
    Asked("a cat", seed=7),
    Asked("a cat", seed=7, width=512, height=768),
    Asked("a cat", "a dog", 7, aspect_ratio="16:9", steps=12, cfg_scale=3.5, style_preset="line-art", rev=2),
    Asked("a cat", seed=7, init=KEY, strength=0.5),
    Asked("a cat", seed=7, init=KEY, upscale=2),
]


@pytest.mark.parametrize("asked", ORDERED)
def test_the_order_of_a_picture_makes_the_same_picture_again(asked: Asked) -> None:
    resolved = resolve(asked, DEFAULTS)

    assert resolve(again(resolved, 7).asked, DEFAULTS, nearest=True) == resolved
    assert resolve(again(resolved, 8).asked, DEFAULTS, nearest=True) == replace(resolved, seed=8)
    assert resolve(shortest(resolved, DEFAULTS), DEFAULTS) == resolved


@pytest.mark.parametrize(
    ("asked", "url"),
    [
        (ORDERED[0], "/?prompt=a+cat&seed=7"),
        (ORDERED[1], "/?prompt=a+cat&seed=7&width=512&height=768"),
        (
            replace(ORDERED[2], aspect_ratio=None),
            "/?prompt=a+cat&negative_prompt=a+dog&seed=7&steps=12&cfg_scale=3.5&style_preset=line-art&rev=2",
        ),
    ],
)
def test_the_shortest_url_says_what_the_defaults_do_not(asked: Asked, url: str) -> None:
    assert canonical_url(shortest(resolve(asked, DEFAULTS), DEFAULTS)) == url


def test_an_order_of_an_engine_that_is_gone_goes_to_the_default() -> None:
    gone = replace(PLAIN, generator="painter", engine="oil", width=1536, height=256, steps=150)

    assert resolve(again(gone, 7).asked, DEFAULTS, nearest=True).generator == PLAIN.generator
    assert shortest(gone, DEFAULTS).engine == "painter/oil"


STARTS = Family(".*", EVERY_SIZE, (512, 512), understands=IMAGE_TO_IMAGE)
ALONE = Family(".*", EVERY_SIZE, (512, 512))


@pytest.mark.parametrize(("family", "init"), [(STARTS, KEY), (ALONE, None)])
def test_a_variation_starts_from_its_picture_where_it_can(family: Family, init: str | None) -> None:
    defaults: Defaults = offers("painter", "e", families=(family,))
    resolved: Resolved = resolve(Asked("a cat", seed=7, width=512, height=768), defaults)
    variation = resolve(varied(resolved, KEY, 9, defaults).asked, defaults, nearest=True)

    assert (variation.init, variation.seed, variation.size) == (init, 9, (512, 768))


def test_a_variation_of_an_enlarged_picture_enlarges_nothing() -> None:
    enlarged = resolve(Asked("a cat", seed=7, init=KEY, upscale=2), DEFAULTS)
    request = varied(enlarged, "f" * 64, 9, DEFAULTS)

    assert (request.asked.upscale, request.asked.mask, request.asked.init) == (None, None, "f" * 64)
    assert resolve(request.asked, DEFAULTS, nearest=True).init == "f" * 64
