"""Tells Discord of the command `/imagine`, once: from then on people see it there."""

from promptcdn import __version__
from promptcdn.faces.chats.discord.commands import imagine
from promptcdn.generators.http import Http, address
from promptcdn.problems import UpstreamFailed
from promptcdn.url.resolving import Defaults

_SECONDS, _ANSWER_MOST = 20.0, 1_000_000
_WHY = {
    401: "PROMPTCDN_DISCORD_BOT_TOKEN is not the token of a bot: copy it from the application's page Bot",
    403: "the application may not do that: install it in that server first, with the scope applications.commands",
    404: "Discord knows no such application or server: compare PROMPTCDN_DISCORD_APPLICATION_ID and --guild",
    429: "Discord takes no more commands for now: try again later",
}


async def register(host: str, application: str, bot_token: str, guild: str | None, defaults: Defaults) -> str:
    """Registers the command for one server (`guild`), or for all; one of the same name is replaced, and no other is
    touched. Gives why that failed, or an empty text."""
    where = f"/guilds/{guild}" if guild else ""
    headers = {"Authorization": f"Bot {bot_token}", "User-Agent": f"DiscordBot (promptcdn, {__version__})"}
    http = Http(address(host, "the address of Discord"), headers)
    path = f"/api/v10/applications/{application}{where}/commands"
    try:
        reply = await http.post(path, json=imagine(defaults), seconds=_SECONDS, most=_ANSWER_MOST)
    except UpstreamFailed:
        return f"{host} cannot be reached"
    finally:
        await http.close()
    return "" if reply.status < 300 else _WHY.get(reply.status, f"Discord answered with status {reply.status}")
