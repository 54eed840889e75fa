"""What Slack is sent: messages of Block Kit (https://docs.slack.dev/reference/block-kit).

A prompt stands in plain text alone, with the three letters escaped that Slack reads commands in: no `<!channel>` in it
calls anybody, and no `*` or link in it is shown as one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from promptcdn.faces.chats.slack.payloads import Action
from promptcdn.faces.chats.words import cut

Message = dict[str, Any]
Block = dict[str, Any]

# Slack's own bounds, in characters.
_URL_MOST, _ALT_MOST, _PLAIN_MOST, _TEXT_MOST = 3000, 2000, 2000, 3000
MARKDOWN_MOST = 3000
# Of a text in which each letter may become five: &amp;
_QUOTED_MOST = _PLAIN_MOST // 5

_BUTTONS: tuple[tuple[Action, str], ...] = (
    ("another", "Another"),
    ("variations", "Variations"),
    ("markdown", "Copy Markdown"),
)
HELP = (
    "Write what the picture shows, and parameters as in URLs: /picture a lighthouse seed=7 aspect_ratio=16:9."
    ' A value with spaces is written in quotes: negative_prompt="text, people". With a seed it is the same picture for'
    " ever; without one a seed is drawn."
)


@dataclass(frozen=True)
class Shown:
    """A stored picture: its content key, the address of its file, and what is said of it."""

    content_key: str
    url: str
    prompt: str
    seed: int


def pictures(shown: Sequence[Shown], note: str = "") -> Message:
    """A message that everybody in the channel sees, with buttons below each picture."""
    blocks = [block for number, each in enumerate(shown) for block in (image(each), _buttons(each, number))]
    noted = [{"type": "context", "elements": [_plain(note)]}] if note else []
    return {
        "response_type": "in_channel",
        "replace_original": False,
        # For notifications and screen readers.
        **_fallback(cut(shown[0].prompt, _TEXT_MOST)),
        "blocks": [*blocks, *noted],
    }


def private(text: str) -> Message:
    """A message that only the person sees who gave the command."""
    return {"response_type": "ephemeral", "replace_original": False, **_fallback(cut(text, _TEXT_MOST))}


def markdown(text: str) -> Message:
    """The Markdown of a picture to copy, for the person who asked for it."""
    block = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]}
    return {**private("The Markdown of the picture:"), "blocks": [{"type": "rich_text", "elements": [block]}]}


def image(shown: Shown) -> Block:
    """The picture itself."""
    assert len(shown.url) <= _URL_MOST, "Slack takes no longer address of a picture"
    return {
        "type": "image",
        "image_url": shown.url,
        "alt_text": cut(shown.prompt, _ALT_MOST),
        "title": _plain(_titled(shown)),
    }


def _titled(shown: Shown) -> str:
    seed = f" (seed {shown.seed})"
    return cut(shown.prompt, _QUOTED_MOST - len(seed)) + seed


def _buttons(shown: Shown, number: int) -> Block:
    elements = [
        {"type": "button", "action_id": action, "text": _plain(label), "value": shown.content_key}
        for action, label in _BUTTONS
    ]
    return {"type": "actions", "block_id": f"{number}-{shown.content_key}", "elements": elements}


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": escaped(cut(text, _QUOTED_MOST)), "emoji": False}


def _fallback(text: str) -> Message:
    return {"text": escaped(text), "mrkdwn": False, "link_names": False, "parse": "none"}


def escaped(text: str) -> str:
    """The text with the letters escaped that are Slack's own (&, < and >)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unfurls(found: Iterable[tuple[str, Shown]]) -> dict[str, Message]:
    """By the link that somebody posted, what is shown below the message."""
    return {url: {"blocks": [image(shown)]} for url, shown in found}
