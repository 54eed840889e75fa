"""The sketch generator: the same pixels everywhere, every parameter counts, and it says what it is."""

import asyncio
import hashlib
import subprocess
import sys
from dataclasses import replace
from io import BytesIO
from itertools import combinations

import pytest
from PIL import Image, ImageChops, ImageStat

from promptcdn.generators import Made
from promptcdn.generators.sketch import Sketch
from promptcdn.generators.sketch.drawing import draw
from promptcdn.generators.sketch.mount import Mount
from promptcdn.generators.sketch.palette import PALETTES
from promptcdn.generators.sketch.scenes import SCENES
from promptcdn.generators.sketch.stream import Stream
from promptcdn.generators.sketch.styles import STYLES
from promptcdn.generators.sketch.subjects import palette_for, scene_for
from promptcdn.url.keys import content_key
from promptcdn.url.request import Resolved

pytestmark = pytest.mark.anyio

LIGHTHOUSE = Resolved(
    "sketch", "sketch", "a lighthouse at dusk", seed=7, width=512, height=512, steps=30, cfg_scale=7.0
)

# Frozen: a sketch in somebody's README must not change. A new row is welcome, a changed digest is a broken promise.
# They hold for Pillow 13.0 (its letters and encoders may change with a release), on every machine and Python.
GOLDEN: tuple[tuple[dict[str, str | int], str], ...] = (
    ({}, "5257079bc62923a7cbd47f2132058ccd4b5d4a9347fd20e01e1046a6fb0ed8d8"),
    (
        {"prompt": "mountains in the mist", "seed": 1, "width": 768},
        "432a3a90299444bef67807df98066b534b8ac47981ec017bbd69c85dc8bbf3f1",
    ),
    (
        {"prompt": "city at night, 灯台", "width": 1536, "height": 256},
        "c5491fce1a54291577b3b1290d5364bfdf344a22186574586de93507bd2d8909",
    ),
    (
        {"prompt": "Γάτα, cat", "width": 256, "height": 1536},
        "74b9e88fbfd4ca4623001ce981906dba7222b3911853f6141c5a71433aab1603",
    ),
    (
        {"prompt": "whale", "style_preset": "comic-book"},
        "567c235158430e99a1c9de317b8256d2feca6f824ce79197012624407e144cd8",
    ),
    (
        {"prompt": "desert", "style_preset": "low-poly", "steps": 50},
        "07eb3b20d0c2cce3b4ac31467503b61cd485af57818662b15d293c0a952f27f1",
    ),
    (
        {"prompt": "balloons", "style_preset": "3d-model", "negative_prompt": "rain"},
        "388328114e9e289de9321f1a9179f3451ee25c541f4a482031096277c02760f2",
    ),
    (
        {"prompt": "space", "style_preset": "line-art", "rev": 2},
        "a2c1d70482f230672433c1a8e0d40ebe0a86670f41e0aa1e6a200ee189540e85",
    ),
    (
        {"prompt": "forest cabin", "seed": 4294967295},
        "f8b6f7d5b27d7c3f5d3d681df3e9605393f04617f61da65391f9b441f81093ee",
    ),
    (
        {"prompt": "garden", "style_preset": "origami", "sampler": "ddim"},
        "898614a2a8d1164dba23706866ec548d8575b58ce49d7223a0441c711a4b5ba5",
    ),
    (
        {"prompt": "abstract tiles", "width": 256, "height": 256},
        "f8ab05afe157f5194af4ffb5550a28d34dfee92e25e53e224dfa0f80f0df3f60",
    ),
    (
        {"prompt": "village in the snow", "style_preset": "photographic"},
        "4b9cd59ef91f20ccae1320983bf385c0492ee25750184d38c87731a29bbc3518",
    ),
)


def picture(order: Resolved) -> Image.Image:
    return draw(order, content_key(order))


def digest(order: Resolved) -> str:
    return hashlib.sha256(picture(order).tobytes()).hexdigest()


def difference(first: Image.Image, second: Image.Image) -> float:
    """Mean absolute difference of the pixels' bands, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(first, second)).mean) / 3


async def generate(order: Resolved) -> Made:
    sketch = Sketch()
    try:
        return await sketch.generate(order, content_key(order))
    finally:
        await sketch.close()


def test_the_same_order_draws_the_same_pixels() -> None:
    assert digest(LIGHTHOUSE) == digest(LIGHTHOUSE)


def test_a_fresh_process_draws_the_same_pixels() -> None:
    program = (
        "import hashlib; from promptcdn.generators.sketch.drawing import draw\n"
        "from promptcdn.url.request import Resolved\n"
        f"print(hashlib.sha256(draw({LIGHTHOUSE!r}, {content_key(LIGHTHOUSE)!r}).tobytes()).hexdigest())"
    )
    fresh = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONHASHSEED": "99"}, capture_output=True, text=True, check=True
    )
    assert fresh.stdout.strip() == digest(LIGHTHOUSE)


@pytest.mark.parametrize(("changes", "expected"), GOLDEN)
def test_golden_pixels_stay(changes: dict[str, str | int], expected: str) -> None:
    assert digest(replace(LIGHTHOUSE, **changes)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "a lighthouse at dusk!"},
        {"negative_prompt": "people"},
        {"seed": 8},
        {"width": 576},
        {"height": 576},
        {"steps": 31},
        {"cfg_scale": 7.5},
        {"rev": 1},
        {"engine": "another"},
        {"sampler": "ddim"},
        {"style_preset": "anime"},
        {"guidance_preset": "slow"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_parameter_changes_the_drawing(changes: dict[str, str | int | float]) -> None:
    first, second = picture(LIGHTHOUSE), picture(replace(LIGHTHOUSE, **changes))  # type: ignore[arg-type]
    part = (20, 20, 480, 430)  # without the caption
    assert difference(first.crop(part), second.crop(part)) > 4


@pytest.mark.parametrize("size", [(256, 256), (256, 1536), (1536, 256), (320, 1024), (1536, 1536)])
def test_the_picture_has_exactly_the_size_asked_for(size: tuple[int, int]) -> None:
    drawn = picture(replace(LIGHTHOUSE, width=size[0], height=size[1]))
    assert (drawn.size, drawn.mode) == (size, "RGB")


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("size", [(256, 256), (256, 1024), (1024, 256)])
def test_every_scene_fills_every_shape(scene: str, size: tuple[int, int]) -> None:
    order = replace(LIGHTHOUSE, prompt=scene, width=size[0], height=size[1])
    assert scene_for(scene) == scene
    drawn = picture(order)
    art = drawn.crop((8, 8, size[0] - 8, size[1] - 60))
    counts = art.getcolors(art.width * art.height)
    assert counts is not None
    black = sum(count for count, colour in counts if colour == (0, 0, 0))
    assert black < art.width * art.height // 50, "part of the canvas was never painted"


@pytest.mark.parametrize("style", STYLES)
def test_every_style_keeps_the_size_and_changes_the_picture(style: str) -> None:
    drawn = picture(replace(LIGHTHOUSE, width=320, height=256, style_preset=style))
    assert drawn.size == (320, 256)


def test_seeds_of_one_prompt_differ_clearly() -> None:
    drawn = [picture(replace(LIGHTHOUSE, prompt="a quiet place", seed=seed)) for seed in range(7)]
    assert min(difference(first, second) for first, second in combinations(drawn, 2)) > 10


def test_prompts_with_one_seed_differ_clearly() -> None:
    prompts = ("one", "two", "three", "a cat", "a dog", "the sea", "mountains")
    drawn = [picture(replace(LIGHTHOUSE, prompt=prompt)) for prompt in prompts]
    assert min(difference(first, second) for first, second in combinations(drawn, 2)) > 10


@pytest.mark.parametrize(
    ("prompt", "scenes"),
    [
        ("A Lighthouse by the sea", {"lighthouse"}),
        ("two cats on a roof", {"cat"}),
        ("mountains", {"mountains", "lake"}),
        ("the old town", {"city"}),
        ("WHALES!", {"whale"}),
    ],
)
def test_the_prompt_chooses_the_scene(prompt: str, scenes: set[str]) -> None:
    assert scene_for(prompt) in scenes


@pytest.mark.parametrize(
    ("prompt", "hour"), [("a city at night", "night"), ("snowy village", "snow"), ("sunset", "dusk")]
)
def test_the_prompt_chooses_the_hour(prompt: str, hour: str) -> None:
    assert {palette_for(prompt, (), Stream(str(i))).hour for i in range(9)} == {hour}


def test_other_prompts_choose_among_all_scenes_and_palettes() -> None:
    assert {scene_for(f"prompt {i}") for i in range(300)} == set(SCENES)
    assert {palette_for("prompt", (), Stream(str(i))) for i in range(500)} == set(PALETTES)


@pytest.mark.parametrize("size", [(256, 256), (256, 1536), (1536, 256), (1024, 1024)])
@pytest.mark.parametrize("prompt", ["a lighthouse", "灯台", "many words " * 20])
def test_the_word_sketch_is_written_below_the_drawing(size: tuple[int, int], prompt: str) -> None:
    mount = Mount(*size, prompt)
    blank = Image.new("RGB", mount.opening, "white")
    sheet = mount.around(blank, PALETTES[0])
    foot = sheet.crop((size[0] // 2, mount.margin + mount.opening[1], *size))
    assert PALETTES[0].accent in {colour for _, colour in foot.getcolors(foot.width * foot.height) or ()}
    assert mount.size * 300 >= 10 * min(size[0], 300) or size[1] < size[0] // 2, "too small when shown at 300 pixels"


async def test_generate_answers_a_png_of_moderate_size_with_its_seed() -> None:
    made = await generate(replace(LIGHTHOUSE, width=1024, height=1024))
    with Image.open(BytesIO(made.picture)) as decoded:
        decoded.load()
        assert (decoded.format, decoded.size) == ("PNG", (1024, 1024))
    assert len(made.picture) < 2_000_000
    assert (made.seed_sent, made.seed_echo, made.filtered) == (7, 7, False)


async def test_the_png_has_the_drawn_pixels() -> None:
    with Image.open(BytesIO((await generate(LIGHTHOUSE)).picture)) as decoded:
        assert decoded.tobytes() == picture(LIGHTHOUSE).tobytes()


async def test_the_loop_goes_on_while_pictures_are_drawn() -> None:
    sketch, ticks = Sketch(), 0
    orders = [replace(LIGHTHOUSE, seed=seed) for seed in range(3)]
    drawing = asyncio.gather(*(sketch.generate(order, content_key(order)) for order in orders))
    while not drawing.done():
        await asyncio.sleep(0)
        ticks += 1
    await drawing
    await sketch.close()

    assert ticks > 10


def test_it_is_free_and_named_sketch() -> None:
    assert (Sketch().name, Sketch().paid) == ("sketch", False)
