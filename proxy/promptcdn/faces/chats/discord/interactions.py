"""What Discord sends, as values (https://discord.com/developers/docs/interactions/receiving-and-responding)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from promptcdn import problems
from promptcdn.faces.chats.payload import json_object, part
from promptcdn.problems import Problem

# What a button does: `u` shows its picture alone, `v` makes variations of it, `r` makes others by its order, and `m`
# gives its Markdown.
Verb = Literal["u", "v", "r", "m"]
VERBS: tuple[Verb, ...] = get_args(Verb)

# In bytes; where an interaction does not say, it is what servers without boosts allow.
FILE_MOST = 10_000_000

_CUSTOM_ID = re.compile(r"([a-z])[1-9]:([0-9a-f]{64})", re.ASCII)
# The token stands in the path of the answer's URL.
_TOKEN = re.compile(r"[A-Za-z0-9._=-]{1,500}", re.ASCII)
_ID = re.compile(r"[0-9]{1,20}", re.ASCII)

_PING, _COMMAND, _COMPONENT = 1, 2, 3


@dataclass(frozen=True)
class Ping:
    """Discord asks whether the endpoint is alive."""


@dataclass(frozen=True)
class Origin:
    """Of one interaction: its id, its token, who caused it, and how large a file in the answer may be."""

    occasion: str
    token: str
    user: str
    file_most: int = FILE_MOST


@dataclass(frozen=True)
class Imagine:
    """`/imagine`, with its options by name; `prompt` is one of them."""

    origin: Origin
    options: Mapping[str, str]


@dataclass(frozen=True)
class Press:
    """A press on a button of ours; `verb` is `None` for one that this version does not know."""

    origin: Origin
    verb: Verb | None
    content_key: str


@dataclass(frozen=True)
class Unknown:
    """An interaction that this version does not know."""


Interaction = Ping | Imagine | Press | Unknown


def interaction(body: bytes, application: str) -> Interaction:
    """What the body of a request says. Raises `Problem` (400) for what Discord does not send to this application."""
    payload = _object(body)
    kind = payload.get("type")
    if kind == _PING:
        return Ping()
    if payload.get("application_id") != application:
        raise _malformed("it is for another application")
    data = part(payload, "data")
    if kind == _COMMAND and data.get("name") == "imagine":
        return Imagine(_origin(payload), dict(_options(data)))
    if kind == _COMPONENT:
        verb, key = parsed_id(data.get("custom_id"))
        return Press(_origin(payload), verb, key)
    return Unknown()


def custom_id(verb: Verb, number: int, content_key: str) -> str:
    """What a button carries: all that is known when it is pressed. `number` makes it the only one of its message."""
    return f"{verb}{number}:{content_key}"


def parsed_id(text: object) -> tuple[Verb | None, str]:
    """The verb and the content key in a `custom_id`; `None` where it is not one of ours."""
    found = _CUSTOM_ID.fullmatch(text) if isinstance(text, str) else None
    verb = next((each for each in VERBS if found and each == found[1]), None)
    return verb, found[2] if found else ""


def _origin(payload: Mapping[str, Any]) -> Origin:
    occasion, token = payload.get("id"), payload.get("token")
    user = (part(payload, "user") or part(part(payload, "member"), "user")).get("id")
    if not all(isinstance(each, str) and _ID.fullmatch(each) for each in (occasion, user)):
        raise _malformed("an id is missing")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise _malformed("the token is missing")
    most = payload.get("attachment_size_limit")
    return Origin(str(occasion), token, str(user), most if isinstance(most, int) and most > 0 else FILE_MOST)


def _options(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    options = data.get("options")
    for option in options if isinstance(options, list) else ():
        if isinstance(option, dict) and isinstance(option.get("name"), str):
            yield option["name"], str(option.get("value", ""))


def _object(body: bytes) -> Mapping[str, Any]:
    found = json_object(body)
    if found is None:
        raise _malformed("the body is not a JSON object")
    return found


def _malformed(what: str) -> Problem:
    return Problem(problems.BAD_REQUEST, f"this is nothing that Discord sends: {what}")
