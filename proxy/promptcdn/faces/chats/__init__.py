"""Chats: commands and buttons in Slack and Discord, answered with pictures.

slack        the app for Slack
discord      the app for Discord
orders       what people order, as requests for pictures
words        what they are told where there is no picture
members      people as clients
making       pictures for chats
background   what is done once a chat's request is answered
receiving    requests of a chat's servers
web_api      calls to a chat's servers
timings      how long all that may take
"""

from dataclasses import dataclass

from starlette.routing import Route

from promptcdn.faces.chats.background import BackgroundTasks
from promptcdn.faces.chats.discord import Discord
from promptcdn.faces.chats.discord.verifying import DiscordSignatures
from promptcdn.faces.chats.making import Maker
from promptcdn.faces.chats.slack import Slack
from promptcdn.faces.chats.timings import TIMINGS, Timings
from promptcdn.faces.chats.web_api import WebApi
from promptcdn.wiring import Service


@dataclass(frozen=True)
class Hosts:
    """Where the chats' own servers are: no request and no setting says so, or pictures could be sent elsewhere."""

    slack_hooks: str = "https://hooks.slack.com"
    slack_api: str = "https://slack.com"
    discord_api: str = "https://discord.com"


HOSTS = Hosts()


class Chats:
    """The apps of the chats that are set up."""

    def __init__(
        self, service: Service, public_url: str, hosts: Hosts | None = None, timings: Timings = TIMINGS
    ) -> None:
        self._service = service
        self._timings = timings
        self._maker = Maker(service, public_url)
        self._background = BackgroundTasks(service.telemetry)
        hosts = hosts or HOSTS
        apps = (self._slack(public_url, hosts), self._discord(hosts))
        self._apps = tuple(app for app in apps if app is not None)

    @property
    def routes(self) -> list[Route]:
        return [route for app in self._apps for route in app.routes]

    async def close(self) -> None:
        """Lets the pictures under way be finished within the grace, and tells the chats what became of them."""
        await self._service.flights.drain(self._service.settings.grace)
        self._maker.drained()
        await self._background.close(self._timings.last_words)
        for app in self._apps:
            await app.close()

    def _slack(self, public_url: str, hosts: Hosts) -> Slack | None:
        settings = self._service.settings
        if settings.slack_signing_secret is None:
            return None
        token = settings.slack_bot_token
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        return Slack(
            settings.slack_signing_secret.get_secret_value(),
            self._maker,
            self._background,
            WebApi("Slack", hosts.slack_hooks, self._timings),
            WebApi("Slack", hosts.slack_api, self._timings, headers) if token else None,
            settings.defaults,
            public_url,
            self._timings,
        )

    def _discord(self, hosts: Hosts) -> Discord | None:
        settings = self._service.settings
        if not settings.discord_public_key:
            return None
        token = settings.discord_bot_token
        return Discord(
            settings.discord_application_id,
            DiscordSignatures(settings.discord_public_key, self._service.clock.unix),
            token.get_secret_value() if token else settings.discord_public_key,
            self._maker,
            self._background,
            WebApi("Discord", hosts.discord_api, self._timings),
            settings.defaults,
            self._timings,
        )
