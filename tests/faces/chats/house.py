"""A whole service in this process, with the apps for both chats, and a stand-in for the chats' servers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from promptcdn.faces.app import create_app
from promptcdn.faces.chats import Chats
from promptcdn.faces.chats.timings import TIMINGS, Timings
from promptcdn.settings import Settings
from promptcdn.wiring import Service, opened
from tests.support.chats import PUBLIC_URL, SETTINGS, ChatServers, signed_for_discord, signed_for_slack


@dataclass
class House:
    """The service, its apps, and clients for both."""

    service: Service
    chats: Chats
    servers: ChatServers
    client: httpx2.AsyncClient

    async def slack(self, path: str, body: bytes, **headers: str) -> httpx2.Response:
        """The answer to a request of Slack's; signed, unless its headers are given."""
        return await self.client.post(f"/slack/{path}", content=body, headers=headers or signed_for_slack(body))

    async def discord(self, body: bytes, **headers: str) -> httpx2.Response:
        """The same for Discord."""
        return await self.client.post(
            "/discord/interactions", content=body, headers=headers or signed_for_discord(body)
        )

    async def get(self, url: str) -> httpx2.Response:
        """The answer to a picture's URL."""
        return await self.client.get(url.removeprefix(PUBLIC_URL))


@asynccontextmanager
async def house(folder: Path, timings: Timings = TIMINGS, **settings: Any) -> AsyncIterator[House]:
    """A service that draws sketches, unless the settings say something else."""
    usual = {"data_dir": folder, "size": "256x256", "client_rate": "unlimited", **SETTINGS}
    service = opened(Settings(**{**usual, **settings}))
    await service.start()
    with ChatServers() as servers:
        chats = Chats(service, PUBLIC_URL, servers.hosts, timings)
        transport = httpx2.ASGITransport(create_app(service, PUBLIC_URL, chats))
        async with httpx2.AsyncClient(transport=transport, base_url=PUBLIC_URL, timeout=60) as client:
            try:
                yield House(service, chats, servers, client)
            finally:
                await chats.close()
                await service.close()
