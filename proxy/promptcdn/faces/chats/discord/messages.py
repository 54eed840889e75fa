"""What Discord is sent: answers to interactions, and messages with pictures and buttons.

A prompt is quoted with every letter escaped that Discord reads formatting in, and no message mentions anybody, whatever
stands in it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from promptcdn.faces.chats.discord.interactions import Verb, custom_id
from promptcdn.faces.chats.words import cut

Message = dict[str, Any]
Component = dict[str, Any]

PONG: Message = {"type": 1}
# "… is thinking", as a message of its own: pictures follow within fifteen minutes.
DEFERRED: Message = {"type": 5}
# The same for the eyes of one person.
DEFERRED_PRIVATE: Message = {"type": 5, "data": {"flags": 1 << 6}}

# Discord's own bounds, in characters.
_CONTENT_MOST, _DESCRIPTION_MOST, _URL_MOST = 2000, 1024, 512
_QUOTED_MOST = 300
MARKDOWN_MOST = 1900

_NOBODY: Message = {"parse": []}
_EPHEMERAL, _NO_EMBEDS = 1 << 6, 1 << 2
_ROW, _BUTTON = 1, 2
_PRIMARY, _SECONDARY, _LINK = 1, 2, 5
_SPECIAL = re.compile(r"[\\*_~`|<>\[\]()#:@+-]")


@dataclass(frozen=True)
class File:
    """A picture to upload, and the words for those who do not see it."""

    name: str
    media_type: str
    body: bytes
    description: str


def private(text: str) -> Message:
    """An answer at once that only the person sees who gave the command."""
    data = {"content": cut(escaped(text), _CONTENT_MOST), "flags": _EPHEMERAL | _NO_EMBEDS, "allowed_mentions": _NOBODY}
    return {"type": 4, "data": data}


def plain(text: str) -> Message:
    """A message without pictures."""
    return {"content": cut(escaped(text), _CONTENT_MOST), "flags": _NO_EMBEDS, "allowed_mentions": _NOBODY}


def markdown(text: str) -> Message:
    """The Markdown of a picture to copy. The snippet has no backtick in it, so that it stays in its block."""
    return {"content": f"```\n{text}\n```", "flags": _NO_EMBEDS, "allowed_mentions": _NOBODY}


def grid(prompt: str, seeds: Sequence[int], keys: Sequence[str | None], note: str, file: File) -> Message:
    """Four pictures as one, with the buttons of each. A key is `None` where that picture was not made."""
    there = [(number, key) for number, key in enumerate(keys, 1) if key is not None]
    uppers = [_button("u", number, key, f"U{number}") for number, key in there]
    lowers = [_button("v", number, key, f"V{number}") for number, key in there]
    reroll = _button("r", 1, there[0][1], "Reroll")
    shown = f"{_quoted(prompt)} · seeds {', '.join(map(str, seeds))}"
    return _with_file(shown, note, file, [[*uppers, reroll], lowers])


def single(prompt: str, seed: int, key: str, link: str, file: File | None) -> Message:
    """One picture in full size, or a link to it where its file is too large to upload."""
    row = [
        _button("v", 1, key, "Variations"),
        _button("r", 1, key, "Others"),
        _button("m", 1, key, "Markdown"),
        *([{"type": _BUTTON, "style": _LINK, "label": "Open", "url": link}] if len(link) <= _URL_MOST else ()),
    ]
    note = "" if file else "The file is too large for this chat: open it with the button."
    return _with_file(f"{_quoted(prompt)} · seed {seed}", note, file, [row])


def description(prompt: str) -> str:
    """The prompt as the alternative text of a file."""
    return cut(prompt, _DESCRIPTION_MOST)


def escaped(text: str) -> str:
    """The text with a backslash before every letter that may begin formatting, a mention, an emoji or a link."""
    return _SPECIAL.sub(lambda found: f"\\{found[0]}", text)


def _quoted(prompt: str) -> str:
    return f"“{escaped(cut(prompt, _QUOTED_MOST))}”"


def _with_file(text: str, note: str, file: File | None, rows: Sequence[Sequence[Component]]) -> Message:
    noted = f"{text}\n{escaped(note)}" if note else text
    attachments = [{"id": "0", "filename": file.name, "description": file.description}] if file else []
    return {
        "content": cut(noted, _CONTENT_MOST),
        "flags": _NO_EMBEDS,
        "allowed_mentions": _NOBODY,
        "attachments": attachments,
        "components": [{"type": _ROW, "components": list(row)} for row in rows],
    }


def _button(verb: Verb, number: int, key: str, label: str) -> Component:
    style = _PRIMARY if verb == "u" else _SECONDARY
    return {"type": _BUTTON, "style": style, "label": label, "custom_id": custom_id(verb, number, key)}
