"""Several generators in one service: which are in use, and what each offers, by the settings."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn import settings
from promptcdn.generators.declaration import Declaration
from promptcdn.generators.registry import BY_NAME, GENERATORS
from promptcdn.misconfiguration import unused
from promptcdn.money.costs import Price
from promptcdn.problems import BadSettings
from promptcdn.settings.by_generator import ByGenerator, Numbers
from promptcdn.url.engines import ANY, EVERY_SIZE, Family
from tests.support.service import environment

SDXL = "stable-diffusion-xl-1024-v1-0"
# A generator that a test needs beside those that there are: it takes any engine, one call at a time.
PAINTER = Declaration(
    name="painter",
    opened=BY_NAME["sketch"].opened,
    engine="oil",
    engines=(Family("oil|water", EVERY_SIZE, (512, 512), steps=(1, 8)), ANY),
    prices=(Price("oil", 100),),
    settings=("stability_host", "stability_key"),
    needs=("stability_host",),
    concurrency=1,
)


@pytest.fixture(autouse=True)
def only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment and a folder that set nothing up, and a service that has a painter too."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(environment()):
        monkeypatch.delenv(name)
    monkeypatch.setattr("promptcdn.settings.generators.GENERATORS", (PAINTER, *GENERATORS))
    for room in ("generators", "forms"):
        monkeypatch.setattr(f"promptcdn.settings.{room}.BY_NAME", {**BY_NAME, "painter": PAINTER})
    return monkeypatch


def chosen(only: pytest.MonkeyPatch, **values: str) -> settings.Settings:
    for name, value in values.items():
        only.setenv(name, value)
    return settings.load()


def wrong(only: pytest.MonkeyPatch, **values: str) -> str:
    with pytest.raises(BadSettings) as caught:
        chosen(only, **values)
    return str(caught.value)


def test_the_first_of_several_generators_is_the_default(only: pytest.MonkeyPatch) -> None:
    found = chosen(only, PROMPTCDN_GENERATOR="sketch, stability", STABILITY_HOST="h")

    assert [each.name for each in found.generators] == ["sketch", "stability"]
    assert found.defaults.default == ("sketch", "sketch")
    assert found.defaults.names == ("sketch", SDXL)
    assert found.paid


@pytest.mark.parametrize(
    ("generators", "said"),
    [
        ("stability, midjourney", "there is no generator midjourney; allowed: "),
        ("sketch, sketch", "sketch is named twice"),
        ("auto, sketch", "there is no generator auto"),
        ("sketch, stability", "PROMPTCDN_GENERATOR=sketch,stability: stability needs STABILITY_KEY or STABILITY_HOST"),
        ("painter", "painter needs STABILITY_HOST"),
    ],
)
def test_a_generator_that_cannot_be_used_ends_the_start(only: pytest.MonkeyPatch, generators: str, said: str) -> None:
    told = wrong(only, PROMPTCDN_GENERATOR=generators)

    assert said in told
    assert len(told.splitlines()) == 1


def test_what_a_generator_needs_is_needed_whatever_else_is_set(only: pytest.MonkeyPatch) -> None:
    assert "painter needs STABILITY_HOST" in wrong(only, PROMPTCDN_GENERATOR="painter", STABILITY_KEY="k")


OFFERS = [
    ("sketch, stability", "", "", (f"sketch/sketch stability/{SDXL}")),
    ("stability, sketch", "", "", (f"stability/{SDXL} sketch/sketch")),
    (
        "stability, sketch",
        "",
        "stable-diffusion-v1-6",
        (f"stability/{SDXL} stability/stable-diffusion-v1-6 sketch/sketch"),
    ),
    ("sketch, stability", "stability/own", "", ("stability/own sketch/sketch stability/" + SDXL)),
    ("stability, painter", "", "water", (f"stability/{SDXL} painter/water")),
    ("stability, painter", "", "painter/own, stability/own", f"stability/{SDXL} painter/own stability/own"),
    ("stability, painter", "", "painter/water, stability/own", f"stability/{SDXL} painter/water stability/own"),
    ("sketch, painter", "", "own", "sketch/sketch painter/own"),
    ("sketch", "stable-diffusion-v1-6", "own, stability/x", "sketch/sketch"),
]


@pytest.mark.parametrize(("generators", "engine", "engines", "offered"), OFFERS)
def test_each_generator_offers_an_engine(
    only: pytest.MonkeyPatch, generators: str, engine: str, engines: str, offered: str
) -> None:
    """A name without a generator is that of the first generator that knows it, else of the one that takes any."""
    named = {"PROMPTCDN_ENGINE": engine, "PROMPTCDN_ENGINES": engines}
    found = chosen(only, PROMPTCDN_GENERATOR=generators, STABILITY_HOST="h", **named)

    assert [each.full_name for each in found.defaults.offered] == offered.split()


@pytest.mark.parametrize("setting", ["PROMPTCDN_ENGINE", "PROMPTCDN_ENGINES"])
def test_a_name_that_several_generators_may_have_is_refused(only: pytest.MonkeyPatch, setting: str) -> None:
    """A checkpoint on the desk must not become an engine that is paid for."""
    told = wrong(only, PROMPTCDN_GENERATOR="painter, stability", STABILITY_HOST="h", **{setting: "own"})

    assert told == f"{setting}=own: several generators take any name; allowed: painter/own or stability/own"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"PROMPTCDN_GENERATOR": "sketch", "A1111_URL": "http://h"}, [("A1111_URL", "a1111 is not in use")]),
        ({"PROMPTCDN_GENERATOR": "sketch", "STABILITY_KEY": "k", "PROMPTCDN_OPENAI_SERVER": ""}, []),
        (
            {"PROMPTCDN_GENERATOR": "sketch", "PROMPTCDN_ENGINES": "openai/x, sketch"},
            [("PROMPTCDN_ENGINES=openai/x", "no generator in use has such an engine")],
        ),
    ],
)
def test_settings_that_do_nothing_are_told(
    only: pytest.MonkeyPatch, values: dict[str, str], told: list[tuple[str, str]]
) -> None:
    """Keys are not: other programs read the same variables."""
    found = chosen(only, **values).chosen

    assert list(found.ineffective) == told
    assert [check.good for check in unused(found)] == [True] * len(told)


@pytest.mark.parametrize(
    ("needs", "needs_one", "given", "lacks"),
    [
        ((), (), "", (("stability_host", "stability_key"),)),
        ((), (), "stability_key", ()),
        (("stability_key", "stability_host"), (), "stability_key", (("stability_host",),)),
        ((), ("stability_key",), "stability_host", (("stability_key",),)),
        (("stability_host",), ("stability_key",), "", (("stability_host",), ("stability_key",))),
    ],
)
def test_a_generator_says_which_settings_it_needs(
    needs: tuple[str, ...], needs_one: tuple[str, ...], given: str, lacks: tuple[tuple[str, ...], ...]
) -> None:
    declared = replace(PAINTER, needs=needs, needs_one=needs_one)

    assert declared.lacks({given: "set"}) == lacks


def test_a_generator_may_depend_on_its_settings(only: pytest.MonkeyPatch) -> None:
    """What is spoken, and what it costs, may lie in an address."""
    local = replace(PAINTER, paid=False, engine="water")
    adapted = replace(PAINTER, by_settings=lambda values: local if values["stability_host"] == "own" else PAINTER)
    only.setattr("promptcdn.settings.generators.BY_NAME", {**BY_NAME, "painter": adapted})
    found = chosen(only, PROMPTCDN_GENERATOR="painter", STABILITY_HOST="own")

    assert (found.paid, found.defaults.default.engine) == (False, "water")
    assert not found.budget_limits.each


NUMBERS = Numbers(8, 1, 256)
PATIENCE = Numbers(120.0, 1.0, 600.0)


@pytest.mark.parametrize(
    ("numbers", "text", "read"),
    [
        (NUMBERS, "4", ByGenerator(4)),
        (NUMBERS, "4, sketch=1", ByGenerator(4, (("sketch", 1),))),
        (NUMBERS, "sketch=1", ByGenerator(8, (("sketch", 1),))),
        (NUMBERS, "sketch = 1 , 4", ByGenerator(4, (("sketch", 1),))),
        (PATIENCE, "2.5, sketch=600", ByGenerator(2.5, (("sketch", 600.0),))),
    ],
)
def test_single_generators_may_have_their_own_number(
    numbers: Numbers[float], text: str, read: ByGenerator[float]
) -> None:
    assert numbers.parse(text) == read


@pytest.mark.parametrize("text", ["", "many", "0", "257", "1.5", "4, 5", "sketch=1, sketch=2", "=4", "4,", "1e2"])
def test_a_wrong_number_by_generator_is_told_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="allowed: a whole number from 1 to 256; for single generators like 8, NAME=1"):
        NUMBERS.parse(text)


@given(st.integers(1, 256), st.dictionaries(st.sampled_from(sorted(BY_NAME)), st.integers(1, 256)))
def test_numbers_by_generator_are_read_as_they_are_shown(for_all: int, own: dict[str, int]) -> None:
    numbers = ByGenerator(for_all, tuple(own.items()))

    assert NUMBERS.parse(str(numbers)) == numbers


def test_a_number_for_no_generator_ends_the_start(only: pytest.MonkeyPatch) -> None:
    assert wrong(only, PROMPTCDN_CONCURRENCY="8, nobody=1").startswith(
        'PROMPTCDN_CONCURRENCY="8, nobody=1": there is no generator nobody; allowed: '
    )


@pytest.mark.parametrize(("text", "at_once"), [("", 1), ("4", 1), ("4, painter=3", 3), ("painter=9", 9)])
def test_a_generator_makes_no_more_at_once_than_it_declares(only: pytest.MonkeyPatch, text: str, at_once: int) -> None:
    """Unless the operator names it."""
    found = chosen(only, PROMPTCDN_GENERATOR="painter", STABILITY_HOST="h", PROMPTCDN_CONCURRENCY=text)

    assert found.at_once(found.generators[0]) == at_once


@pytest.mark.parametrize(
    ("budget", "limits"),
    [("", "100/day"), ("9/day", "9/day"), ("stability=9/day", "100/day, stability=9/day"), ("unlimited", "unlimited")],
)
def test_there_is_a_budget_where_any_generator_is_paid(only: pytest.MonkeyPatch, budget: str, limits: str) -> None:
    both = {"PROMPTCDN_GENERATOR": "sketch, stability", "STABILITY_KEY": "k"}

    assert str(chosen(only, PROMPTCDN_BUDGET=budget, **both).budget_limits) == limits


def test_a_limit_that_nothing_would_count_ends_the_start(only: pytest.MonkeyPatch) -> None:
    both = {"PROMPTCDN_GENERATOR": "sketch, stability", "STABILITY_KEY": "k"}

    assert "sketch costs nothing" in wrong(only, PROMPTCDN_BUDGET="sketch=5/day", **both)
    assert "there is no generator magic" in wrong(only, PROMPTCDN_BUDGET="magic=5/day")
    only.delenv("STABILITY_KEY")
    assert str(chosen(only, PROMPTCDN_GENERATOR="sketch", PROMPTCDN_BUDGET="sketch=5/day").budget_limits) == (
        "sketch=5/day"
    )


def test_the_operators_steps_go_to_the_nearest_of_an_engine(only: pytest.MonkeyPatch) -> None:
    found = chosen(only, PROMPTCDN_GENERATOR="painter", STABILITY_HOST="h", PROMPTCDN_STEPS="150")

    assert found.defaults.limits(found.defaults.default).nearest_steps(found.steps) == 8
