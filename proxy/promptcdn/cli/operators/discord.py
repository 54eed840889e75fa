"""`promptcdn discord`."""

import asyncio
import re
from typing import Annotated

import typer

from promptcdn.cli.ending import fail
from promptcdn.problems import BadSettings

app = typer.Typer(no_args_is_help=True, help="The application for Discord: its command.")


@app.callback()
def discord() -> None:
    """The application for Discord."""


@app.command()
def register(
    guild: Annotated[
        str | None, typer.Option(help="The id of one server, where the command appears at once. Without it: all.")
    ] = None,
) -> None:
    """Tell Discord of the command /imagine. Once is enough; again where the engines of the service changed."""
    from promptcdn import settings
    from promptcdn.faces import chats
    from promptcdn.faces.chats.discord.registering import register as registered

    if guild is not None and not re.fullmatch(r"[0-9]{1,20}", guild):
        fail(f'--guild="{guild}": allowed: the number that Discord copies as the id of a server')
    try:
        chosen = settings.load()
    except BadSettings as wrong:
        fail(str(wrong))
    token, application = chosen.discord_bot_token, chosen.discord_application_id
    if token is None or not application:
        fail(
            "set PROMPTCDN_DISCORD_APPLICATION_ID and PROMPTCDN_DISCORD_BOT_TOKEN: docs/discord.md says where they are"
        )
    secret = token.get_secret_value()
    why = asyncio.run(registered(chats.HOSTS.discord_api, application, secret, guild, chosen.defaults))
    if why:
        fail(f"the command was not registered: {why}")
    typer.echo(f"/imagine is registered for {'the server ' + guild if guild else 'all servers'}")
