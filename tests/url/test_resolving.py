"""Resolving: filling the blanks, and what an engine allows."""

import pytest

from promptcdn import problems
from promptcdn.generators.stability.grpc.engines import DEFAULT, FAMILIES
from promptcdn.url import engines
from promptcdn.url.engines import ANY, EVERY_SIZE, Family
from promptcdn.url.parse import parse
from promptcdn.url.request import Control
from promptcdn.url.resolving import Defaults, Offered, as_drawn, departures, losses, resolve
from tests.support.offers import offers

SDXL = offers("stability", DEFAULT, "stable-diffusion-v1-6", families=FAMILIES)
SKETCH = offers("sketch", "sketch")


def size(query: str, defaults: Defaults) -> tuple[int, int]:
    resolved = resolve(parse(f"prompt=a&seed=1&{query}".encode()).asked, defaults)
    return resolved.width, resolved.height


def test_blanks_are_filled_with_the_defaults() -> None:
    resolved = resolve(parse(b"prompt=a&seed=1").asked, SDXL)

    assert resolved.parameters() == {
        "generator": "stability",
        "engine": "stable-diffusion-xl-1024-v1-0",
        "prompt": "a",
        "seed": 1,
        "width": 1024,
        "height": 1024,
        "steps": 30,
        "cfg_scale": 7.0,
        "rev": 0,
    }


SIZES = [
    ("", SDXL, (1024, 1024)),
    ("aspect_ratio=16:9", SDXL, (1344, 768)),
    ("aspect_ratio=9:16", SDXL, (768, 1344)),
    ("aspect_ratio=21:9", SDXL, (1536, 640)),
    ("aspect_ratio=3:2", SDXL, (1216, 832)),
    ("aspect_ratio=5:4", SDXL, (1152, 896)),
    ("aspect_ratio=1:1", SDXL, (1024, 1024)),
    ("aspect_ratio=16:9", SKETCH, (1344, 768)),
    ("aspect_ratio=4:1", SKETCH, (1536, 384)),
    ("width=1152&height=896", SDXL, (1152, 896)),
    ("width=1536", SKETCH, (1536, 1024)),
    ("height=256", SKETCH, (1024, 256)),
    ("engine=stable-diffusion-v1-6", SDXL, (512, 512)),
    ("", offers("sketch", "sketch", size=(640, 384)), (640, 384)),
    ("width=512", offers("sketch", "sketch", size=(640, 384)), (512, 384)),
    ("", offers("stability", "e", DEFAULT, size=(640, 384), families=FAMILIES), (640, 384)),
    (f"engine={DEFAULT}", offers("s", "e", DEFAULT, size=(640, 384), families=FAMILIES), (1024, 1024)),
]


@pytest.mark.parametrize(
    ("query", "defaults", "expected"), SIZES, ids=[f"{row[1].default.engine}?{row[0]}" for row in SIZES]
)
def test_sizes_come_from_the_url_the_operator_and_the_engine(
    query: str, defaults: Defaults, expected: tuple[int, int]
) -> None:
    assert size(query, defaults) == expected


def test_a_size_that_no_engine_draws_names_the_nearest_sizes() -> None:
    with pytest.raises(problems.Problem) as caught:
        size("width=1024&height=768", SDXL)

    assert caught.value.parameter == "width"
    assert "1152x896" in str(caught.value.allowed)


def test_only_the_side_that_was_asked_for_is_blamed() -> None:
    with pytest.raises(problems.Problem) as caught:
        size("height=640", SDXL)

    assert caught.value.parameter == "height"


@pytest.mark.parametrize(
    ("engine", "what"),
    [
        ("stable-diffusion-v1-4", "was retired"),
        ("midjourney", "the engine is not offered here"),
        ("stability/midjourney", "the engine is not offered here"),
        ("stability", "that is a generator, and an engine of it is needed"),
    ],
)
def test_an_engine_that_is_not_offered_names_those_that_are(engine: str, what: str) -> None:
    with pytest.raises(problems.Problem) as caught:
        size(f"engine={engine}", SDXL)

    assert caught.value.parameter == "engine"
    assert what in caught.value.detail
    assert caught.value.allowed == "stable-diffusion-xl-1024-v1-0 or stable-diffusion-v1-6"


@pytest.mark.parametrize("name", ["midjourney", "s/midjourney"])
def test_an_engine_that_nobody_here_can_have_is_told_as_that(name: str) -> None:
    own = Family("own-.*", engines.EVERY_SIZE, (512, 512))
    with pytest.raises(problems.Problem) as caught:
        size(f"engine={name}", offers("s", "own-1", families=(own,)))

    assert "there is no such engine here" in caught.value.detail


@pytest.mark.parametrize("name", ["stable-diffusion-512-v2-1", "stable-diffusion-768-v2-1", "stable-diffusion-v1-5"])
def test_older_families_have_their_own_sizes(name: str) -> None:
    engine = engines.engine(name, FAMILIES)

    assert engine.retired
    assert engine.allows(engine.default_size)
    assert not engine.allows((1536, 1536))


def test_a_name_that_nobody_knows_draws_every_size() -> None:
    assert engines.engine("my/model", FAMILIES).allows((256, 1536))


@pytest.mark.parametrize("seed", ["", "&seed=day"])
def test_a_view_has_a_seed_and_remembers_what_was_signed(seed: str) -> None:
    request = parse(f"prompt=a{seed}&kid=k1&sig=s".encode())

    view = request.view(7).view(8)

    assert view.asked == request.asked.seeded(8)
    assert view.signed_for == request.asked == request.signed_for
    assert view.control == Control(sig="s", kid="k1")


# Several generators

PAINTER = (Family("oil", EVERY_SIZE, (512, 512), steps=(1, 8), understands=frozenset({"steps"}), seeded=False), ANY)
TWO = Defaults(
    (
        Offered("stability", DEFAULT),
        Offered("painter", "oil"),
        Offered("painter", DEFAULT),
        Offered("stability", "stable-diffusion-v1-6"),
    ),
    {"stability": FAMILIES, "painter": PAINTER},
)


@pytest.mark.parametrize(
    ("query", "generator", "engine"),
    [
        ("", "stability", DEFAULT),
        (f"engine={DEFAULT}", "stability", DEFAULT),
        (f"engine=painter/{DEFAULT}", "painter", DEFAULT),
        (f"model=stability/{DEFAULT}", "stability", DEFAULT),
        ("engine=oil", "painter", "oil"),
        ("engine=painter/oil", "painter", "oil"),
        ("engine=stable-diffusion-v1-6&width=512&height=512", "stability", "stable-diffusion-v1-6"),
    ],
)
def test_an_engine_is_chosen_among_those_of_all_generators(query: str, generator: str, engine: str) -> None:
    """By its name, of which the first generator counts that offers it, or by its full name."""
    resolved = resolve(parse(f"prompt=a&seed=1&{query}".encode()).asked, TWO)

    assert (resolved.generator, resolved.engine) == (generator, engine)


@pytest.mark.parametrize("engine", ["stability/oil", "painter/stable-diffusion-v1-6", "oil/painter", "painter"])
def test_a_full_name_is_that_of_one_generators_engine(engine: str) -> None:
    with pytest.raises(problems.Problem) as caught:
        size(f"engine={engine}", TWO)

    assert caught.value.parameter == "engine"
    assert caught.value.allowed == f"{DEFAULT} or oil or painter/{DEFAULT} or stable-diffusion-v1-6"


@pytest.mark.parametrize(
    ("query", "defaults", "steps"),
    [
        ("", SDXL, 30),
        ("steps=10", SDXL, 10),
        ("steps=50", SDXL, 50),
        ("engine=oil", TWO, 8),
        ("engine=oil&steps=1", TWO, 1),
        ("steps=150", SKETCH, 150),
        ("", offers("stability", DEFAULT, families=FAMILIES, steps=4), 10),
        ("", offers("stability", DEFAULT, families=FAMILIES, steps=99), 50),
    ],
)
def test_steps_are_the_urls_or_the_operators_within_the_engines(query: str, defaults: Defaults, steps: int) -> None:
    assert resolve(parse(f"prompt=a&seed=1&{query}".encode()).asked, defaults).steps == steps


@pytest.mark.parametrize(
    ("query", "value", "allowed", "engine"),
    [
        ("steps=9", "9", "10 to 50", DEFAULT),
        ("steps=51", "51", "10 to 50", DEFAULT),
        ("engine=oil&steps=9", "9", "1 to 8", "oil"),
    ],
)
def test_steps_that_an_engine_does_not_take_are_told_its_range(
    query: str, value: str, allowed: str, engine: str
) -> None:
    with pytest.raises(problems.Problem) as caught:
        size(query, TWO)

    refused = caught.value
    assert (refused.kind, refused.parameter, refused.value) == (problems.BAD_PARAMETER, "steps", value)
    assert (refused.allowed, engine in refused.detail) == (allowed, True)


def test_the_nearest_steps_are_taken_where_nothing_is_refused() -> None:
    asked = parse(b"prompt=a&seed=1&engine=oil&steps=99").asked

    resolved = resolve(asked, TWO, nearest=True)

    assert resolved.steps == 8
    assert departures(asked, resolved) == ("the number of steps 99 is not offered: 8 is used in its place",)
    assert resolve(as_drawn(asked, resolved), TWO) == resolved


def test_a_full_name_is_no_departure() -> None:
    asked = parse(b"prompt=a&seed=1&engine=painter/oil").asked

    resolved = resolve(asked, TWO)

    assert departures(asked, resolved) == ()
    assert as_drawn(asked, resolved) == asked


def test_what_an_engine_does_not_understand_is_said() -> None:
    query = b"prompt=a&seed=1&engine=oil&steps=4&negative_prompt=fog&scheduler=karras&cfg_scale=3"
    asked = parse(query).asked

    assert list(losses(asked, resolve(asked, TWO), TWO)) == [
        *(
            f"the engine oil does not understand {name}: it does not change the picture"
            for name in ("negative_prompt", "cfg_scale", "scheduler")
        ),
        "the engine oil takes no seed: if the store loses this picture, it cannot be made again",
    ]


def test_a_url_that_asks_for_nothing_special_loses_nothing() -> None:
    asked = parse(b"prompt=a&seed=1&steps=20&sampler=ddim").asked

    assert list(losses(asked, resolve(asked, TWO), TWO)) == []


def test_a_picture_of_a_generator_that_is_gone_is_the_last_one() -> None:
    asked = parse(b"prompt=a&seed=1&scheduler=karras").asked

    assert list(losses(asked, resolve(asked, SDXL), SKETCH)) == [
        "the generator stability is not set up here: if the store loses this picture, it cannot be made again"
    ]
    assert list(losses(asked, resolve(asked, SDXL), SKETCH, stored=False)) == [
        "the generator stability is not set up here: this picture cannot be made until whoever runs this service adds"
        " stability to PROMPTCDN_GENERATOR"
    ]


def test_an_automatic_scheduler_is_none() -> None:
    assert parse(b"prompt=a&scheduler=automatic").asked == parse(b"prompt=a").asked
