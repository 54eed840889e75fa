"""Canonical forms and the keys made of them: SHA-256 of RFC 8785 JSON with a version number in it.

Golden vectors (tests/golden) freeze these bytes: a changed key is a broken promise. The version number covers the rules
of `parse` and `text` too, with their Unicode version.
"""

import hashlib

import rfc8785

from promptcdn.url.request import Asked, Resolved

AS_ASKED_VERSION = 1
CONTENT_VERSION = 1


def as_asked_form(asked: Asked) -> bytes:
    """What the URL alone says, as canonical JSON. No setting, engine table or generator enters."""
    return rfc8785.dumps({"as_asked": AS_ASKED_VERSION, **asked.parameters()})


def as_asked_key(asked: Asked) -> str:
    """64 hex digits that name what a URL asks for, in any spelling."""
    return hashlib.sha256(as_asked_form(asked)).hexdigest()


def nearest_key(asked: Asked) -> str:
    """64 hex digits that name what a URL asks for in the style where what is not offered is replaced by the nearest.

    The URL has a binding of its own by this key. What replaces, say, an engine that is not offered must not decide what
    URLs in the other style show once that engine is offered.
    """
    form = rfc8785.dumps({"as_asked": AS_ASKED_VERSION, "nearest": True, **asked.parameters()})
    return hashlib.sha256(form).hexdigest()


def content_form(resolved: Resolved) -> bytes:
    """The whole order for one picture as canonical JSON, the generator's name included."""
    return rfc8785.dumps({"content": CONTENT_VERSION, **resolved.parameters()})


def content_key(resolved: Resolved) -> str:
    """64 hex digits that name one picture."""
    return hashlib.sha256(content_form(resolved)).hexdigest()
