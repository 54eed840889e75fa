"""What people order in a chat, as requests for pictures: by the words of a command, or by a button below a picture.

A command is written as URLs are, without their punctuation: `a lighthouse seed=7 negative_prompt="text, people"`.
A button knows the content key of its picture alone; what the picture was made by is read from the store.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from promptcdn.problems import Problem
from promptcdn.url import seeds
from promptcdn.url.parse import parse
from promptcdn.url.request import Asked, Request, Resolved
from promptcdn.url.resolving import Defaults, Offered, chosen_engine, resolve

# How far a variation may go from its picture, where the engine can start from one.
VARIATION_STRENGTH = 0.6

_WORD = re.compile(r'(?:[A-Za-z_]+=)?(?:"[^"]*"|“[^”]*”)|\S+')
_OPTION = re.compile(r'([A-Za-z_]+)=(?:"([^"]*)"|“([^”]*)”|(.*))', re.DOTALL)
# What a URL need not say where today's defaults come to the same.
_OMITTED: tuple[dict[str, Any], ...] = (
    {"engine": None},
    {"width": None, "height": None},
    {"steps": None},
    {"cfg_scale": None},
)


def ordered(text: str) -> Request:
    """What the words of a command ask for: `name=value` is a parameter, and all other words are the prompt.

    A value with spaces is written in quotes. A word in quotes is part of the prompt, whatever is in it. Raises
    `Problem` (400) as the same URL would.
    """
    prompt, options = [], []
    for word in _WORD.findall(text):
        option = _OPTION.fullmatch(word)
        if option is None:
            prompt.append(word)
        else:
            options.append((option[1].lower(), option[2] or option[3] or option[4] or ""))
    return of_values(" ".join(prompt), options)


def of_values(prompt: str, options: Iterable[tuple[str, str]]) -> Request:
    """The request of a prompt and of parameters by name. Raises `Problem` (400) as the same URL would."""
    return parse(urlencode([*([("prompt", prompt)] if prompt else []), *options]).encode())


def drawn(occasion: str) -> int:
    """The seed of an order without one. `occasion` names the command or the click: delivered twice, it is one order."""
    return seeds.of_word(occasion)


def series(first: int, count: int) -> tuple[int, ...]:
    """`count` seeds from `first` on; after the last possible seed comes 0."""
    return tuple((first + number) % (seeds.SEED_MAX + 1) for number in range(count))


def again(resolved: Resolved, seed: int) -> Request:
    """The order of a picture with another seed, or with its own. What is offered no more is replaced by the nearest."""
    enlarged = resolved.upscale is not None
    asked = Asked(
        prompt=resolved.prompt,
        negative_prompt=resolved.negative_prompt,
        seed=seed,
        width=None if enlarged else resolved.width,
        height=None if enlarged else resolved.height,
        steps=resolved.steps,
        cfg_scale=resolved.cfg_scale,
        sampler=resolved.sampler,
        scheduler=resolved.scheduler,
        style_preset=resolved.style_preset,
        guidance_preset=resolved.guidance_preset,
        engine=Offered(resolved.generator, resolved.engine).full_name,
        rev=resolved.rev or None,
        init=resolved.init,
        strength=resolved.strength,
        mask=resolved.mask,
        upscale=resolved.upscale,
    )
    return Request(asked, nearest=True)


def varied(resolved: Resolved, content_key: str, seed: int, defaults: Defaults) -> Request:
    """A variation of a picture: one that starts from it, where the engine can do that; else the order with `seed`."""
    request = again(resolved, seed)
    drawer = defaults.limits(chosen_engine(request.asked, defaults, nearest=True))
    if "init" not in drawer.understands or drawer.only_upscales:
        return request
    size: dict[str, Any] = {"width": resolved.width, "height": resolved.height}
    own: dict[str, Any] = {"init": content_key, "strength": VARIATION_STRENGTH, "mask": None, "upscale": None}
    return replace(request, asked=replace(request.asked, **size, **own))


def shortest(resolved: Resolved, defaults: Defaults) -> Asked:
    """What a URL asks for that shows the picture of `resolved`: without what today's defaults come to anyway."""
    asked = again(resolved, resolved.seed).asked
    if resolved.sources:
        return asked  # its size may come from the picture that it starts from
    for omitted in _OMITTED:
        shorter = replace(asked, **omitted)
        if _comes_to(shorter, resolved, defaults):
            asked = shorter
    return asked


def _comes_to(asked: Asked, resolved: Resolved, defaults: Defaults) -> bool:
    try:
        return resolve(asked, defaults) == resolved
    except Problem:
        return False
