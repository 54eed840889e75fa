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
    from promptcdn.settings import Settings
    from promptcdn.stores import IdentifiableStore, InspectedStore, Name, Record
    from promptcdn.stores.store_ids import Adopted

app = typer.Typer(no_args_is_help=True, help="Count, check and copy what is stored; say which store is the right one.")

_AT_ONCE = 8
# Every other outcome is a finding.
_WELL = {"good", "copied", "there already"}
_Json = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")]
_Where = Annotated[
    str | None, typer.Option("--store", help="disk:PATH or s3://bucket/prefix; by default the store of the settings.")
]


@app.command()
def stats(store: _Where = None, as_json: _Json = False) -> None:
    """Count the stored objects and their bytes, folder by folder."""
    with _opened(store) as kept, _named_faults():
        held = counted(kept)
    if as_json:
        typer.echo(json.dumps(held))
        return
    for folder, sums in held.items():
        typer.echo(f"{folder:16} {sums['objects']:9} objects {sums['bytes'] / 1e6:12.1f} MB")
    if not held:
        typer.echo("nothing is stored")


@app.command()
def verify(store: _Where = None, as_json: _Json = False) -> None:
    """Read and check every object. A corrupt one is moved to corrupt/, and made anew when somebody asks for it."""
    with _opened(store) as kept, _named_faults():
        outcomes = _over(kept, "verifying", lambda name: _checked(kept, name))
    _report(outcomes, as_json=as_json)


@app.command()
def copy(
    source: Annotated[str, typer.Option("--from", help="The store to read: disk:PATH or s3://bucket/prefix.")],
    to: Annotated[str, typer.Option(help="The store to write, made if need be: disk:PATH or s3://bucket/prefix.")],
    as_json: _Json = False,
) -> None:
    """Copy every object to another store and check each copy. Overwrites nothing; started again, it resumes."""
    with _opened(source, "--from") as kept, _opened(to, "--to", make=True) as other, _named_faults():
        outcomes = _over(kept, "copying", lambda name: _copied(kept, other, name))
    _report(outcomes, as_json=as_json)


@app.command()
def adopt(
    new: Annotated[bool, typer.Option("--new", help="Adopt a store that has no pictures, or make it.")] = False,
) -> None:
    """Say that the store of the settings is the right one, after it was moved, restored or begun anew.

    Its id is remembered in the data folder and in Redis. Pictures that are not in it are made and paid for again.
    """
    from promptcdn import settings
    from promptcdn.stores.store_ids import NotAdopted

    try:
        chosen = settings.load()
        with _named_faults():
            adopted = asyncio.run(_adopted(chosen, new=new))
    except BadSettings as wrong:
        fail(str(wrong))
    except NotAdopted as refused:
        fail(f"{chosen.store_url} was not adopted, nothing was changed: {refused}")
    if adopted.id == adopted.before:
        typer.echo(f"nothing changes: {chosen.store_url} is the store already, its id is {adopted.id}")
        return
    before = f"; it replaces {adopted.before}" if adopted.before else ""
    typer.echo(f"{chosen.store_url} is the store from now on: its id {adopted.id} is remembered{before}")
    if adopted.empty:
        typer.echo("It is new and has 0 pictures: all pictures are made and paid for again.")
    else:
        typer.echo("Pictures that are not in it are made and paid for again.")
    typer.echo("Running services use it within a second. Restart those that have pictures of the old store in memory.")


async def _adopted(chosen: "Settings", *, new: bool) -> "Adopted":
    from promptcdn.stores.store_ids import StoreIds, adopt
    from promptcdn.wiring import redis_connection
    from promptcdn.wiring.stores import opened_store

    connection = redis_connection(chosen)
    ids = StoreIds(chosen.store_id, chosen.data_dir, connection)
    store = opened_store(chosen.store_url, chosen.store_setting, chosen.s3_addressing_style, prepare=False)
    try:
        return await adopt(store, ids, new=new)
    finally:
        await store.close()
        ids.close()
        if connection is not None:
            await connection.close()


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
def _opened(url: str | None, option: str = "--store", *, make: bool = False) -> "Iterator[InspectedStore]":
    """The store that was named, or the settings'; closed behind. Only what may be made is made where it is missing."""
    from promptcdn import settings
    from promptcdn.wiring.stores import opened_store

    try:
        if url is None:
            chosen = settings.load()
            url, option = chosen.store_url, chosen.store_setting
        store = opened_store(url, option, settings.s3_addressing_style(), prepare=make)
    except (BadSettings, ValueError) as wrong:
        fail(str(wrong))
    try:
        if not make:
            _require_store(store, option)
        yield store
    finally:
        asyncio.run(store.close())


def _require_store(store: "IdentifiableStore", option: str) -> None:
    from promptcdn.problems import StoreUnavailable
    from promptcdn.stores import StoreMissing

    try:
        store.identity()
    except StoreMissing as missing:
        fail(f"{option}: {missing}")
    except StoreUnavailable:  # the command itself says what is wrong
        pass


@contextmanager
def _named_faults() -> "Iterator[None]":
    from promptcdn.problems import StoreUnavailable

    try:
        yield
    except StoreUnavailable as unavailable:
        fail(f"the store: {unavailable}")
