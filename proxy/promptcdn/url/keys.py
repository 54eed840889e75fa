"""Canonical forms and the keys made of them: SHA-256 of RFC 8785 JSON with a version number in it.

These bytes are frozen by golden vectors (tests/golden): a changed key is a broken promise. What the version number
stands for includes the Unicode version that the grammar normalises by.
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
    """64 hex digits that name what a URL asks for, however it is spelled."""
    return hashlib.sha256(as_asked_form(asked)).hexdigest()


def nearest_key(asked: Asked) -> str:
    """64 hex digits that name what a URL asks for under a face that draws the nearest of what is offered.

    A binding of its own: what that face draws in place of something that is not offered must not decide what other
    faces show once it is offered.
    """
    form = rfc8785.dumps({"as_asked": AS_ASKED_VERSION, "nearest": True, **asked.parameters()})
    return hashlib.sha256(form).hexdigest()


def content_form(resolved: Resolved) -> bytes:
    """The whole order for one picture as canonical JSON, the generator's name included."""
    return rfc8785.dumps({"content": CONTENT_VERSION, **resolved.parameters()})


def content_key(resolved: Resolved) -> str:
    """64 hex digits that name one picture."""
    return hashlib.sha256(content_form(resolved)).hexdigest()
