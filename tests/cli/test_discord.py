"""`promptcdn discord register`, against a stand-in for Discord."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from promptcdn.cli import application
from promptcdn.faces import chats
from tests.support.chats import APPLICATION, PUBLIC_KEY, PUBLIC_URL, ChatServers
from tests.support.service import environment

SETTINGS = {
    "PROMPTCDN_DISCORD_APPLICATION_ID": APPLICATION,
    "PROMPTCDN_DISCORD_PUBLIC_KEY": PUBLIC_KEY,
    "PROMPTCDN_DISCORD_BOT_TOKEN": "canary-bot-token",
    "PROMPTCDN_PUBLIC_URL": PUBLIC_URL,
}


def register(monkeypatch: pytest.MonkeyPatch, folder: Path, *words: str, **settings: str) -> Result:
    monkeypatch.chdir(folder)
    for name in environment():
        monkeypatch.delenv(name)
    return CliRunner().invoke(application(), ["discord", "register", *words], env=environment(**settings))


@pytest.mark.parametrize(("words", "where"), [((), ""), (("--guild", "42"), "/guilds/42")])
def test_the_command_is_registered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...], where: str
) -> None:
    with ChatServers() as servers:
        monkeypatch.setattr(chats, "HOSTS", servers.hosts)
        ended = register(monkeypatch, tmp_path, *words, **SETTINGS)

        assert ended.exit_code == 0, ended.output
        assert servers.wrong == []
        assert servers.paths() == [f"POST /api/v10/applications/{APPLICATION}{where}/commands"]
        assert servers.requests[0].headers["authorization"] == "Bot canary-bot-token"
        assert servers.posts[0].message["name"] == "imagine"


@pytest.mark.parametrize(
    ("status", "why"),
    [(401, "PROMPTCDN_DISCORD_BOT_TOKEN is not"), (403, "install it"), (404, "--guild"), (500, "status 500")],
)
def test_a_refusal_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int, why: str
) -> None:
    with ChatServers() as servers:
        servers.statuses = [status]
        monkeypatch.setattr(chats, "HOSTS", servers.hosts)
        ended = register(monkeypatch, tmp_path, **SETTINGS)

    assert ended.exit_code == 2
    assert why in ended.output
    assert "canary" not in ended.output


def test_a_host_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(chats, "HOSTS", chats.Hosts(discord_api="http://127.0.0.1:1"))
    ended = register(monkeypatch, tmp_path, **SETTINGS)

    assert (ended.exit_code, "cannot be reached" in ended.output) == (2, True)


@pytest.mark.parametrize(
    ("missing", "words", "said"),
    [
        ("PROMPTCDN_DISCORD_BOT_TOKEN", (), "set PROMPTCDN_DISCORD_APPLICATION_ID and PROMPTCDN_DISCORD_BOT_TOKEN"),
        ("PROMPTCDN_DISCORD_APPLICATION_ID", (), "set both, or none"),
        ("", ("--guild", "a/b"), '--guild="a/b"'),
    ],
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: str, words: tuple[str, ...], said: str
) -> None:
    settings = {name: value for name, value in SETTINGS.items() if name != missing}
    ended = register(monkeypatch, tmp_path, *words, **settings)

    assert ended.exit_code == 2
    assert said in ended.output
