"""What a Pollinations URL means after its host was changed.

`/prompt/{prompt}?…` understands that API's names and habits, and notes whatever it does not take at its word. What
comes out is a request like any other: nothing of the face enters a key.
"""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

from promptcdn.url import seeds, text
from promptcdn.url.engines import SIDE_MAX, SIDE_MIN, SIDE_STEP

ALIASES = {"guidance_scale": "cfg_scale", "aspectRatio": "aspect_ratio", "model": "engine"}
# What that API knows and ours has no use for. `token` and `key` are secrets there: their values go nowhere.
IGNORED = frozenset(
    {
        *("nologo", "private", "nofeed", "enhance", "safe", "quality", "transparent", "referrer", "json"),
        *("token", "key", "image", "audio", "duration"),
    }
)
_ENGINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")

Pair = tuple[str, bytes]


def translated(pairs: Iterable[Pair], notes: list[str]) -> Iterator[Pair]:
    """The parameters of a Pollinations URL in our own words; `notes` gets a sentence for each that changed."""
    said = [(ALIASES.get(name, name), value) for name, value in pairs]
    names = {name for name, _ in said}
    sides = {name: side for name, value in said if name in ("width", "height") and (side := _side(value))}
    scale = _scale(sides.values())
    for name, value in said:
        if name in IGNORED:
            notes.append(f"{name} has no meaning here")
        elif name == "aspect_ratio" and names & {"width", "height"}:
            notes.append("aspect_ratio gives way to width and height")
        elif name == "engine" and _ENGINE.fullmatch(_text(value)) is None:
            notes.append("the model is unknown, the default engine draws")
        elif name in sides:
            side = _stepped(sides[name] * scale)
            if side != sides[name]:
                notes.append(f"{name} {sides[name]} is drawn as {side}")
            yield name, str(side).encode()
        elif name == "seed":
            yield from _seed(value, notes)
        else:
            yield name, value


def _seed(value: bytes, notes: list[str]) -> Iterator[Pair]:
    """That API draws `-1` at random, and knows larger seeds than ours: those are hashed like words."""
    spelled = text.number(_text(value))
    if spelled == "-1":
        notes.append("seed -1 is another picture at each view")
    elif spelled is not None and spelled.isdigit() and (len(spelled) > 10 or int(spelled) > seeds.SEED_MAX):
        seed = seeds.of_word(spelled)
        notes.append(f"seed {spelled[:32]} is beyond ours and stands for {seed}")
        yield "seed", str(seed).encode()
    else:
        yield "seed", value


def _side(value: bytes) -> int | None:
    spelled = text.number(_text(value)) or ""
    return max(1, int(spelled)) if spelled.isdigit() and len(spelled) <= 9 else None


def _scale(sides: Iterable[int]) -> float:
    """By what both sides are multiplied, so that a picture that is too large or too small keeps its shape."""
    longest = max(sides, default=SIDE_MAX)
    shrunk = min(1.0, SIDE_MAX / longest)
    return max(shrunk, SIDE_MIN / longest) if longest < SIDE_MIN else shrunk


def _stepped(side: float) -> int:
    return min(SIDE_MAX, max(SIDE_MIN, int(side / SIDE_STEP + 0.5) * SIDE_STEP))


def _text(value: bytes) -> str:
    return unquote_to_bytes(value.replace(b"+", b" ")).decode("utf-8", "replace").strip()
