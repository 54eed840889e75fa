"""`promptcdn warm`."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from promptcdn.cli.base import Base, base_url, settings_or_end
from promptcdn.cli.documents import opening, paying
from promptcdn.cli.documents.opening import AsJson, Paths, Told
from promptcdn.cli.documents.paying import Yes, counted_credits
from promptcdn.cli.documents.warming import Wanted, Way, lists, looks, pages, running
from promptcdn.cli.ending import FINDINGS, fail
from promptcdn.problems import BadSettings, Problem

if TYPE_CHECKING:
    from promptcdn.settings import Settings

# Whoever sets one of these runs the service, or one of its replicas.
_OPERATORS = frozenset(("generator", "store", "store_id", "data_dir", "disk_cache", "redis_url"))


Seed = Annotated[
    str | None, typer.Option(help="The seed for lines that are prompts; by default the first of the pool.")
]
Limit = Annotated[
    int | None, typer.Option(min=0, metavar="N", help="Make at most N new pictures; a later run makes the others.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be made and what that costs; make nothing.")]
StdinName = Annotated[
    str | None,
    typer.Option(help="What standard input would be called, if it is a document: its extension says what it is."),
]


def warm(
    paths: Paths = None,
    seed: Seed = None,
    limit: Limit = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    base: Base = None,
    as_json: AsJson = False,
    stdin_filename: StdinName = None,
) -> None:
    """Make pictures ahead of their readers: those of documents, or of a list with one prompt or URL in each line.

    A file with another extension than those of documents is a list. With --base, or where PROMPTCDN_PUBLIC_URL is set
    and nothing says how pictures are made or kept, the running service is asked for the pictures; else they are made
    with the settings and the store of this machine, and neither signatures nor client rates apply. What is stored costs
    nothing, so that a second run resumes the first. What is wrong is named by its place, and the others are made. It
    stops when the budget is spent, and on SIGTERM or Ctrl-C as soon as the pictures under way are stored.
    """
    told, listed = Told(), _are_lists(paths, stdin_filename)
    way = _way(base, settings_or_end(), dry_run=dry_run)
    typer.echo(way.name, err=True)
    groups, faults = (
        _in_lists(paths or [], seed, base) if listed else _in_documents(paths, stdin_filename, seed, base, told)
    )
    try:
        found = asyncio.run(looks.found(way, groups, faults, merging=not listed)).limited(limit)
        outcomes = found.outcomes
        if dry_run:
            _say(found, as_json=as_json)
        else:
            paying.say_and_ask(found.totals, yes=yes or listed)
            outcomes = (*outcomes, *asyncio.run(running.made(way, found.pictures)))
            _print(outcomes, as_json=as_json)
    except (BadSettings, Problem) as wrong:
        fail(str(wrong))
    if set(outcomes) - running.GOOD:
        raise typer.Exit(FINDINGS)
    told.end()


def _way(base: str | None, chosen: "Settings", *, dry_run: bool) -> Way:
    """Through the running service, where nothing says how this machine makes or keeps pictures: those that it made
    would be sketches in a folder that no reader sees."""
    if base is not None or (chosen.public_url and not _is_an_operators(chosen)):
        from promptcdn.cli.documents.warming.through import Through

        return Through(base_url(base))
    from promptcdn.cli.documents.warming.here import Here

    return Here(chosen, dry_run=dry_run)


def _is_an_operators(chosen: "Settings") -> bool:
    """Whether the settings say how pictures are made or kept. Keys that many machines have for other programs, like
    OPENAI_API_KEY, say that only with PROMPTCDN_GENERATOR."""
    from promptcdn.generators.registry import GENERATORS

    return bool(_OPERATORS & chosen.model_fields_set) or [each.name for each in chosen.generators] != [
        GENERATORS[-1].name
    ]


def _are_lists(paths: list[str] | None, stdin_name: str | None) -> bool:
    """Whether what was named are lists. Beside documents no file is one: `docs/*` names style sheets, too, and each of
    their lines would be a prompt."""
    names = paths or ["."]
    documents = [name for name in names if _is_of_documents(name, stdin_name)]
    if opening.STDIN in names and (documents or stdin_name is not None) and len(names) > 1:
        fail("- stands alone where it is a document, and where others are")
    return not documents


def _is_of_documents(name: str, stdin_name: str | None) -> bool:
    from promptcdn.documents.files import is_pattern
    from promptcdn.markdown import kind_of

    if name == opening.STDIN:
        return stdin_name is not None
    return Path(name).is_dir() or kind_of(name) is not None or is_pattern(name)


def _in_lists(names: Sequence[str], seed: str | None, base: str | None) -> tuple[list[tuple[Wanted, ...]], list[str]]:
    """What each line asks for; and for each that is wrong the code of its problem."""
    found: list[lists.Line] = []
    for name in names:
        try:
            text = sys.stdin.read() if name == opening.STDIN else Path(name).read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as wrong:
            fail(f"{name}: {getattr(wrong, 'strerror', None) or 'it is not UTF-8'}")
        found += lists.lines(text, name if len(names) > 1 else "", seed)
    return lists.wanted(found, opening.ours_of(base)[1])


def _in_documents(
    paths: list[str] | None, stdin_name: str | None, seed: str | None, base: str | None, told: Told
) -> tuple[list[tuple[Wanted, ...]], list[str]]:
    """The URLs of each picture; and for each that is wrong the code of its problem."""
    if seed is not None:
        fail("--seed is for prompts in lists: promptcdn pin writes seeds into documents")
    address, ours = opening.ours_of(base)
    if stdin_name is not None:
        files = [(stdin_name, opening.all_found_in_standard_input(stdin_name, ours, stdin_name, told)[1])]
    else:
        documents = opening.documents_of(paths, told)
        files = [(str(each.document), each.found) for each in opening.all_found(documents, ours, told)]
    if not any(found for _, found in files):
        opening.note_of_nothing(address)
    return pages.wanted(pages.placed(files))


def _say(found: looks.Found, *, as_json: bool) -> None:
    """What would be made, and what that costs."""
    totals = found.totals
    new = [picture for picture in found.pictures if picture.looked.is_new]
    if as_json:
        counts = {"pictures": totals.all, "stored": totals.stored, "new": totals.made, "credits": totals.credits}
        others = {"refused": totals.refused, "later": totals.later, "under_way": totals.under_way}
        makers = {
            name: {"pictures": each.pictures, "credits": each.millicredits / 1000} for name, each in totals.new.items()
        }
        urls = [{"place": each.wanted[0].place, "url": each.wanted[0].target} for each in new]
        typer.echo(json.dumps({**counts, **others, "makers": makers, "urls": urls}, indent=2))
        return
    for picture in new:
        cost = picture.looked.price.millicredits
        first = picture.wanted[0]
        price = "its price depends on a picture that is not made yet" if cost is None else counted_credits(cost / 1000)
        typer.echo(": ".join(part for part in (first.place, first.text or first.target, price) if part))
    typer.echo(str(totals))


def _print(outcomes: Sequence[str], *, as_json: bool) -> None:
    counted = Counter(outcomes)
    if as_json:
        typer.echo(json.dumps({"pictures": len(outcomes), **counted}))
        return
    said = ", ".join(f"{count} {outcome}" for outcome, count in counted.items())
    typer.echo(f"{opening.counted(len(outcomes), 'picture')}: {said or 'nothing to do'}")
