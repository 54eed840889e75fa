"""The engines of the generator `a1111`: the checkpoints that the operator names, and the one that the server has
loaded."""

import re
from dataclasses import replace

from promptcdn.generators.declaration import LOADED
from promptcdn.url.engines import ANY, IMAGE_TO_IMAGE, Family

FAMILIES = (
    Family(
        ANY.pattern,
        ANY.sizes,
        ANY.default_size,
        understands=IMAGE_TO_IMAGE | {"negative_prompt", "steps", "cfg_scale", "sampler", "scheduler"},
    ),
)
# Where the server has an upscaler. What it enlarges is drawn already: no checkpoint has a part in it.
UPSCALING = tuple(replace(family, understands=family.understands | {"upscale"}) for family in FAMILIES)

_EXTENSION = re.compile(r"\.(safetensors|ckpt|sft|gguf|pt|pth|bin)$", re.IGNORECASE)


def checkpoint(engine: str) -> str | None:
    """The checkpoint to ask the server for; `None` for the one that it has loaded."""
    return None if engine == LOADED else engine


def names_checkpoint(engine: str, *names: str) -> bool:
    """Whether `engine` is what the server calls by one of `names`: a title, a file, a name or a hash."""
    return any(_same(engine, name) for name in names if name)


def _same(engine: str, name: str) -> bool:
    # A title is FILE [HASH].
    file, _, hash_ = name.partition(" [")
    return _stem(engine) == _stem(file) or engine.casefold() in (name.casefold(), hash_.removesuffix("]").casefold())


def _stem(path: str) -> str:
    return _EXTENSION.sub("", path.replace("\\", "/").rpartition("/")[2]).casefold()
