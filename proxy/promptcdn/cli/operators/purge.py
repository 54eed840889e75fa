"""`promptcdn purge`."""

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from promptcdn.cli.ending import FINDINGS, fail
from promptcdn.cli.operators.reading import reading
from promptcdn.problems import BadSettings
from promptcdn.url.dialects import given

if TYPE_CHECKING:
    from promptcdn.settings import Settings
    from promptcdn.stores import Name
    from promptcdn.url.request import Request
    from promptcdn.wiring import Service

_Target = Annotated[
    str, typer.Argument(help="A picture's content key, URL or permalink; URLs with or without their host.")
]
_Takedown = Annotated[
    bool, typer.Option("--takedown", help="Leave a tombstone, too: the picture is never shown or made again.")
]
_Rebind = Annotated[
    bool, typer.Option("--rebind", help="Delete the URL's binding, too: it gets another by today's defaults.")
]
_Undo = Annotated[
    bool, typer.Option("--undo", help="Undo a takedown: delete the tombstone, so that the picture may be made again.")
]


@dataclass(frozen=True)
class Target:
    """One picture: its content key, and the URL by which it was named (path-absolute, canonical) with the keys of its
    bindings, and the generator whose folder may have them although it is not in use."""

    content_key: str
    url: str | None = None
    bound_as: tuple[str, ...] = ()
    drew: str | None = None


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

    `gone`: it was put back, and its bytes were deleted with its takedown. `still_taken_down`: it was taken down before,
    and what was done now leaves it so. Of a dry run, `taken_down` and `put_back` say what would be done.
    `irreplaceable`: why the same picture cannot be made again; empty where it can.
    """

    content_key: str
    deleted: tuple[str, ...]
    dry_run: bool
    taken_down: bool
    put_back: bool
    gone: bool
    still_taken_down: bool
    purge_at_caches: tuple[str, ...]
    irreplaceable: str = ""


def purge(
    target: _Target,
    takedown: _Takedown = False,
    reason: Annotated[str, typer.Option(help="Why it is taken down: kept in the tombstone and the log.")] = "",
    rebind: _Rebind = False,
    undo: _Undo = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Delete a stored picture in every format and size; running services forget it within five seconds.

    The URL's binding stays, so that the same picture is requested again when somebody asks for it."""
    from promptcdn import problems, settings

    if undo and (takedown or rebind):
        fail("--undo goes with neither --takedown nor --rebind")
    if takedown and not reason:
        fail("--takedown needs a --reason")
    if rebind and _content_key(target):
        fail("--rebind needs a URL that has a prompt: content keys and permalinks have no binding")
    try:
        named = _content_key(target) or given.request(given.parts(target), or_a_key=True)
    except problems.Problem as problem:
        fail(f"{target}: {given.told(problem)}")
    try:
        done = asyncio.run(_done(named, Wanted(takedown, reason, rebind, undo, dry_run), settings.load()))
    except BadSettings as wrong:
        fail(str(wrong))
    except problems.Problem as problem:
        fail(str(problem))
    if as_json:
        typer.echo(json.dumps({"pictures": [asdict(one) for one in done]}, ensure_ascii=False, indent=2))
    else:
        for line in _lines(done, undo=undo):
            typer.echo(line)
    if undo and not any(one.put_back for one in done):
        raise typer.Exit(FINDINGS)


async def _done(named: "str | Request", wanted: Wanted, chosen: "Settings") -> list[Done]:
    async with reading(chosen) as service:
        await service.verified.see()
        await service.removals.start()
        done = [await _one(each, wanted, service, chosen.public_url) for each in await _targets(named, service)]
        if wanted.takedown:
            # A service that hears of it in a moment may be storing a rendition now.
            await service.removals.swept()
        return done


async def _targets(named: "str | Request", service: "Service") -> list[Target]:
    """The pictures that are meant: all of a pool where a URL has no seed, the present period's of a calendar URL."""
    from promptcdn.generators.registry import apart
    from promptcdn.url import keys
    from promptcdn.url.parse import canonical_url

    if isinstance(named, str):
        return [Target(named)]
    looks = (await service.cdn.looks(named)).found
    seeded = [(named.asked.seeded(look.seed), look.content_key) for look in looks]
    return [
        Target(
            content_key,
            canonical_url(asked, named.delivery),
            (keys.as_asked_key(asked), keys.nearest_key(asked)),
            apart(asked.engine),
        )
        for asked, content_key in seeded
    ]


async def _one(target: Target, wanted: Wanted, service: "Service", public_url: str) -> Done:
    removals, key = service.removals, target.content_key
    was_taken_down = await removals.surely_removed(key)
    irreplaceable = "" if wanted.takedown or wanted.undo else await _irreplaceable(key, service)
    if wanted.undo:
        names: tuple[Name, ...] = ()
        if not wanted.dry_run:
            await removals.put_back(key)
    elif wanted.dry_run:
        names = await removals.of(key)
    else:
        names = await _deleted(target, wanted, service)
    return Done(
        content_key=key,
        deleted=tuple(name.path for name in names),
        dry_run=wanted.dry_run,
        taken_down=wanted.takedown,
        put_back=wanted.undo and was_taken_down,
        gone=wanted.undo and was_taken_down and not await removals.of(key),
        still_taken_down=was_taken_down and not (wanted.undo or wanted.takedown),
        purge_at_caches=tuple(f"{public_url}{path}" for path in _paths(target)),
        irreplaceable=irreplaceable,
    )


async def _irreplaceable(content_key: str, service: "Service") -> str:
    """Why the stored picture cannot be made again as it was; empty where it can, or is not there."""
    header = await service.renditions.header(content_key)
    made_by = None if header is None else (str(header.resolved["generator"]), str(header.resolved["engine"]))
    return "" if made_by is None else service.cdn.irreplaceable(*made_by)


async def _deleted(target: Target, wanted: Wanted, service: "Service") -> "tuple[Name, ...]":
    from promptcdn.generators.registry import bindings_folders

    removals, key = service.removals, target.content_key
    if wanted.takedown:
        names = await removals.take_down(key, wanted.reason)
    else:
        names = await removals.purge(key)
    if wanted.rebind:
        folders = bindings_folders((*service.generators, *filter(None, (target.drew,))))
        for bound_as in target.bound_as:
            names += await removals.unbind(bound_as, folders)
    return names


def _paths(target: Target) -> Iterator[str]:
    """The URLs under which caches may hold it, in their usual spellings; each stands for its sizes and formats too."""
    from promptcdn.url.formats import BY_FILE_EXTENSION

    if target.url is not None:
        query = target.url.partition("?")[2]
        yield target.url
        yield from (f"/i{extension}?{query}" for extension in BY_FILE_EXTENSION)
    yield f"/i/{target.content_key}"
    yield from (f"/i/{target.content_key}{extension}" for extension in BY_FILE_EXTENSION)


def _lines(done: list[Done], *, undo: bool) -> Iterator[str]:
    for one in done:
        yield f"{one.content_key}: {_undone(one) if undo else _purged(one)}"
        if one.still_taken_down:
            yield "  it was taken down before and stays so (410): promptcdn purge --undo makes it possible again"
        if one.irreplaceable:
            yield f"  {one.irreplaceable}: this picture cannot be made again as it was"
        yield from (f"  {path}" for path in one.deleted)
    if undo:
        return
    yield ""
    if any(one.dry_run for one in done):
        yield "Caches in front would have to be purged, too:"
    elif any(one.deleted or one.taken_down for one in done):
        yield "Running services on this store hear of it within 5 s. Caches in front do not: purge there"
    else:
        yield "Caches in front may still have it: purge there"
    yield from (f"  {url}" for one in done for url in one.purge_at_caches)
    yield "with whatever else is in their query (w, h, format, v, sig)."
    yield "GitHub's camo: copy the picture's camo.githubusercontent.com address, and run: curl -X PURGE ADDRESS"


def _undone(one: Done) -> str:
    if not one.put_back:
        return "it is not taken down, so there is nothing to undo"
    undone = "would no longer be taken down" if one.dry_run else "no longer taken down"
    if not one.gone:
        return undone
    return f"{undone}; its bytes were deleted, so the next view makes (and pays for) the same request again"


def _purged(one: Done) -> str:
    objects = f"{len(one.deleted)} object{'' if len(one.deleted) == 1 else 's'}"
    if one.taken_down:
        return f"would be taken down, and {objects} deleted" if one.dry_run else f"taken down, deleted {objects}"
    if not one.deleted:
        return "nothing of it is stored"
    return f"would delete {objects}" if one.dry_run else f"deleted {objects}"


def _content_key(target: str) -> str | None:
    """The content key that is meant by itself or by a permalink."""
    return target if re.fullmatch(r"[0-9a-f]{64}", target) else given.content_key(given.parts(target))
