"""What a Pollinations URL means after its host was changed.

`/prompt/{prompt}?…` understands the parameters of that API, and notes those that it ignores or changes. What comes out
is a request like any other: no key tells in which style its URL was written.
"""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

from promptcdn.url import seeds, text
from promptcdn.url.dialects import sides as nearest

ALIASES = {"guidance_scale": "cfg_scale", "aspectRatio": "aspect_ratio", "model": "engine"}
# Parameters of that API which mean nothing here. `token` and `key` are secrets there: their values are never repeated.
IGNORED = frozenset(
    {
        *("nologo", "private", "nofeed", "enhance", "safe", "quality", "transparent", "referrer", "json"),
        *("token", "key", "image", "audio", "duration"),
    }
)
_ENGINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")

Pair = tuple[str, bytes]


def translated(pairs: Iterable[Pair], notes: list[str]) -> Iterator[Pair]:
    """The parameters of a Pollinations URL under our names. A sentence for each that changes is added to `notes`."""
    renamed = [(ALIASES.get(name, name), value) for name, value in pairs]
    names = {name for name, _ in renamed}
    sides = {name: side for name, value in renamed if name in ("width", "height") and (side := _side(value))}
    scale = nearest.scale(sides.values())
    for name, value in renamed:
        if name in IGNORED:
            notes.append(f"this service ignores the parameter {name}")
        elif name == "aspect_ratio" and names & {"width", "height"}:
            notes.append("this service ignores aspect_ratio where width or height is given")
        elif name == "engine" and _ENGINE.fullmatch(_text(value)) is None:
            notes.append("the model is not a valid name: the default engine is used in its place")
        elif name in sides:
            side = nearest.stepped(sides[name] * scale)
            if side != sides[name]:
                notes.append(f"the {name} {sides[name]} is not offered: {side} is used in its place")
            yield name, str(side).encode()
        elif name == "seed":
            yield from _seed(value, notes)
        else:
            yield name, value


def _seed(value: bytes, notes: list[str]) -> Iterator[Pair]:
    """There, `-1` is a random seed, and seeds may be larger than ours: such seeds are hashed like words."""
    spelled = text.number(_text(value))
    if spelled == "-1":
        notes.append("seed=-1 is taken as no seed: each view shows another picture")
    elif spelled is not None and spelled.isdigit() and (len(spelled) > 10 or int(spelled) > seeds.SEED_MAX):
        seed = seeds.of_word(spelled)
        notes.append(f"the seed {spelled[:32]} is larger than {seeds.SEED_MAX}: {seed} is used in its place")
        yield "seed", str(seed).encode()
    else:
        yield "seed", value


def _side(value: bytes) -> int | None:
    spelled = text.number(_text(value)) or ""
    return max(1, int(spelled)) if spelled.isdigit() and len(spelled) <= 9 else None


def _text(value: bytes) -> str:
    return unquote_to_bytes(value.replace(b"+", b" ")).decode("utf-8", "replace").strip()
