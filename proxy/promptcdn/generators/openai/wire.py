"""The request for one picture, as each kind of server wants it."""

import json
import re
from collections.abc import Mapping
from typing import Any

from promptcdn.generators import prompts
from promptcdn.generators.declaration import LOADED
from promptcdn.generators.openai.engines import ratio
from promptcdn.generators.openai.servers import GPT_IMAGE, Server
from promptcdn.url.request import Resolved
from promptcdn.url.seeds import SEED_MAX

PATH = "/images/generations"
# What is sent for seed 0, which some servers take for "any". Frozen: another number would make other pictures for old
# URLs.
SEED_FOR_ZERO = 2_654_435_769
# The URL grammar's default. Nobody asked for it, and it spoils models that are made for another one: what the server
# has for its model holds then.
DEFAULT_CFG_SCALE = 7.0


def seed_on_the_wire(seed: int, most: int = SEED_MAX) -> int:
    """The seed that is sent for `seed`: itself, but for 0 and for what is over `most`."""
    number = seed or SEED_FOR_ZERO
    return number if number <= most else 1 + number % most


def seed_sent(resolved: Resolved, server: Server) -> int:
    """The seed that a request to `server` has; 0 where it has none."""
    if server.seed == "none" or _gpt_image(resolved.engine):
        return 0
    return seed_on_the_wire(resolved.seed, server.seed_max)


def body(
    resolved: Resolved, server: Server, *, syntax_allowed: bool = False, extra: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The JSON of a request. `extra` are the operator's own fields; none of ours gives way to them."""
    gpt_image = _gpt_image(resolved.engine)
    ours: dict[str, Any] = {"prompt": _prompt(resolved, server, syntax_allowed), "n": 1, **_size(resolved, server)}
    if resolved.engine != LOADED or server.model == "always":
        ours["model"] = resolved.engine
    if server.response_format and not gpt_image:
        ours["response_format"] = server.response_format
    if server.seed == "top" and not gpt_image:
        ours["seed"] = seed_sent(resolved, server)
    if server.seed != "tag" and not gpt_image:
        ours |= _named(resolved, server, syntax_allowed)
    return {**server.extra, **(extra or {}), **ours}


def _prompt(resolved: Resolved, server: Server, syntax_allowed: bool) -> str:
    text = prompts.sent(resolved.prompt, server.syntax, allowed=syntax_allowed)
    if server.fields.get("negative_prompt") == "|" and resolved.negative_prompt:
        text += "|" + prompts.sent(resolved.negative_prompt, server.syntax, allowed=syntax_allowed)
    return f"{text} {_tag(resolved, server, syntax_allowed)}" if server.seed == "tag" else text


def _tag(resolved: Resolved, server: Server, syntax_allowed: bool) -> str:
    """Our own settings behind the prompt, in which there are none any more. A `<` would end the tag too early."""
    named = _named(resolved, server, syntax_allowed)
    sample = {name: named.pop(name) for name in ("sample_steps",) if name in named}
    if "txt_cfg" in named:
        sample["guidance"] = {"txt_cfg": named.pop("txt_cfg")}
    settings = {"seed": seed_sent(resolved, server), **named, "sample_params": sample}
    written = json.dumps(settings).replace("<", "\\u003c")
    return f"<sd_cpp_extra_args>{written}</sd_cpp_extra_args>"


def _size(resolved: Resolved, server: Server) -> dict[str, Any]:
    width, height = resolved.size
    if server.by_shape(resolved.engine):
        return {"aspect_ratio": ratio(resolved.size)}
    if server.size == "width-and-height":
        return {"width": width, "height": height}
    return {"size": f"{height}x{width}" if server.size == "size-height-first" else f"{width}x{height}"}


def _named(resolved: Resolved, server: Server, syntax_allowed: bool) -> dict[str, Any]:
    """Our parameters that the server understands, by its names."""
    negative = resolved.negative_prompt
    values: dict[str, Any] = {
        "negative_prompt": negative and prompts.sent(negative, server.syntax, allowed=syntax_allowed),
        "steps": resolved.steps,
        "cfg_scale": None if resolved.cfg_scale == DEFAULT_CFG_SCALE else resolved.cfg_scale,
    }
    return {
        name: values[parameter]
        for parameter, name in server.fields.items()
        if values[parameter] is not None and name != "|"
    }


def _gpt_image(engine: str) -> bool:
    return re.fullmatch(GPT_IMAGE, engine) is not None
