"""Every parameter of a URL, one row each: how its value is read and which values are allowed.

A row's `read` is one of the classes in `values`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from promptcdn.url import formats, seeds
from promptcdn.url.engines import SIDE_MAX, SIDE_MIN, SIDE_STEP, STEPS_MAX, STEPS_MIN
from promptcdn.url.parameters.values import (
    ContentKey,
    FormatName,
    Hundredths,
    Matching,
    Multiple,
    OneOf,
    Prose,
    Ratio,
    RoundedUp,
    Seed,
    Whole,
)
from promptcdn.url.periods import PERIODS
from promptcdn.url.request import Value
from promptcdn.url.signing import KEY_ID

Group = Literal["generation", "delivery", "control", "info"]
Reader = Callable[[str], Value | None]

# The protocol's names (generation.proto, DiffusionSampler) without SAMPLER_, in lower case.
SAMPLERS = (
    "ddim",
    "ddpm",
    "k_euler",
    "k_euler_ancestral",
    "k_heun",
    "k_dpm_2",
    "k_dpm_2_ancestral",
    "k_lms",
    "k_dpmpp_2s_ancestral",
    "k_dpmpp_2m",
    "k_dpmpp_sde",
)
# The names of ComfyUI (comfy/sampler_names.py) and of AUTOMATIC1111 and Forge (modules/sd_schedulers.py), read in
# November 2026; what these call ddim is ComfyUI's ddim_uniform, since ddim is a sampler here.
SCHEDULERS = (
    "automatic",
    "normal",
    "karras",
    "exponential",
    "polyexponential",
    "uniform",
    "sgm_uniform",
    "ddim_uniform",
    "simple",
    "beta",
    "linear_quadratic",
    "kl_optimal",
    "align_your_steps",
)
GUIDANCE_PRESETS = ("none", "simple", "fast_blue", "fast_green", "slow", "slower", "slowest")
STYLE_PRESETS = (
    "3d-model",
    "analog-film",
    "anime",
    "cinematic",
    "comic-book",
    "digital-art",
    "enhance",
    "fantasy-art",
    "isometric",
    "line-art",
    "low-poly",
    "modeling-compound",
    "neon-punk",
    "origami",
    "photographic",
    "pixel-art",
    "tile-texture",
)

PROMPT_MAX = 4000
SEED_WORD_MAX = 100
DELIVERED_SIDE_MAX = 2048


@dataclass(frozen=True)
class Parameter:
    """One row."""

    name: str
    group: Group
    read: Reader
    allowed: str
    meaning: str
    aliases: tuple[str, ...] = ()


def _choices(names: Iterable[str]) -> str:
    return ", ".join(names)


def _format(row: formats.Format) -> str:
    return row.name if row.extension == row.name else f"{row.name} (or {row.extension})"


_STORED = "the content key of a picture that is stored here: 64 hex digits, which its permalink has after /i/"
_SIDE = Multiple(SIDE_MIN, SIDE_MAX, SIDE_STEP)
_SIDES = f"a multiple of {SIDE_STEP} from {SIDE_MIN} to {SIDE_MAX} that the engine draws"

PARAMETERS: tuple[Parameter, ...] = (
    Parameter("prompt", "generation", Prose(PROMPT_MAX), f"1 to {PROMPT_MAX} characters", "what the picture shows"),
    Parameter(
        "negative_prompt",
        "generation",
        Prose(PROMPT_MAX),
        f"1 to {PROMPT_MAX} characters",
        "what the picture must not show",
    ),
    Parameter(
        "seed",
        "generation",
        Seed(seeds.SEED_MAX, SEED_WORD_MAX),
        f"0 to {seeds.SEED_MAX}, a word of up to {SEED_WORD_MAX} characters, {_choices(PERIODS)}, or random",
        "which of the prompt's pictures is shown; without a seed each view shows another one",
    ),
    Parameter("width", "generation", _SIDE, _SIDES, "width of the generated picture in pixels"),
    Parameter("height", "generation", _SIDE, _SIDES, "height of the generated picture in pixels"),
    Parameter(
        "aspect_ratio",
        "generation",
        Ratio(),
        "two whole numbers like 16:9, from 1:4 to 4:1, and neither width nor height beside",
        "shape of the picture; the engine's size that comes nearest is taken",
    ),
    Parameter(
        "steps",
        "generation",
        Whole(STEPS_MIN, STEPS_MAX),
        f"{STEPS_MIN} to {STEPS_MAX}; an engine may allow fewer",
        "number of diffusion steps",
    ),
    Parameter(
        "cfg_scale",
        "generation",
        Hundredths(0, 35),
        "0 to 35, two decimals at most",
        "how closely the picture follows the prompt",
    ),
    Parameter("sampler", "generation", OneOf(SAMPLERS), _choices(SAMPLERS), "diffusion sampler"),
    Parameter(
        "scheduler",
        "generation",
        OneOf(SCHEDULERS, unset="automatic"),
        _choices(SCHEDULERS),
        "how the noise falls from step to step; automatic is the same as leaving the parameter out",
    ),
    Parameter(
        "style_preset",
        "generation",
        OneOf(STYLE_PRESETS),
        _choices(STYLE_PRESETS),
        "style of the picture, as the image generator has it",
    ),
    Parameter(
        "guidance_preset",
        "generation",
        OneOf(GUIDANCE_PRESETS, unset="none"),
        _choices(GUIDANCE_PRESETS),
        "CLIP guidance; none is the same as leaving the parameter out",
    ),
    Parameter(
        "engine",
        "generation",
        Matching(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}"),
        "an engine that the operator offers",
        "model that makes the picture",
        aliases=("model",),
    ),
    Parameter("rev", "generation", Whole(0, 999999), "0 to 999999", "number that changes the picture on purpose"),
    Parameter(
        "init",
        "generation",
        ContentKey(),
        _STORED,
        "picture to start from",
    ),
    Parameter(
        "strength",
        "generation",
        Hundredths(0, 1),
        "0 to 1, two decimals at most, and init beside it",
        "how far the picture may differ from init: with 0 it is init, with 1 hardly anything of init is left",
    ),
    Parameter(
        "mask",
        "generation",
        ContentKey(),
        f"{_STORED}, and init beside it",
        "picture that marks where init may change: white where it may, black where it stays",
    ),
    Parameter(
        "upscale",
        "generation",
        Whole(2, 2),
        "2, and init beside it",
        "factor by which init is enlarged; what it shows stays",
    ),
    Parameter(
        "format",
        "delivery",
        FormatName((*formats.BY_NAME, formats.AUTO)),
        f"{_choices(map(_format, formats.FORMATS))} or {formats.AUTO}",
        f"format of the file; {formats.DEFAULT.name} where it is left out",
    ),
    Parameter(
        "w",
        "delivery",
        RoundedUp(1, DELIVERED_SIDE_MAX, 8),
        f"1 to {DELIVERED_SIDE_MAX}",
        "width of the file in pixels, rounded up to a multiple of 8",
    ),
    Parameter(
        "h",
        "delivery",
        RoundedUp(1, DELIVERED_SIDE_MAX, 8),
        f"1 to {DELIVERED_SIDE_MAX}",
        "height of the file in pixels, rounded up to a multiple of 8",
    ),
    Parameter(
        "fit",
        "delivery",
        OneOf(("inside", "cover")),
        "inside or cover",
        "whether the picture fits into w and h whole, or fills them and is cut",
    ),
    Parameter(
        "dpr", "delivery", Whole(1, 3), "1, 2 or 3", "device pixels for each pixel of w and h, for dense screens"
    ),
    Parameter("q", "delivery", RoundedUp(1, 100, 5), "1 to 100", "quality of the file, rounded up to a multiple of 5"),
    Parameter(
        "wait",
        "control",
        Hundredths(0, 120),
        "0 to 120 seconds",
        "how long the answer waits for a new picture",
    ),
    Parameter(
        "sig",
        "control",
        Matching(r"[A-Za-z0-9_-]{1,128}"),
        "base64url without padding",
        "signature of the operator",
    ),
    Parameter(
        "kid",
        "control",
        Matching(KEY_ID),
        "up to 64 letters, digits, dots, dashes and underscores",
        "id of the key that signed",
    ),
    Parameter("exp", "control", Whole(0, 10**11), "seconds since 1970", "when the signature expires"),
)

# Those that `/info` takes beside all others: about the snippets that it writes.
OF_INFO: tuple[Parameter, ...] = (
    Parameter(
        "alt",
        "info",
        Prose(PROMPT_MAX),
        f"1 to {PROMPT_MAX} characters",
        "description of the picture in snippets; else the prompt",
    ),
    Parameter(
        "dark",
        "info",
        Matching(r"/\S*"),
        "a URL of this service from its first slash on",
        "picture for readers who have a dark page; with it there is the snippet picture",
    ),
)

BY_NAME = {name: row for row in PARAMETERS for name in (row.name, *row.aliases)}
