"""A stand-in for the servers of Slack and Discord: it takes what the service sends, and holds its shape to Slack's own
library and to Discord's own description of its API.

It also signs requests as both sign them: by Slack's library, and by a key of its own for Discord.
"""

import email
import io
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from PIL import Image
from slack_sdk.models.blocks import Block
from slack_sdk.signature import Clock, SignatureVerifier

from promptcdn.faces.chats import Hosts
from tests.support.waiting import eventually
from tests.upstream.over_http import Client, HttpUpstream, Request

SLACK_SECRET, BOT_TOKEN = "canary-slack-signing-secret", "xoxb-canary"
APPLICATION, USER = "1234567890", "80351110224678912"
TEAM, MEMBER = "T0CANARY", "U0CANARY"
TOKEN = "aW50ZXJhY3Rpb24-canary"  # noqa: S105
_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC_KEY = _KEY.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
PUBLIC_URL = "https://pictures.example.org"
SETTINGS = {
    "slack_signing_secret": SLACK_SECRET,
    "slack_bot_token": BOT_TOKEN,
    "discord_public_key": PUBLIC_KEY,
    "discord_application_id": APPLICATION,
    "public_url": PUBLIC_URL,
}
# The same for the environment of a process.
ENVIRONMENT = {f"PROMPTCDN_{name.upper()}": value for name, value in SETTINGS.items()}
_DESCRIBED = json.loads(Path(__file__).with_name("discord_api.json").read_text())


@dataclass(frozen=True)
class Post:
    """A message that the service sent: its path, the message, and the files that came with it."""

    path: str
    message: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def picture(self) -> Image.Image:
        """The first file, as a picture."""
        return Image.open(io.BytesIO(next(iter(self.files.values()))))

    def buttons(self) -> dict[str, str]:
        """By label, what the buttons of the message carry."""
        rows = self.message.get("components") or self.message.get("blocks") or ()
        found = [each for row in rows for each in row.get("components") or row.get("elements") or ()]
        return {
            _label(each): each.get("custom_id") or each.get("value") or each.get("url")
            for each in found
            if each["type"] in ("button", 2)
        }


def _label(button: Mapping[str, Any]) -> str:
    label = button.get("label") or button["text"]["text"]
    assert isinstance(label, str)
    return label


class ChatServers(HttpUpstream):
    """Both chats' servers at one address. What has a wrong shape is answered 400, and told in `wrong`.

    `statuses` are answered first, in turn, and such messages are not kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self.posts: list[Post] = []
        self.wrong: list[str] = []
        self.statuses: list[int] = []
        self.retry_after = "0"

    @property
    def hosts(self) -> Hosts:
        return Hosts(self.url, self.url, self.url)

    async def post(self, number: int = 0) -> Post:
        """The message of that number, once it has come."""
        await eventually(lambda: len(self.posts) > number or bool(self.wrong))
        assert self.wrong == []
        return self.posts[number]

    def answer(self, request: Request, client: Client) -> None:
        if self.statuses:
            client.send_json({}, self.statuses.pop(0), retry_after=self.retry_after, location=f"{self.url}/elsewhere")
            return
        try:
            post = _post(request)
            _check(post, request)
        except Exception as wrong:  # noqa: BLE001 - whatever it is, the test is told
            self.wrong.append(f"{request.path}: {wrong!r}"[:2000])
            client.send_json({"message": "wrong"}, 400)
            return
        self.posts.append(post)
        client.send_json({"ok": True})


def _post(request: Request) -> Post:
    kind = request.headers["content-type"]
    if kind == "application/json":
        return Post(request.path, request.json)
    parsed: Any = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + request.body)
    parts = {str(part.get_param("name", header="content-disposition")): part for part in parsed.get_payload()}
    message = json.loads(_content(parts.pop("payload_json")))
    files = {str(part.get_filename()): _content(part) for part in parts.values()}
    attached = {each["filename"] for each in message["attachments"]}
    assert attached == files.keys(), "a file is not named, or a name has no file"
    assert list(parts) == [f"files[{number}]" for number in range(len(parts))]
    return Post(request.path, message, files)


def _content(part: Any) -> bytes:
    found = part.get_payload(decode=True)
    assert isinstance(found, bytes)
    return found


def _check(post: Post, request: Request) -> None:
    if post.path == "/api/chat.unfurl":
        assert request.headers["authorization"] == f"Bearer {BOT_TOKEN}"
        place = post.message.keys() - {"unfurls"}
        assert place in ({"channel", "ts"}, {"unfurl_id", "source"})
        for unfurl in post.message["unfurls"].values():
            require_blocks(unfurl["blocks"])
    elif post.path.startswith("/api/v10/applications/"):
        require_of_discord("ApplicationCommandCreateRequest", post.message)
    elif post.path.startswith("/api/"):
        assert post.path == f"/api/v10/webhooks/{APPLICATION}/{TOKEN}/messages/@original"
        require_of_discord("IncomingWebhookUpdateRequestPartial", post.message)
        _require_distinct_ids(post.message)
    else:
        require_of_slack(post.message)


def require_of_slack(message: Mapping[str, Any]) -> None:
    """That Slack takes a message: its blocks by Slack's library, the rest by the documents."""
    assert message.keys() <= {
        *("response_type", "replace_original", "text", "mrkdwn", "link_names", "parse", "blocks"),
    }
    assert message["response_type"] in ("in_channel", "ephemeral")
    assert message["text"], "screen readers and notifications have the text alone"
    require_blocks(message.get("blocks", ()))


def require_blocks(blocks: Any) -> None:
    """That Slack's library reads these blocks, finds nothing wrong with them, and would write the same."""
    parsed = Block.parse_all(list(blocks))
    assert [block.to_dict() for block in parsed] == list(blocks)
    named = [block["block_id"] for block in blocks if "block_id" in block]
    assert len(named) == len(set(named))
    assert all(len(name) <= 255 for name in named)


def require_of_discord(schema: str, value: Any) -> None:
    """That a value is what Discord's description calls by that name, without a member that it does not know."""
    strict = _strict(_DESCRIBED)
    jsonschema.validate(value, {**strict, "$ref": f"#/components/schemas/{schema}"}, jsonschema.Draft202012Validator)


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: _strict(each) for name, each in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        strict.setdefault("additionalProperties", False)
    return strict


def _require_distinct_ids(message: Mapping[str, Any]) -> None:
    ids = [
        each["custom_id"] for row in message.get("components", ()) for each in row["components"] if "custom_id" in each
    ]
    assert len(ids) == len(set(ids))


class _At(Clock):
    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        return self._now


def signed_for_slack(body: bytes, secret: str = SLACK_SECRET, age: float = 0) -> dict[str, str]:
    """The headers with which Slack would send a body, `age` seconds ago."""
    timestamp = str(int(time.time() - age))
    signature = SignatureVerifier(secret, _At(0)).generate_signature(timestamp=timestamp, body=body)
    return {"x-slack-request-timestamp": timestamp, "x-slack-signature": str(signature)}


def signed_for_discord(body: bytes, age: float = 0, key: Ed25519PrivateKey = _KEY) -> dict[str, str]:
    """The same for Discord."""
    timestamp = str(int(time.time() - age))
    signature = key.sign(timestamp.encode() + body).hex()
    return {"x-signature-timestamp": timestamp, "x-signature-ed25519": signature, "content-type": "application/json"}


def command(text: str, hook: str, occasion: str = "1.2.3", user: str = MEMBER) -> bytes:
    """The body of `/picture TEXT`, as Slack sends it."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    fields = {"command": "/picture", "text": escaped, "team_id": TEAM, "user_id": user, "user_name": "canary"}
    more = {"channel_id": "C0CANARY", "trigger_id": occasion, "response_url": f"{hook}/commands/{TEAM}/1/canary"}
    return urlencode({**fields, **more}).encode()


def click(action: str, content_key: str, hook: str, occasion: str = "4.5.6", user: str = MEMBER) -> bytes:
    """The body of a click in Slack."""
    pressed = {"type": "button", "action_id": action, "value": content_key, "block_id": "x", "action_ts": "1"}
    payload = {
        "type": "block_actions",
        "user": {"id": user},
        "team": {"id": TEAM},
        "trigger_id": occasion,
        "response_url": f"{hook}/actions/{TEAM}/1/canary",
        "actions": [pressed],
        "message": {"text": "…"},
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def shared(*urls: str, source: str = "conversations_history", occasion: str = "Ev1") -> bytes:
    """The body of an event: somebody posted these links."""
    event = {"type": "link_shared", "user": MEMBER, "channel": "C1", "message_ts": "1.5", "source": source}
    named = {"unfurl_id": "C1.1.5", "links": [{"domain": "pictures.example.org", "url": url} for url in urls]}
    whole = {"type": "event_callback", "team_id": TEAM, "event_id": occasion, "event": {**event, **named}}
    return json.dumps(whole).encode()


def imagine(occasion: str = "900", user: str = USER, application: str = APPLICATION, **options: str) -> bytes:
    """The body of `/imagine` with these options."""
    data = {"id": "1", "name": "imagine", "type": 1, "options": [_option(*each) for each in options.items()]}
    return _interaction(2, occasion, user, application, data)


def press(custom_id: str, occasion: str = "901", user: str = USER, **more: object) -> bytes:
    """The body of a press on a button."""
    return _interaction(3, occasion, user, APPLICATION, {"component_type": 2, "custom_id": custom_id}, **more)


def _option(name: str, value: str) -> dict[str, object]:
    return {"name": name, "type": 3, "value": value}


def _interaction(
    kind: int, occasion: str, user: str, application: str, data: Mapping[str, Any], **more: object
) -> bytes:
    member = {"user": {"id": user, "username": "canary"}}
    named = {"id": occasion, "application_id": application, "token": TOKEN, "version": 1}
    return json.dumps({"type": kind, **named, "member": member, "data": data, **more}).encode()


PING = json.dumps({"type": 1, "id": "1", "application_id": APPLICATION, "token": TOKEN, "version": 1}).encode()
