"""What Slack sends, as values: a command, a click on a button, links that somebody posted."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import parse_qsl

from promptcdn import problems
from promptcdn.faces.chats.payload import json_object, part
from promptcdn.problems import Problem

Action = Literal["another", "variations", "markdown"]
ACTIONS: tuple[Action, ...] = get_args(Action)

# More fields than Slack sends with any request.
_FIELDS_MOST = 100


@dataclass(frozen=True)
class Command:
    """`/picture TEXT`. `occasion` names this one command; answers go to `response_url`."""

    text: str
    team: str
    user: str
    occasion: str
    response_url: str


@dataclass(frozen=True)
class Click:
    """A click on a button below the picture of a content key. `action` is `None` for a button that is not ours."""

    action: Action | None
    content_key: str
    team: str
    user: str
    occasion: str
    response_url: str


@dataclass(frozen=True)
class Shared:
    """Links that somebody posted or writes; `place` says to Slack's API where."""

    urls: tuple[str, ...]
    team: str
    user: str
    place: Mapping[str, str]
    posted: bool


@dataclass(frozen=True)
class Challenge:
    """Slack asks whether the address of events is really ours."""

    challenge: str


def command(body: bytes) -> Command:
    """Raises `Problem` (400) for what is no command."""
    fields = _form(body)
    return Command(
        # Slack sends these three letters as they stand in its messages.
        text=_unescaped(fields.get("text", "")),
        team=fields.get("team_id", ""),
        user=_required(fields, "user_id"),
        occasion=_required(fields, "trigger_id"),
        response_url=_required(fields, "response_url"),
    )


def click(body: bytes) -> Click:
    """Raises `Problem` (400) for what is no click."""
    payload = _object(_form(body).get("payload", "").encode())
    actions = payload.get("actions")
    first = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}
    named = _text(first, "action_id")
    return Click(
        action=next((each for each in ACTIONS if each == named), None),
        content_key=_text(first, "value"),
        team=_text(part(payload, "team"), "id"),
        user=_required(part(payload, "user"), "id"),
        occasion=_required(payload, "trigger_id"),
        response_url=_text(payload, "response_url"),
    )


def event(body: bytes) -> Challenge | Shared | None:
    """`None` for an event that nothing is done about. Raises `Problem` (400) for what is no event."""
    payload = _object(body)
    if payload.get("type") == "url_verification":
        return Challenge(_required(payload, "challenge"))
    inner = part(payload, "event")
    if inner.get("type") != "link_shared":
        return None
    links = inner.get("links")
    found = [_text(link, "url") for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    return Shared(
        urls=tuple(url for url in dict.fromkeys(found) if url),
        team=_text(payload, "team_id"),
        user=_text(inner, "user"),
        place=_place(inner),
        posted=inner.get("source") != "composer",
    )


def _place(event: Mapping[str, Any]) -> Mapping[str, str]:
    """`unfurl_id` and `source`, or `channel` and `ts`: Slack takes either pair, and a draft has the first alone."""
    if unfurl_id := _text(event, "unfurl_id"):
        return {"unfurl_id": unfurl_id, "source": _text(event, "source")}
    return {"channel": _text(event, "channel"), "ts": _text(event, "message_ts")}


def _form(body: bytes) -> Mapping[str, str]:
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS_MOST))
    except ValueError:
        raise _malformed("the body is not a form (application/x-www-form-urlencoded)") from None


def _object(body: bytes) -> Mapping[str, Any]:
    found = json_object(body)
    if found is None:
        raise _malformed("the payload is not a JSON object")
    return found


def _text(payload: Mapping[str, Any], name: str) -> str:
    found = payload.get(name)
    return found if isinstance(found, str) else ""


def _required(payload: Mapping[str, Any], name: str) -> str:
    if found := _text(payload, name):
        return found
    raise _malformed(f"{name} is missing")


def _malformed(what: str) -> Problem:
    return Problem(problems.BAD_REQUEST, f"this is nothing that Slack sends: {what}")


def _unescaped(text: str) -> str:
    for letter in "<>&":
        text = text.replace(html.escape(letter), letter)
    return text
