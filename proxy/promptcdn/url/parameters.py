"""Every parameter of a URL, one row each: how its value is read and which values are allowed.

A row's `read` gets normalised text that is not empty. It returns the value, or raises `ValueError` that says what is
wrong. Where it is one of the classes below, others can read from it what is allowed.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from promptcdn.url import formats, seeds, text
from promptcdn.url.engines import SIDE_MAX, SIDE_MIN, SIDE_STEP, STEPS_MAX, STEPS_MIN
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


@dataclass(frozen=True)
class Prose:
    """Any text of up to `most` characters."""

    most: int

    def __call__(self, value: str) -> str:
        if len(value) > self.most:
            raise ValueError(f"the text has {len(value)} characters")
        return value


@dataclass(frozen=True)
class Whole:
    """A whole number from `least` to `most`."""

    least: int
    most: int

    def __call__(self, value: str) -> int:
        spelled = text.number(value)
        if spelled is None or "." in spelled:
            raise ValueError("not a whole number")
        # Python refuses to convert thousands of digits: look at their count first.
        if len(spelled) > 12 or not self.least <= int(spelled) <= self.most:
            raise ValueError("out of range")
        return int(spelled)


@dataclass(frozen=True)
class Multiple(Whole):
    """A whole number from `least` to `most` that is a multiple of `step`."""

    step: int

    def __call__(self, value: str) -> int:
        number = super().__call__(value)
        if number % self.step:
            below = number // self.step * self.step
            raise ValueError(f"not a multiple of {self.step}, the nearest are {below} and {below + self.step}")
        return number


@dataclass(frozen=True)
class RoundedUp(Whole):
    """A whole number from `least` to `most`, rounded up to a multiple of `step`."""

    step: int

    def __call__(self, value: str) -> int:
        return -(-super().__call__(value) // self.step) * self.step


@dataclass(frozen=True)
class Hundredths:
    """A number from `least` to `most` with two decimals at most."""

    least: int
    most: int

    def __call__(self, value: str) -> float:
        spelled = text.number(value)
        if spelled is None:
            raise ValueError("not a number")
        whole, _, fraction = spelled.partition(".")
        if len(whole) > 12 or not self.least <= float(spelled[:32]) <= self.most:
            raise ValueError("out of range")
        if len(fraction) > 2:
            raise ValueError("more than two decimals")
        return float(spelled)


@dataclass(frozen=True)
class OneOf:
    """One of `names`; `unset` is the one that is as good as no value."""

    names: tuple[str, ...]
    unset: str | None = None

    def __call__(self, value: str) -> str | None:
        if value not in self.names:
            raise ValueError("not one of the choices")
        return None if value == self.unset else value


@dataclass(frozen=True)
class FormatName(OneOf):
    """A format. `.png` is taken as `png`, as people write an extension, and `WEBP` as `webp`."""

    def __call__(self, value: str) -> str | None:
        name = value.removeprefix(".").lower()
        return super().__call__(formats.SPELLINGS.get(name, name))


def _matching(pattern: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if re.fullmatch(pattern, value, re.ASCII) is None:
            raise ValueError("not in the allowed form")
        return value

    return read


def _ratio(value: str) -> str:
    across, down = (int(side) for side in _matching(r"0*[1-9][0-9]?:0*[1-9][0-9]?")(value).split(":"))
    if not 1 / 4 <= across / down <= 4:
        raise ValueError("the shape is too long")
    return f"{across}:{down}"


def _seed(value: str) -> Value | None:
    if text.number(value) is not None:
        return Whole(0, seeds.SEED_MAX)(value)
    if value == "random":
        return None
    if value in PERIODS:
        return value
    if len(value) > SEED_WORD_MAX:
        raise ValueError(f"the word has {len(value)} characters")
    return seeds.of_word(value)


def _choices(names: Iterable[str]) -> str:
    return ", ".join(names)


def _format(row: formats.Format) -> str:
    return row.name if row.extension == row.name else f"{row.name} (or {row.extension})"


_KEY = r"[0-9a-f]{64}"
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
        _seed,
        f"0 to {seeds.SEED_MAX}, a word of up to {SEED_WORD_MAX} characters, {_choices(PERIODS)}, or random",
        "which of the prompt's pictures is shown; without a seed each view shows another one",
    ),
    Parameter("width", "generation", _SIDE, _SIDES, "width of the generated picture in pixels"),
    Parameter("height", "generation", _SIDE, _SIDES, "height of the generated picture in pixels"),
    Parameter(
        "aspect_ratio",
        "generation",
        _ratio,
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
        _matching(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}"),
        "an engine that the operator offers",
        "model that makes the picture",
        aliases=("model",),
    ),
    Parameter("rev", "generation", Whole(0, 999999), "0 to 999999", "number that changes the picture on purpose"),
    Parameter(
        "init",
        "generation",
        _matching(_KEY),
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
        _matching(_KEY),
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
    Parameter("wait", "control", Hundredths(0, 120), "0 to 120 seconds", "how long the answer waits for a new picture"),
    Parameter(
        "sig",
        "control",
        _matching(r"[A-Za-z0-9_-]{1,128}"),
        "base64url without padding",
        "signature of the operator",
    ),
    Parameter(
        "kid",
        "control",
        _matching(KEY_ID),
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
        _matching(r"/\S*"),
        "a URL of this service from its first slash on",
        "picture for readers who have a dark page; with it there is the snippet picture",
    ),
)

BY_NAME = {name: row for row in PARAMETERS for name in (row.name, *row.aliases)}
