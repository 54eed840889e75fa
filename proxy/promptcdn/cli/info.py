"""`promptcdn info`."""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptcdn.cli import given
from promptcdn.cli.ending import fail
from promptcdn.problems import BadSettings

if TYPE_CHECKING:
    from promptcdn.settings import Settings
    from promptcdn.url.request import Request

_SHOWN = ("state", "content_key", "permalink", "url")


def info(
    url: Annotated[str, typer.Argument(help="A picture's URL, with or without its host.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what /info answers.")] = False,
) -> None:
    """Say what is known of a URL by the settings and the store, without making anything."""
    from promptcdn import problems, settings

    try:
        known = asyncio.run(_known(given.request(given.parts(url)), settings.load()))
    except BadSettings as wrong:
        fail(str(wrong))
    except problems.Problem as problem:
        fail(str(problem))
    if as_json:
        typer.echo(json.dumps(known, ensure_ascii=False, indent=2))
        return
    for name in _SHOWN:
        typer.echo(f"{name:12} {known[name] or '-'}")
    for title in ("as_asked", "resolved"):
        said = ", ".join(f"{name}={value}" for name, value in known[title].items())
        typer.echo(f"{title:12} {said}")
    for variant in known["pool"] or ():
        typer.echo(f"{'pool':12} {variant['state']:10} {variant['url']}")
    for note in known["notes"]:
        typer.echo(f"{'note':12} {note}")


async def _known(request: "Request", chosen: "Settings") -> dict[str, Any]:
    from promptcdn.faces.info import members
    from promptcdn.wiring import opened

    service = opened(chosen)
    try:
        await service.removals.start()
        return dict(await members(service.cdn, request, chosen.public_url))
    finally:
        await service.close()
