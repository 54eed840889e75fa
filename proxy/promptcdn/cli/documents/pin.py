"""`promptcdn pin`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from promptcdn.cli.base import Base, settings_or_end
from promptcdn.cli.documents import changing, opening
from promptcdn.cli.documents.changing import Change
from promptcdn.cli.documents.opening import AsJson, DryRun, Paths, StdinName, Told
from promptcdn.cli.ending import fail
from promptcdn.url.seeds import SEED_MAX

if TYPE_CHECKING:
    from promptcdn.markdown import Found, Ours
    from promptcdn.markdown.pin import Seed


class _Pinned(NamedTuple):
    """One URL with another in its place."""

    file: str
    line: int
    column: int
    url: str
    new_url: str
    is_stored: bool | None


def pin(
    paths: Paths = None,
    seed: Annotated[
        str | None, typer.Option(help="The seed for all; by default each gets one that readers see.")
    ] = None,
    unpin: Annotated[bool, typer.Option("--unpin", help="Take the seeds out instead: numbers and words.")] = False,
    dry_run: DryRun = False,
    base: Base = None,
    as_json: AsJson = False,
    stdin_name: StdinName = "stdin.md",
) -> None:
    """Write a seed into each URL without one, so that it shows the same picture for ever.

    The service is asked which pictures of the URL its readers are shown now, and the URL gets the seed of the first of
    them. Where none is made yet, it gets the seed that would be drawn first. Nothing is made and nothing is paid for.
    A seed that changes with the calendar (day, week …) stays. No other byte of a file changes.
    """
    if seed is not None and (unpin or re.fullmatch("[0-9]{1,10}", seed) is None or int(seed) > SEED_MAX):
        fail("--seed and --unpin exclude each other" if unpin else f'--seed="{seed}": allowed: 0 to {SEED_MAX}')
    address, ours = opening.ours_of(base)
    told = Told()
    work = _Work(address, ours, None if seed is None else int(seed), unpin, told)
    if paths == [opening.STDIN]:
        _standard_input(work, stdin_name, told, dry_run=dry_run, as_json=as_json)
        return
    parsed = opening.all_found(opening.documents_of(paths, told), ours, told)
    if not any(each.found for each in parsed):
        opening.note_of_nothing(address)
    seeds = work.seeds(one for each in parsed for one in each.found)
    changes: list[Change] = []
    pinned: dict[Path, list[_Pinned]] = {}
    for each in parsed:
        path = each.document.path
        text, pinned[path] = work.rewritten(each.text, each.found, seeds, str(path))
        changes.append(Change(path, each.content, text.encode()))
    made = changing.made(changes, told, dry_run=dry_run)
    done = [one for path in pinned for one in pinned[path] if path in made.paths]
    _print(done, made, as_json=as_json, dry_run=dry_run, unpin=unpin)
    told.end()


def _standard_input(work: "_Work", name: str, told: Told, *, dry_run: bool, as_json: bool) -> None:
    """Standard input, rewritten, to standard output; for a dry run what would change."""
    if as_json:
        fail("--json: leave it out with standard input, whose text is what comes out")
    text, found = opening.all_found_in_standard_input(name, work.ours, "standard input", told)
    after, _ = work.rewritten(text, found, work.seeds(found), "standard input")
    change = Change(Path(name), text.encode(), after.encode())
    typer.echo(changing.diff(change) if dry_run else change.after, nl=False)
    told.end()


class _Work:
    """What becomes of each URL."""

    def __init__(self, address: str, ours: "Ours", seed: int | None, unpin: bool, told: Told) -> None:
        self.ours = ours
        self._address, self._seed, self._unpin, self._told = address, seed, unpin, told
        self._keys = settings_or_end().signing_keys

    def seeds(self, found: "Iterable[Found]") -> "Mapping[str, Seed]":
        """The seed for each seedless URL, by what the service is asked for. Says which have none, and why."""
        from promptcdn.markdown.pin import Seed, chosen_seed, is_seedless
        from promptcdn.markdown.vendor import locked_target

        if self._unpin:
            return {}
        targets = sorted({locked_target(one) for one in found if is_seedless(one.target)})
        if self._seed is not None or not targets:
            return dict.fromkeys(targets, Seed(self._seed or 0))
        with opening.client_of(self._address) as client:
            answers = opening.asked(client, targets, client.info, "asking for seeds", self._told)
        drawn = {target: chosen_seed(members) for target, members in answers.items()}
        for target, seed in drawn.items():
            if seed is None:
                self._told(
                    f"{self._address}{target}: none of its pictures may be shown: all were refused or taken down"
                )
        return {target: seed for target, seed in drawn.items() if seed is not None}

    def rewritten(
        self, text: str, found: "Sequence[Found]", seeds: "Mapping[str, Seed]", file: str
    ) -> tuple[str, list[_Pinned]]:
        """The text with other URLs in it, and which these are."""
        from promptcdn.documents.files import shown
        from promptcdn.markdown import rewritten
        from promptcdn.markdown.vendor import locked_target

        done: list[_Pinned] = []
        urls: dict[Found, str] = {}
        for one in found:
            drawn = seeds.get(locked_target(one))
            try:
                target = self._new(one.target, drawn)
            except ValueError as wrong:
                self._told(f"{shown(file)}:{one.line}:{one.column}: {wrong}")
                continue
            if target is not None:
                urls[one] = f"{one.base}{target}"
                done.append(_Pinned(file, one.line, one.column, one.url, urls[one], drawn and drawn.is_stored))
        return rewritten(text, urls), done

    def _new(self, target: str, drawn: "Seed | None") -> str | None:
        """What a URL asks for from now on; `None` where it stays. Raises `ValueError` where it cannot be changed."""
        from promptcdn.markdown.pin import has_number, pinned, unpinned

        if self._unpin:
            return unpinned(target, self._keys) if has_number(target) else None
        return None if drawn is None else pinned(target, drawn.number, self._keys)


def _print(pinned: Sequence[_Pinned], made: changing.Made, *, as_json: bool, dry_run: bool, unpin: bool) -> None:
    count = len(made.paths)
    made.print({"urls": [each._asdict() for each in pinned], "files": count}, as_json=as_json)
    if as_json:
        return
    absent = sum(each.is_stored is False for each in pinned)
    done = "taken out of" if unpin else "written into"
    verb = "would be" if dry_run else "were"
    where = f"{opening.counted(len(pinned), 'URL')} in {opening.counted(count, 'file')}"
    typer.echo(f"seeds {verb} {done} {where}", err=dry_run)
    if absent:
        pictures = f"{absent} of these pictures {'is' if absent == 1 else 'are'}"
        typer.echo(f"{pictures} not made yet: promptcdn warm makes them ahead of their readers", err=True)
