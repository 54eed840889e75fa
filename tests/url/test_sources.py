"""Pictures from pictures, as URLs ask for them: what is filled in, which sizes come out, and what is refused."""

import pytest

from promptcdn import problems
from promptcdn.generators.sketch import DECLARATION as SKETCH_DECLARATION
from promptcdn.generators.stability.grpc.engines import DEFAULT, FAMILIES
from promptcdn.url import keys
from promptcdn.url.engines import ANY, EVERY_PARAMETER, IMAGE_TO_IMAGE, Family
from promptcdn.url.parse import canonical_url, parse
from promptcdn.url.request import Resolved
from promptcdn.url.resolving import STRENGTH, Defaults, Offered, resolve
from tests.support.offers import offers

INIT, MASK = "ab" * 32, "cd" * 32
SKETCH = offers("sketch", "sketch", families=SKETCH_DECLARATION.engines)
ESRGAN = "esrgan-v1-x2plus"
SDXL = offers("stability", DEFAULT, ESRGAN, families=FAMILIES)
TEXT_ONLY = Defaults(
    (Offered("writer", "plain"), Offered("sketch", "sketch"), Offered("painter", "free")),
    {
        "writer": (ANY,),
        "sketch": SKETCH_DECLARATION.engines,
        "painter": (Family(".*", ANY.sizes, (512, 512), understands=EVERY_PARAMETER | IMAGE_TO_IMAGE),),
    },
)


def resolved(query: str, defaults: Defaults = SKETCH, init_size: tuple[int, int] | None = (640, 384)) -> Resolved:
    return resolve(parse(f"prompt=a&seed=1&{query}".encode()).asked, defaults, init_size=init_size)


def refusal(query: str, defaults: Defaults = SKETCH, init_size: tuple[int, int] = (640, 384)) -> problems.Problem:
    with pytest.raises(problems.Problem) as caught:
        resolved(query, defaults, init_size)
    assert caught.value.kind is problems.BAD_PARAMETER
    return caught.value


def test_a_picture_from_text_has_nothing_of_them_in_its_key() -> None:
    assert not {"init", "strength", "mask", "upscale"} & resolved("", init_size=None).parameters().keys()


@pytest.mark.parametrize(("asked", "strength"), [("", STRENGTH), ("&strength=0.2", 0.2), ("&strength=0", 0.0)])
def test_init_alone_is_enough_and_strength_has_a_default(asked: str, strength: float) -> None:
    assert resolved(f"init={INIT}{asked}").strength == strength


def test_each_of_them_makes_another_picture() -> None:
    queries = [
        *("", f"init={INIT}", f"init={MASK}", f"init={INIT}&strength=0.5", f"init={INIT}&mask={MASK}"),
        *(f"init={INIT}&mask={INIT}", f"init={INIT}&upscale=2"),
    ]

    assert len({keys.content_key(resolved(query)) for query in queries}) == len(queries)


def test_a_default_that_is_written_out_is_the_same_picture() -> None:
    asked = [parse(f"prompt=a&seed=1&init={INIT}{more}".encode()).asked for more in ("", "&strength=0.75")]
    first, other = (resolve(each, SKETCH, init_size=(512, 512)) for each in asked)

    assert keys.content_key(first) == keys.content_key(other)
    assert keys.as_asked_key(asked[0]) != keys.as_asked_key(asked[1])


def test_the_canonical_url_keeps_them() -> None:
    asked = parse(f"prompt=a&seed=1&init={INIT}&mask={MASK}&strength=.5".replace(".5", "0.50").encode()).asked

    assert canonical_url(asked) == f"/?prompt=a&seed=1&init={INIT}&strength=0.5&mask={MASK}"


SIZES = [
    ("", SKETCH, (640, 384), (640, 384)),
    ("", SKETCH, (3072, 2048), (1280, 832)),  # larger than it draws: the same shape
    ("", SDXL, (640, 384), (1344, 768)),
    ("", SDXL, (832, 1216), (832, 1216)),
    ("&width=512", SKETCH, (640, 384), (512, 1024)),
    ("&aspect_ratio=1:1", SKETCH, (640, 384), (1024, 1024)),
    ("&upscale=2", SKETCH, (640, 384), (1280, 768)),
    ("&upscale=2", SKETCH, (1536, 1536), (3072, 3072)),
    (f"&upscale=2&engine={ESRGAN}", SDXL, (1024, 1024), (2048, 2048)),
]


@pytest.mark.parametrize(("query", "defaults", "init_size", "expected"), SIZES)
def test_the_size_is_that_of_init_or_the_nearest_of_its_shape(
    query: str, defaults: Defaults, init_size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert resolved(f"init={INIT}{query}", defaults, init_size).size == expected


@pytest.mark.parametrize("query", ["strength=0.5", f"mask={MASK}", "upscale=2"])
def test_what_is_about_init_needs_init(query: str) -> None:
    refused = refusal(query)

    assert refused.parameter == query.partition("=")[0]
    assert "init=KEY" in refused.detail


@pytest.mark.parametrize("query", ["strength=0.5", f"mask={MASK}", "width=512", "height=512", "aspect_ratio=1:1"])
def test_upscale_stands_alone(query: str) -> None:
    refused = refusal(f"init={INIT}&upscale=2&{query}")

    assert refused.parameter == query.partition("=")[0]
    assert "upscale" in refused.detail


@pytest.mark.parametrize("size", [(1600, 512), (3072, 3072)])
def test_a_picture_that_is_too_large_is_not_enlarged(size: tuple[int, int]) -> None:
    refused = refusal(f"init={INIT}&upscale=2", init_size=size)

    assert refused.parameter == "upscale"
    assert f"{size[0]}x{size[1]}" in refused.detail


@pytest.mark.parametrize(
    ("query", "able"),
    [
        (f"init={INIT}", "engine=sketch or engine=free"),
        (f"init={INIT}&mask={MASK}", "engine=sketch or engine=free"),
        (f"init={INIT}&upscale=2", "engine=sketch"),
    ],
)
def test_an_engine_that_cannot_names_those_that_can(query: str, able: str) -> None:
    refused = refusal(query, TEXT_ONLY)

    assert refused.parameter == "init"
    assert refused.allowed == able
    assert "the engine plain does not understand it" in refused.detail


def test_an_engine_that_can_more_is_told_apart_by_parameter() -> None:
    assert refusal(f"init={INIT}&upscale=2&engine=free", TEXT_ONLY).parameter == "upscale"


def test_a_service_without_such_an_engine_says_that() -> None:
    refused = refusal(f"init={INIT}", offers("writer", "plain"))

    assert refused.allowed == "leaving init out: no engine of this service understands it"


def test_a_lenient_face_ignores_no_source_either() -> None:
    asked = parse(f"prompt=a&seed=1&init={INIT}&engine=midjourney".encode()).asked

    with pytest.raises(problems.Problem) as caught:
        resolve(asked, TEXT_ONLY, nearest=True)

    assert caught.value.parameter == "init"


def test_an_engine_that_only_enlarges_draws_nothing() -> None:
    refused = refusal(f"engine={ESRGAN}", SDXL)

    assert refused.parameter == "engine"
    assert "only enlarges" in refused.detail


def test_no_engine_understands_sources_unless_its_family_says_so() -> None:
    assert not ANY.understands & {"init", "mask", "upscale"}


ALONE = f"this is more than a content key; write {INIT} alone"
FETCHED = "this service fetches no URL; /info has the content_key of a picture that is made here"


@pytest.mark.parametrize("parameter", ["init", "mask"])
@pytest.mark.parametrize(
    ("value", "why"),
    [
        (f"/i/{INIT}", ALONE),
        (f"/i/{INIT}.webp", ALONE),
        (f"{INIT}.png", ALONE),
        (f"https://h.example/i/{INIT}.webp%3Fw=64", ALONE),
        (f"https://h.example/pictures/i/{INIT}%23top", ALONE),
        ("https://h.example/cat.png", FETCHED),
        ("//h.example/cat.png", FETCHED),
        (f"https://h.example/{INIT}", FETCHED),
        (f"/?prompt=a%26init={INIT}", FETCHED),
        (INIT[:-1], "not in the allowed form"),
        (f"x{INIT}", "not in the allowed form"),
        (INIT.upper(), "not in the allowed form"),
    ],
)
def test_what_is_no_content_key_says_which_part_to_take(parameter: str, value: str, why: str) -> None:
    with pytest.raises(problems.Problem) as caught:
        parse(f"prompt=a&seed=1&{parameter}={value}".encode())

    assert caught.value.kind is problems.BAD_PARAMETER
    assert caught.value.parameter == parameter
    assert f": {why}; allowed: the content key of a picture" in caught.value.detail
