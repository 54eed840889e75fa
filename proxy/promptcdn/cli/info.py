"""`promptcdn info`."""

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptcdn.cli.ending import fail
from promptcdn.cli.operators.reading import reading
from promptcdn.problems import BadSettings
from promptcdn.url.dialects import given

if TYPE_CHECKING:
    from promptcdn.readers.answers import State
    from promptcdn.settings import Settings
    from promptcdn.stores import Header
    from promptcdn.url.request import Request
    from promptcdn.wiring import Service

_SHOWN = ("state", "content_key", "permalink", "url")


def info(
    url: Annotated[str, typer.Argument(help="A picture's URL or permalink, with or without its host.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the members of /info's answer as JSON.")] = False,
) -> None:
    """Show what a URL means and whether its picture is stored. Reads the settings and the store; makes nothing."""
    from promptcdn import problems, settings

    try:
        named = given.content_key(given.parts(url)) or given.request(given.parts(url))
    except problems.Problem as problem:
        fail(f"{url}: {given.told(problem)}")
    try:
        found = asyncio.run(_found(named, settings.load()))
    except BadSettings as wrong:
        fail(str(wrong))
    except problems.Problem as problem:
        fail(str(problem))
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for name in _SHOWN:
        typer.echo(f"{name:12} {found[name] or '-'}")
    for title in ("as_asked", "resolved"):
        values = ", ".join(f"{name}={value}" for name, value in (found[title] or {}).items())
        typer.echo(f"{title:12} {values or '-'}")
    for name, source in (found["sources"] or {}).items():
        typer.echo(f"{name:12} {source['state']:10} {source['permalink']}")
    for variant in found["pool"] or ():
        typer.echo(f"{'pool':12} {variant['state']:10} {variant['url']}")
    for note in found["notes"]:
        typer.echo(f"{'note':12} {note}")


async def _found(named: "str | Request", chosen: "Settings") -> dict[str, Any]:
    """The members for a content key or for what a URL asks for."""
    from promptcdn.faces.info import members

    async with reading(chosen) as service:
        await service.verified.see()
        await service.removals.start()
        if isinstance(named, str):
            return await _of_permalink(named, service, chosen.public_url)
        return dict(await members(service.cdn, service.prices, named, chosen.public_url))


async def _of_permalink(content_key: str, service: "Service", public_url: str) -> dict[str, Any]:
    """The members of `/info` for a picture that is named by its content key: of URLs nothing is known."""
    from promptcdn.faces.info import of_sources
    from promptcdn.url import parse as grammar
    from promptcdn.url.request import Resolved
    from promptcdn.url.snippets import snippets

    await service.spool.refresh()
    header = await _header(content_key, service)
    resolved = dict(header.resolved) if header else None
    state = await _state(content_key, header, service)
    permalink = grammar.permalink(content_key)
    order = Resolved.from_parameters(resolved) if resolved else None
    notes = ["a permalink names a picture, and does not say which URLs show it"]
    sources: dict[str, Any] = {}
    if order is not None:
        sources, about_them = await of_sources(service.cdn, order, state)
        notes += about_them
    return {
        "content_key": content_key,
        "state": state,
        "permalink": permalink,
        "url": None,
        "as_asked": None,
        "resolved": resolved,
        "sources": sources,
        "pool": None,
        "snippets": snippets(public_url + permalink, str((resolved or {}).get("prompt", ""))),
        "notes": notes,
    }


async def _header(content_key: str, service: "Service") -> "Header | None":
    """That of the master; where it is lost, of a rendition."""
    from promptcdn.stores import Name

    names = (Name("masters", content_key), *await service.store.names("renditions", content_key))
    headers = [await service.store.look(name) for name in names]
    return next((header for header in headers if header is not None), None)


async def _state(content_key: str, header: "Header | None", service: "Service") -> "State":
    from promptcdn.stores import Name

    if await service.removals.removed(content_key):
        return "removed"
    if header is not None or service.spool.holds(content_key):
        return "stored"
    return "absent" if await service.store.look(Name("verdicts", content_key)) is None else "blocked"
