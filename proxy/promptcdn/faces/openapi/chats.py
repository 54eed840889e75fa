"""The paths of the apps for chats, as rows of the description."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pydantic is no part of a policy
    from promptcdn.settings import Settings

_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"


@dataclass(frozen=True)
class Hook:
    """A path that a chat's servers call with POST. `answer` is the media type of what they are answered."""

    path: str
    name: str
    summary: str
    body: str
    answer: str = _JSON


_SLACK = (
    Hook("/slack/command", "runSlackCommand", "The command /picture of Slack.", _FORM),
    Hook("/slack/interactivity", "clickInSlack", "A click on a button in Slack.", _FORM, ""),
    Hook("/slack/events", "tellOfSlackEvent", "Links that were posted in Slack, and the check of this address.", _JSON),
)
_DISCORD = (Hook("/discord/interactions", "interactInDiscord", "A command or a button of Discord.", _JSON),)


def hooks(settings: "Settings") -> Iterator[Hook]:
    """Those of the chats that are set up."""
    if settings.slack_signing_secret is not None:
        yield from _SLACK
    if settings.discord_public_key:
        yield from _DISCORD
