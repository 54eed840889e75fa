"""The seed of a URL that stands in a document: written into it, taken out of it. Policy of `pin`."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from promptcdn import problems
from promptcdn.url.dialects import given
from promptcdn.url.request import Request
from promptcdn.url.signing import SigningKeys
from promptcdn.url.signing.spelled import signed_url

_SEPARATED = re.compile(r"(^|&(?:amp;)*)([^&]*)")


def request_of(target: str) -> Request | None:
    """What a URL asks for; `None` for a permalink, which names one picture for ever, and for a URL that is refused."""
    parts = given.parts(target)
    if given.content_key(parts) is not None:
        return None
    try:
        return given.request(parts)
    except problems.Problem:
        return None


def is_seedless(target: str) -> bool:
    """Whether each view of a URL may show another picture. A seed that changes with the calendar is a seed."""
    request = request_of(target)
    return request is not None and request.asked.seed is None


def is_lasting(target: str) -> bool:
    """Whether a URL shows one picture for ever: by a seed that is no period of the calendar, or as a permalink. A URL
    that the service refuses is one too: the service says what is wrong with it."""
    request = request_of(target)
    return request is None or isinstance(request.asked.seed, int)


def has_number(target: str) -> bool:
    """Whether a URL has a seed that a number stands for: a word is one, `day` is not."""
    request = request_of(target)
    return request is not None and isinstance(request.asked.seed, int)


class Seed(NamedTuple):
    """A seed that a URL without one is to have, and whether its picture is stored; `None` where nobody was asked."""

    number: int
    is_stored: bool | None = None


def chosen_seed(members: Mapping[str, Any]) -> Seed | None:
    """Of the pool in the members of `/info`, the first seed whose picture is stored: its readers see that. Else the
    first whose picture may be made; `None` where none may."""
    pool = members.get("pool") or ()
    for state in ("stored", "generating", "absent"):
        for variant in pool:
            if variant["state"] == state:
                return Seed(int(variant["seed"]), state == "stored")
    return None


def pinned(target: str, seed: int, keys: SigningKeys = SigningKeys()) -> str:
    """`target` with `seed` in the place of its own one, or behind its other parameters.

    Raises `ValueError` where the URL is signed and there is no key to sign it anew.
    """
    return _signed_anew(with_parameter(target, "seed", str(seed)), target, keys)


def unpinned(target: str, keys: SigningKeys = SigningKeys()) -> str:
    """`target` without its seed. Raises `ValueError` as `pinned` does."""
    return _signed_anew(with_parameter(target, "seed", None), target, keys)


def with_parameter(target: str, name: str, value: str | None) -> str:
    """`target` with another value of a parameter, in its place or behind the others; `None` takes it out.

    All else stays as it is spelled. A signature is not looked at.
    """
    new = None if value is None else f"{name}={value}"
    parts = given.parts(target)
    kept: list[str] = []
    for separator, pair in _SEPARATED.findall(parts.query):
        if unquote(pair.partition("=")[0]) != name:
            kept.append(separator + pair)
        elif new is not None:
            kept.append(separator + new)
            new = None
    query = re.sub(r"^&(amp;)*", "", "".join(kept))
    query = "&".join(filter(None, (query, new)))
    return f"{parts.host}{parts.path}{'?' if query else ''}{query}{parts.fragment}"


def _signed_anew(target: str, before: str, keys: SigningKeys) -> str:
    """A signature covers the seed, or its absence: one with another seed does not match."""
    request = request_of(before)
    if request is None or request.control.sig is None:
        return target
    kid = request.control.kid
    if kid not in keys.ids:
        raise ValueError("the URL is signed for the seed it has: set PROMPTCDN_SIGNING_KEYS to have it signed anew")
    try:
        return signed_url(target, keys, request.control.exp, kid)
    except problems.Problem as problem:
        raise ValueError(given.told(problem)) from None
