"""`promptcdn work`: a worker, which comes to a service for orders and brings it pictures.

client    what the service is asked and told, over HTTP
drawing   an order drawn by one of the generators
shift     the work itself, until it is to end
"""

import asyncio
import re
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from promptcdn.cli.ending import FINDINGS, fail
from promptcdn.problems import BadSettings

if TYPE_CHECKING:
    from promptcdn.cli.operators.work.drawing import Drawer
    from promptcdn.settings import Settings

_UNITS = {"s": 1, "m": 60, "h": 3600}


def work(
    url: Annotated[str, typer.Option(help="The address of the service, like https://pictures.example.org.")],
    token: Annotated[
        str | None, typer.Option(help="The secret of a worker's token, before PROMPTCDN_WORKER_TOKEN.")
    ] = None,
    generator: Annotated[
        str | None, typer.Option(help="What draws, before PROMPTCDN_GENERATOR; sketch for a trial.")
    ] = None,
    at_once: Annotated[int, typer.Option("--concurrency", min=1, max=64, help="How many pictures at once.")] = 1,
    once: Annotated[bool, typer.Option("--once", help="End after one order.")] = False,
    until_idle: Annotated[
        str | None, typer.Option(help="End once no order came for so long, like 10m, 90s or 1h.")
    ] = None,
) -> None:
    """Draw the pictures that a service has orders for. The service needs no way to this machine: all calls go out.

    The settings of this machine say what draws, as for promptcdn serve. A signal to stop lets the picture under way be
    finished within PROMPTCDN_GRACE; what is not finished goes to the next worker. Exit code 1: an order of --once was
    not drawn.
    """
    from promptcdn import settings
    from promptcdn.cli.operators.work.client import Client, Refused
    from promptcdn.cli.operators.work.shift import Ends, Shift
    from promptcdn.telemetry import logs

    try:
        chosen = settings.load(generator=generator)
        ends = Ends(once=once, idle=None if until_idle is None else _seconds(until_idle), grace=chosen.grace)
        secret = _secret(chosen, url, token)
        logs.set_up(chosen.log, (*chosen.secrets, secret))
        good = asyncio.run(Shift(Client(url, secret), _drawer(chosen), at_once, ends).run())
    except (BadSettings, Refused) as wrong:
        fail(str(wrong))
    if once and not good:
        raise typer.Exit(FINDINGS)


def _secret(chosen: "Settings", url: str, token: str | None) -> str:
    """What the service is shown. An address that is none ends the command, before the secret goes anywhere."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if "@" in parts.netloc:  # it would be sent in the place of the token, and stand in the log
        fail("--url has a name or a password in it: leave them out, the service asks for a worker's token")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        fail(f'--url="{url}": say it like https://pictures.example.org')
    secret = token or (chosen.worker_token.get_secret_value() if chosen.worker_token else "")
    return secret or fail("the service asks for a token: set PROMPTCDN_WORKER_TOKEN, or --token")


def _drawer(chosen: "Settings") -> "Drawer":
    """The generator of the settings. One that costs money, or that nobody has chosen, is refused."""
    from promptcdn.cli.operators.work.drawing import Drawer

    declared = chosen.generators[0]
    if declared.by_orders:
        fail(f"{declared.name} draws nothing itself: name what draws here with --generator or PROMPTCDN_GENERATOR")
    if declared.gives_way and chosen.generator == ("auto",):
        fail(f"no generator is set up here: name one, or --generator {declared.name} for a trial")
    if declared.paid and chosen.budget_limits.each:
        fail(f"{declared.name} costs money, and nothing counts what a worker spends: set PROMPTCDN_BUDGET=unlimited")
    return Drawer(declared, chosen)


def _seconds(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,6})([smh]?)", text)
    if found is None or not int(found[1]):
        fail(f'--until-idle="{text}": allowed: a time like 90s, 10m or 1h')
    return float(int(found[1]) * _UNITS[found[2] or "s"])
