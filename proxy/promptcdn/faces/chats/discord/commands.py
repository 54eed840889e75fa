"""The command `/imagine`, as Discord is told of it (https://discord.com/developers/docs/interactions/application-commands)."""

from typing import Any

from promptcdn.problems import Problem
from promptcdn.url.parameters import BY_NAME
from promptcdn.url.parameters.values import Prose, Seed
from promptcdn.url.request import Asked
from promptcdn.url.resolving import Defaults, resolve

_CHAT_INPUT, _STRING = 1, 3
# From wide to tall; Discord takes 25 choices.
_RATIOS = ("21:9", "16:9", "3:2", "4:3", "5:4", "1:1", "4:5", "3:4", "2:3", "9:16", "9:21")


def imagine(defaults: Defaults) -> dict[str, Any]:
    """The command with its options; the shapes of pictures are those that the default engine draws."""
    prompt, seed = BY_NAME["prompt"].read, BY_NAME["seed"].read
    assert isinstance(prompt, Prose)
    assert isinstance(seed, Seed)
    return {
        "type": _CHAT_INPUT,
        "name": "imagine",
        "description": "Makes four pictures of what you describe.",
        "options": [
            {
                **_option("prompt", "What the pictures show."),
                "required": True,
                "min_length": 1,
                "max_length": prompt.most,
            },
            {
                **_option("seed", "A number or a word: the same pictures for ever. Without it one is drawn."),
                "max_length": seed.longest,
            },
            {
                **_option("aspect_ratio", "The shape of the pictures."),
                "choices": [{"name": each, "value": each} for each in _shapes(defaults)],
            },
        ],
    }


def _option(name: str, description: str) -> dict[str, Any]:
    return {"type": _STRING, "name": name, "description": description}


def _shapes(defaults: Defaults) -> tuple[str, ...]:
    """The ratios that come to different sizes; of several with one size, the one that names it best stays."""
    by_size: dict[tuple[int, int], str] = {}
    for ratio in _RATIOS:
        try:
            size = resolve(Asked("a", seed=0, aspect_ratio=ratio), defaults).size
        except Problem:
            continue
        known = by_size.get(size)
        by_size[size] = ratio if known is None or _off(ratio, size) < _off(known, size) else known
    return tuple(by_size.values())


def _off(ratio: str, size: tuple[int, int]) -> float:
    across, down = map(int, ratio.split(":"))
    return abs(across / down - size[0] / size[1])
