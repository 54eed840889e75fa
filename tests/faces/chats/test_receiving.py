"""Who is believed to be Slack or Discord: whoever signs so, just now, and for the first time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from promptcdn.faces.chats.receiving import BODY_MAX
from promptcdn.faces.chats.timings import Timings
from tests.faces.chats.house import House, house
from tests.support.chats import PING, click, command, imagine, shared, signed_for_discord, signed_for_slack

pytestmark = pytest.mark.anyio

BODY = command("a cat seed=7", "https://hooks.slack.com")
STRANGER = Ed25519PrivateKey.generate()
Headers = dict[str, str]


def _changed(headers: Headers, **changes: str) -> Headers:
    return {**headers, **{name.replace("_", "-"): value for name, value in changes.items()}}


def _slack(**changes: str) -> Callable[[], Headers]:
    return lambda: _changed(signed_for_slack(BODY), **changes)


def _discord(**changes: str) -> Callable[[], Headers]:
    return lambda: _changed(signed_for_discord(PING), **changes)


WRONG_FOR_SLACK = {
    "unsigned": lambda: {"x": "y"},
    "another secret": lambda: signed_for_slack(BODY, "another secret"),
    "another body": lambda: signed_for_slack(BODY + b"x"),
    "old": lambda: signed_for_slack(BODY, age=301),
    "of the future": lambda: signed_for_slack(BODY, age=-310),
    "another time": _slack(x_slack_request_timestamp="1795435200"),
    "no number": _slack(x_slack_request_timestamp="now"),
    "a huge number": _slack(x_slack_request_timestamp="9" * 5000),
    "another version": _slack(x_slack_signature="v1=" + "0" * 64),
    "half": _slack(x_slack_signature="v0="),
}
WRONG_FOR_DISCORD = {
    "unsigned": lambda: {"x": "y"},
    "another key": lambda: signed_for_discord(PING, key=STRANGER),
    "another body": lambda: signed_for_discord(PING + b" "),
    "old": lambda: signed_for_discord(PING, age=301),
    "of the future": lambda: signed_for_discord(PING, age=-310),
    "another time": _discord(x_signature_timestamp="1795435200"),
    "no number": _discord(x_signature_timestamp="now"),
    "no digits": _discord(x_signature_ed25519="z" * 128),
    "half": _discord(x_signature_ed25519="00" * 32),
}


async def refused(at: House, path: str, body: bytes, headers: Headers) -> None:
    answer = await at.client.post(path, content=body, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, "unsigned")
    assert answer.headers["www-authenticate"] == "Signature"
    assert answer.headers["cache-control"] == "no-store"
    assert at.servers.requests == []


@pytest.mark.parametrize("headers", WRONG_FOR_SLACK.values(), ids=WRONG_FOR_SLACK)
@pytest.mark.parametrize("path", ["command", "interactivity", "events"])
async def test_what_slack_did_not_sign_is_refused(tmp_path: Path, path: str, headers: Callable[[], Headers]) -> None:
    async with house(tmp_path) as at:
        await refused(at, f"/slack/{path}", BODY, headers())


@pytest.mark.parametrize("headers", WRONG_FOR_DISCORD.values(), ids=WRONG_FOR_DISCORD)
async def test_what_discord_did_not_sign_is_refused(tmp_path: Path, headers: Callable[[], Headers]) -> None:
    async with house(tmp_path) as at:
        await refused(at, "/discord/interactions", PING, headers())


async def test_a_signed_request_is_taken_once(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        of_slack, of_discord = signed_for_slack(command("help", at.servers.url)), signed_for_discord(PING)
        assert (await at.slack("command", command("help", at.servers.url), **of_slack)).status_code == 200
        assert (await at.discord(PING, **of_discord)).status_code == 200

        await refused(at, "/slack/command", command("help", at.servers.url), of_slack)
        await refused(at, "/discord/interactions", PING, of_discord)
        spelled = {**of_discord, "x-signature-ed25519": of_discord["x-signature-ed25519"].upper()}
        await refused(at, "/discord/interactions", PING, spelled)


async def test_a_body_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Slack's library raises an exception for it."""
    async with house(tmp_path) as at:
        await refused(at, "/slack/command", b"\xff", _slack()())


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"not a form", b'{"type":2}', b"payload=%5B%5D", b"[" * 100_000])
async def test_what_is_signed_and_says_nothing_is_a_bad_request(tmp_path: Path, body: bytes) -> None:
    async with house(tmp_path) as at:
        answers = [
            await at.slack("command", body),
            await at.slack("interactivity", body, **signed_for_slack(body, age=100)),
            await at.discord(body),
        ]
        assert {answer.status_code for answer in answers} == {400}
        event = await at.slack("events", body, **signed_for_slack(body, age=200))
        assert event.status_code in (200, 400)


@pytest.mark.parametrize("half", [r"\ud800", r"\udfff\ud83d"])
async def test_half_a_surrogate_pair_is_a_bad_request(tmp_path: Path, half: str) -> None:
    """JSON can spell it, and no UTF-8 can."""
    async with house(tmp_path) as at:
        pressed = imagine(prompt="canary").replace(b"canary", half.encode())
        clicked = click("another", "a" * 64, at.servers.hosts.slack_hooks, user="canary").replace(
            b"canary", quote(half).encode()
        )
        posted = shared("canary").replace(b"canary", half.encode())
        answers = [
            await at.discord(pressed),
            await at.slack("interactivity", clicked),
            await at.slack("events", posted),
        ]

    assert [answer.status_code for answer in answers] == [400, 400, 400]


@pytest.mark.parametrize("path", ["/slack/command", "/slack/interactivity", "/slack/events", "/discord/interactions"])
async def test_a_body_has_a_bound_and_a_time(tmp_path: Path, path: str) -> None:
    async def silent() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    async with house(tmp_path, Timings(body=0.05)) as at:
        large = await at.client.post(path, content=b"x" * (BODY_MAX + 1))
        slow = await at.client.post(path, content=silent())

    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    assert (slow.status_code, slow.json()["code"]) == (408, "request_timeout")


@pytest.mark.parametrize(
    ("settings", "there"),
    [
        ({"slack_signing_secret": None, "slack_bot_token": None}, [404, 404, 404, 401]),
        ({"discord_public_key": "", "discord_application_id": ""}, [401, 401, 401, 404]),
    ],
)
async def test_an_app_that_is_not_set_up_has_no_paths(
    tmp_path: Path, settings: dict[str, Any], there: list[int]
) -> None:
    async with house(tmp_path, **settings) as at:
        paths = ("/slack/command", "/slack/interactivity", "/slack/events", "/discord/interactions")

        assert [(await at.client.post(path)).status_code for path in paths] == there
        assert [(await at.client.get(path)).status_code for path in paths] == [
            404 if status == 404 else 405 for status in there
        ]
