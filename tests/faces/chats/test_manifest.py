"""The manifest that is pasted at Slack, and the pages about both chats, name what the service has."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from promptcdn.settings import Settings

ROOT = Path(__file__).parent.parent.parent.parent
MANIFEST = yaml.safe_load((ROOT / "deploy" / "slack" / "manifest.yaml").read_text())
# Bounds of Slack's reference of manifests.
BOUNDS = {"name": 35, "description": 140}


def addresses(value: object) -> list[str]:
    if isinstance(value, dict):
        return [found for each in value.values() for found in addresses(each)]
    if isinstance(value, list):
        return [found for each in value for found in addresses(each)]
    return [value] if isinstance(value, str) and value.startswith("https://") else []


def test_the_manifest_names_the_paths_of_the_app() -> None:
    paths = {urlsplit(address).path for address in addresses(MANIFEST)}

    assert paths == {"/slack/command", "/slack/interactivity", "/slack/events"}
    assert {urlsplit(address).hostname for address in addresses(MANIFEST)} == {"pictures.example.org"}
    assert MANIFEST["features"]["unfurl_domains"] == ["pictures.example.org"]


def test_the_manifest_asks_for_what_the_app_uses_and_no_more() -> None:
    assert MANIFEST["oauth_config"]["scopes"]["bot"] == ["commands", "links:read", "links:write"]
    assert MANIFEST["settings"]["event_subscriptions"]["bot_events"] == ["link_shared"]
    shown = MANIFEST["display_information"]
    assert all(len(shown[name]) <= most for name, most in BOUNDS.items())
    (command,) = MANIFEST["features"]["slash_commands"]
    assert command["command"] == "/picture"
    assert command["should_escape"] is False, "else people and channels come as ids"


@pytest.mark.parametrize("chat", ["slack", "discord"])
def test_the_page_of_a_chat_names_its_settings_and_paths(chat: str) -> None:
    page = (ROOT / "docs" / f"{chat}.md").read_text()

    names = [name for name in Settings.model_fields if name.startswith(f"{chat}_")]
    assert [name for name in names if f"PROMPTCDN_{name.upper()}=" not in page] == []
    assert names
