"""`promptcdn purge`."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from promptcdn.cli import given
from promptcdn.cli.ending import FINDINGS, fail
from promptcdn.problems import BadSettings

if TYPE_CHECKING:
    from promptcdn.settings import Settings
    from promptcdn.stores import Name
    from promptcdn.wiring import Service


@dataclass(frozen=True)
class Target:
    """One picture: its content key, and the URL by which it was named (path-absolute, canonical) with the keys of its
    bindings."""

    content_key: str
    url: str | None = None
    bound_as: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What is to be done."""

    takedown: bool
    reason: str
    rebind: bool
    undo: bool
    dry_run: bool


@dataclass(frozen=True)
class Done:
    """What was done to one picture: paths of objects in the store, and the URLs under which caches may hold it.

    `gone`: it was put back, and its bytes were deleted with its takedown.
    """

    content_key: str
    deleted: tuple[str, ...]
    dry_run: bool
    taken_down: bool
    put_back: bool
    gone: bool
    purge_at_caches: tuple[str, ...]


def purge(
    target: Annotated[str, typer.Argument(help="A content key, or a picture's URL with or without its host.")],
    takedown: Annotated[bool, typer.Option("--takedown", help="Leave a tombstone: never shown or made again.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the tombstone and the log.")] = "",
    rebind: Annotated[bool, typer.Option("--rebind", help="Drop the URL's binding too: it is bound anew.")] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take the tombstone away: the picture may be made again.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Delete a picture's bytes; running services forget it within five seconds. Its binding stays, so that it can be
    made again as it was."""
    from promptcdn import problems, settings

    if undo and (takedown or rebind):
        fail("--undo goes with neither --takedown nor --rebind")
    if takedown and not reason:
        fail("--takedown needs a --reason")
    if rebind and _is_key(target):
        fail("--rebind needs a URL: a content key has no binding")
    try:
        done = asyncio.run(_done(target, Wanted(takedown, reason, rebind, undo, dry_run), settings.load()))
    except BadSettings as wrong:
        fail(str(wrong))
    except problems.Problem as problem:
        fail(str(problem))
    if as_json:
        typer.echo(json.dumps({"pictures": [asdict(one) for one in done]}, ensure_ascii=False, indent=2))
    else:
        for line in _lines(done):
            typer.echo(line)
    if undo and not any(one.put_back for one in done):
        raise typer.Exit(FINDINGS)


async def _done(target: str, wanted: Wanted, chosen: "Settings") -> list[Done]:
    from promptcdn.wiring import opened

    service = opened(chosen)
    try:
        await service.verified.see()
        done = [await _one(each, wanted, service, chosen.public_url) for each in await _targets(target, service)]
        if wanted.takedown:
            # A service that hears of it in a moment may be storing a rendition now.
            await service.removals.swept()
        return done
    finally:
        await service.close()


async def _targets(target: str, service: "Service") -> list[Target]:
    """The pictures that are meant: all of a pool where a URL has no seed, the present period's of a calendar URL."""
    from promptcdn.url import keys
    from promptcdn.url.parse import canonical_url

    if _is_key(target):
        return [Target(target)]
    request = given.request(given.parts(target))
    await service.removals.start()
    views = service.cdn.pool(request) if request.asked.seed is None else (request,)
    looks = [(view, await service.cdn.look(view)) for view in views]
    seeded = [(view.asked.seeded(look.seed), view.delivery, look.content_key) for view, look in looks]
    return [
        Target(content_key, canonical_url(asked, delivery), (keys.as_asked_key(asked), keys.nearest_key(asked)))
        for asked, delivery, content_key in seeded
    ]


async def _one(target: Target, wanted: Wanted, service: "Service", public_url: str) -> Done:
    removals, key = service.removals, target.content_key
    put_back = wanted.undo and not wanted.dry_run and await removals.put_back(key)
    names: tuple[Name, ...] = ()
    if wanted.dry_run:
        names = () if wanted.undo else await removals.of(key)
    elif wanted.takedown:
        names = await removals.take_down(key, wanted.reason)
    elif not wanted.undo:
        names = await removals.purge(key)
    if wanted.rebind and not wanted.dry_run:
        for bound_as in target.bound_as:
            names += await removals.unbind(bound_as, service.bindings.folders)
    return Done(
        content_key=key,
        deleted=tuple(name.path for name in names),
        dry_run=wanted.dry_run,
        taken_down=wanted.takedown and not wanted.dry_run,
        put_back=put_back,
        gone=put_back and not await removals.of(key),
        purge_at_caches=tuple(f"{public_url}{path}" for path in _paths(target)),
    )


def _paths(target: Target) -> Iterator[str]:
    """The URLs under which caches may hold it, in their usual spellings; each stands for its sizes and formats too."""
    from promptcdn.url.formats import BY_EXTENSION

    if target.url is not None:
        query = target.url.partition("?")[2]
        yield target.url
        yield from (f"/i{extension}?{query}" for extension in BY_EXTENSION)
    yield f"/i/{target.content_key}"
    yield from (f"/i/{target.content_key}{extension}" for extension in BY_EXTENSION)


def _lines(done: list[Done]) -> Iterator[str]:
    for one in done:
        verb = "would delete" if one.dry_run else "deleted"
        what = "put back" if one.put_back else f"{verb} {len(one.deleted)} objects"
        yield f"{one.content_key}: {'taken down, ' if one.taken_down else ''}{what}"
        if one.gone:
            yield "  its bytes were deleted with its takedown: the next view makes (and pays for) a new picture"
        yield from (f"  {path}" for path in one.deleted)
    yield ""
    yield "Running services on this store hear of it within 5 s. Caches in front do not: purge there"
    yield from (f"  {url}" for one in done for url in one.purge_at_caches)
    yield "with whatever else is in their query (w, h, format, v, sig)."
    yield "GitHub's camo: copy the picture's camo.githubusercontent.com address, and run: curl -X PURGE ADDRESS"


def _is_key(target: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{64}", target) is not None
