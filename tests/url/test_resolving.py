"""Resolving: filling the blanks, and what an engine allows."""

import pytest

from promptcdn import problems
from promptcdn.generators.stability.grpc.engines import DEFAULT, FAMILIES
from promptcdn.url import engines
from promptcdn.url.parse import parse
from promptcdn.url.request import Control
from promptcdn.url.resolving import Defaults, resolve
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
    ("engine", "what"), [("stable-diffusion-v1-4", "was retired"), ("midjourney", "is not offered here")]
)
def test_an_engine_that_is_not_offered_names_those_that_are(engine: str, what: str) -> None:
    with pytest.raises(problems.Problem) as caught:
        size(f"engine={engine}", SDXL)

    assert caught.value.parameter == "engine"
    assert what in caught.value.detail
    assert caught.value.allowed == "stable-diffusion-xl-1024-v1-0 or stable-diffusion-v1-6"


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
