"""`promptcdn store stats | verify | copy | adopt`."""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from promptcdn.cli.ending import FINDINGS, fail
from promptcdn.problems import BadSettings

if TYPE_CHECKING:
    from promptcdn.stores import InspectedStore, Name, Record

app = typer.Typer(no_args_is_help=True, help="Look into the store, check it, copy it.")

_AT_ONCE = 8
# Every other outcome is a finding.
_WELL = {"good", "copied", "there already"}
_Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
_Where = Annotated[str | None, typer.Option("--store", help="disk:PATH or s3://bucket/prefix, else the settings'.")]


@app.command()
def stats(store: _Where = None, as_json: _Json = False) -> None:
    """Count what is stored."""
    with _opened(store) as kept, _named_faults():
        held = counted(kept)
    if as_json:
        typer.echo(json.dumps(held))
        return
    for folder, sums in held.items():
        typer.echo(f"{folder:16} {sums['objects']:9} objects {sums['bytes'] / 1e6:12.1f} MB")


@app.command()
def verify(store: _Where = None, as_json: _Json = False) -> None:
    """Read every object and check it. What is corrupt is set aside, and made anew when it is asked for."""
    with _opened(store) as kept, _named_faults():
        outcomes = _over(kept, "verifying", lambda name: _checked(kept, name))
    _report(outcomes, as_json=as_json)


@app.command()
def copy(
    source: Annotated[str, typer.Option("--from", help="disk:PATH or s3://bucket/prefix")],
    to: Annotated[str, typer.Option(help="disk:PATH or s3://bucket/prefix")],
    as_json: _Json = False,
) -> None:
    """Copy every object and check the copy. Started again, it goes on where it was; nothing is overwritten."""
    with _opened(source) as kept, _opened(to) as other, _named_faults():
        outcomes = _over(kept, "copying", lambda name: _copied(kept, other, name))
    _report(outcomes, as_json=as_json)


@app.command()
def adopt() -> None:
    """Say that the store of the settings is the right one, after it was moved or restored. Its id is remembered.

    Pictures that are not in it are made and paid for again.
    """
    from promptcdn import settings
    from promptcdn.wiring import opened

    async def adopted(chosen: settings.Settings) -> str:
        service = opened(chosen)
        try:
            return await service.verified.adopt()
        finally:
            await service.close()

    try:
        chosen = settings.load()
        with _named_faults():
            store_id = asyncio.run(adopted(chosen))
    except BadSettings as wrong:
        fail(str(wrong))
    if chosen.store_id not in ("", store_id):
        fail(f'PROMPTCDN_STORE_ID="{chosen.store_id}" names another store: set it to {store_id}, or unset it')
    typer.echo(f"{chosen.store_url} is the store from now on: its id {store_id} is remembered.")
    typer.echo("A running service goes on in a second; pictures that are not in this store are made again.")


def counted(kept: "InspectedStore") -> dict[str, dict[str, int]]:
    """How many `objects` each folder has, and how many `bytes` they take. Raises `StoreUnavailable`."""
    objects: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for name, size in kept.listed():
        objects[name.folder] += 1
        sizes[name.folder] += size
    return {folder: {"objects": objects[folder], "bytes": sizes[folder]} for folder in sorted(objects)}


async def _checked(kept: "InspectedStore", name: "Name") -> str:
    from promptcdn.url import keys
    from promptcdn.url.request import Resolved

    record = await kept.get(name)
    if record is None:
        return "corrupt"
    if name.folder == "renditions":
        return await _of_its_master(kept, record, name)
    if name.folder != "masters":
        return "good"
    named = keys.content_key(Resolved.from_parameters(record.resolved)) == name.leaf
    return "good" if named else "misnamed"


async def _of_its_master(kept: "InspectedStore", rendition: "Record", name: "Name") -> str:
    from promptcdn.stores import Name

    master = await kept.look(Name("masters", name.leaf.partition(".")[0]))
    return "good" if master is None or rendition.header.is_made_of(master) else "of another master"


async def _copied(kept: "InspectedStore", other: "InspectedStore", name: "Name") -> str:
    record, there = await kept.get(name), await other.get(name)
    if record is None:
        return "corrupt"
    if there is None:
        await other.put(name, record)
        there = await other.get(name)
        if there is not None and there.sha256 == record.sha256:
            return "copied"
        return "not copied"
    return "there already" if there.sha256 == record.sha256 else "conflict"


def _over(kept: "InspectedStore", what: str, work: "Callable[[Name], Awaitable[str]]") -> Counter[str]:
    """What `work` says of each object, counted; names what is not well on standard error."""
    from rich.console import Console
    from rich.progress import track

    names = [name for name, _ in kept.listed()]
    console = Console(stderr=True)
    outcomes: Counter[str] = Counter()

    async def walk() -> None:
        for some in track(list(_batches(names)), what, console=console, disable=not console.is_terminal):
            for name, outcome in zip(some, await asyncio.gather(*map(work, some)), strict=True):
                outcomes[outcome] += 1
                if outcome not in _WELL:
                    typer.echo(f"{outcome}: {name.path}", err=True)

    asyncio.run(walk())
    return outcomes


def _batches(names: "list[Name]") -> "Iterator[list[Name]]":
    for start in range(0, len(names), _AT_ONCE):
        yield names[start : start + _AT_ONCE]


def _report(outcomes: Counter[str], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(outcomes))
    else:
        typer.echo(
            ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())) or "nothing is stored"
        )
    if not outcomes.keys() <= _WELL:
        raise typer.Exit(FINDINGS)


@contextmanager
def _opened(url: str | None) -> "Iterator[InspectedStore]":
    """The store that was named, or the settings'; closed behind."""
    from promptcdn import settings
    from promptcdn.wiring import opened_store

    try:
        if url:
            store = opened_store(url, "--store")
        else:
            chosen = settings.load()
            store = opened_store(chosen.store_url, chosen.store_setting)
    except (BadSettings, ValueError) as wrong:
        fail(str(wrong))
    try:
        yield store
    finally:
        asyncio.run(store.close())


@contextmanager
def _named_faults() -> "Iterator[None]":
    from promptcdn.problems import StoreUnavailable

    try:
        yield
    except StoreUnavailable as unknown:
        fail(f"the store: {unknown}")
