"""Places: what nodes of a workflow are there for, as the operator says in their titles.

A title like `promptcdn: seed, steps, cfg` says that a node's inputs for the seed, the steps and the scale are set for
each picture. The input is found by its usual name; `promptcdn: seed=my_seed` names another one.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

PREFIX = "promptcdn:"
# The place of the node whose picture is taken; no input is set there.
PICTURE = "picture"

# Each place, and the usual names of its inputs: of these a node's own are set. Sources, read in November 2026:
# ComfyUI's nodes.py (KSampler, KSamplerAdvanced, EmptyLatentImage, CLIPTextEncode), its comfy_extras
# (CLIPTextEncodeSDXL, CLIPTextEncodeFlux, RandomNoise, BasicScheduler, KSamplerSelect, CFGGuider), and its primitive
# nodes, whose input is `value`.
_PROMPT = ("text", "text_g", "text_l", "clip_l", "clip_g", "t5xxl", "prompt", "string", "value")
INPUTS: Mapping[str, tuple[str, ...]] = {
    "prompt": _PROMPT,
    "negative_prompt": ("negative_prompt", *_PROMPT),
    "seed": ("seed", "noise_seed", "value"),
    "width": ("width", "value"),
    "height": ("height", "value"),
    "steps": ("steps", "value"),
    "cfg": ("cfg", "value"),
    "sampler": ("sampler_name", "value"),
    "scheduler": ("scheduler", "value"),
}
NEEDED = ("prompt", "seed", "width", "height")
# Our parameter, where its name is another one.
PARAMETERS = {"cfg": "cfg_scale"}
_SHORT = {"size": ("width", "height")}

_ITEM = re.compile(r"(?P<name>[a-z_ ]+?)\s*(=\s*(?P<input>\S+))?")


def title(place: str) -> str:
    """The title that gives a node a place."""
    return f"{PREFIX} {place.replace('_', ' ')}"


def named(text: str) -> Iterator[tuple[str, str]]:
    """Each place that a title names, with the name of the input where the title has one; none where it is a title of
    another kind. Raises `ValueError`."""
    if not text.lower().startswith(PREFIX):
        return
    for item in text[len(PREFIX) :].split(","):
        found = _ITEM.fullmatch(item.strip().lower())
        name = found["name"].replace(" ", "_") if found else ""
        for place in _SHORT.get(name, (name,)):
            if place not in (*INPUTS, PICTURE):
                raise ValueError(_unknown(text, item.strip()))
            # As it was written: the names of inputs may have capitals.
            yield place, item.partition("=")[2].strip()


def _unknown(text: str, item: str) -> str:
    known = [name.replace("_", " ") for name in (*INPUTS, *_SHORT, PICTURE)]
    close = difflib.get_close_matches(item.lower(), known, 1)
    meant = f"; did you mean {close[0]}?" if close else ""
    return f'the title "{text}" names "{item}", which is no place{meant} The places are {", ".join(known)}'


def inputs(place: str, given: str, node: Mapping[str, Any]) -> tuple[str, ...]:
    """The inputs of `node` that are set for `place`; `given` is the input that its title names. Raises `ValueError`."""
    there = node.get("inputs", {})
    wanted = (given,) if given else INPUTS[place]
    own = tuple(name for name in wanted if name in there and not linked(there[name]))
    if own:
        return own
    if any(name in there for name in wanted):
        raise ValueError(f"its input for {place} comes from another node: give that node the title {title(place)}")
    has = ", ".join(name for name, value in there.items() if not linked(value)) or "none"
    raise ValueError(f"it has no input for {place}; write {title(place)}=INPUT. Its inputs are {has}")


def linked(value: object) -> bool:
    """Whether an input comes from another node: such a one is the other node's id, and the number of its output."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)
