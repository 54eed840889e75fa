"""`promptcdn warm`."""

import asyncio
import contextlib
import json
import logging
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

import typer

from promptcdn.cli import given
from promptcdn.cli.ending import FINDINGS, fail
from promptcdn.problems import BadSettings

if TYPE_CHECKING:
    from promptcdn.settings import Settings
    from promptcdn.url.request import Request
    from promptcdn.wiring import Service

log = logging.getLogger("promptcdn")

_PATIENCE = 3600.0
_GOOD = {"made", "there"}


@dataclass(frozen=True)
class Line:
    """One line of the list: where it stands, what it says, and the URL that it stands for."""

    number: int
    text: str
    url: str

    def tell(self, what: str) -> None:
        """Says on standard error what became of it."""
        typer.echo(f"line {self.number}: {what}: {self.text[:80]}", err=True)


def warm(
    pictures: Annotated[
        Path, typer.Argument(metavar="LIST", help="A file with one prompt or URL in each line; - for standard input.")
    ],
    seed: Annotated[
        str | None, typer.Option(help="The seed for lines that are prompts; by default the first of the pool.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print how many pictures came out how, as JSON.")] = False,
) -> None:
    """Make a list of pictures ahead of time, with the settings and the store of the service.

    What is stored already costs nothing, so that a second run resumes the first. A line that is wrong or fails is named
    by its number, and the others are made. It stops when the budget is spent, and on SIGTERM or Ctrl-C as soon as the
    pictures under way are stored. Neither signatures nor client rates apply.
    """
    from promptcdn import settings

    try:
        chosen = settings.load()
        lines = list(_lines(_text(pictures), seed))
        asked, wrong = _asked(lines)
        counted = Counter([*wrong, *asyncio.run(_made(asked, chosen))])
    except BadSettings as bad:
        fail(str(bad))
    if as_json:
        typer.echo(json.dumps({"pictures": len(lines), **counted}))
    else:
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counted.items())
        typer.echo(f"{len(lines)} pictures: {outcomes or 'nothing to do'}")
    if counted.keys() - _GOOD:
        raise typer.Exit(FINDINGS)


def _text(pictures: Path) -> str:
    try:
        return sys.stdin.read() if str(pictures) == "-" else pictures.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as wrong:
        fail(f"{pictures}: {getattr(wrong, 'strerror', None) or 'it is not UTF-8'}")


def _lines(text: str, seed: str | None) -> Iterator[Line]:
    """Every line that is neither empty nor a comment."""
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.strip()
        if entry and not entry.startswith("#"):
            yield Line(number, entry, entry if _is_url(entry) else _url_of(entry, seed))


def _is_url(entry: str) -> bool:
    return entry.startswith(("http://", "https://", "/"))


def _url_of(prompt: str, seed: str | None) -> str:
    return "/?" + urlencode({"prompt": prompt, **({} if seed is None else {"seed": seed})})


def _asked(lines: Sequence[Line]) -> "tuple[list[tuple[Line, Request]], list[str]]":
    """What each line asks for; and for each that is wrong, which is printed at once, the code of its problem."""
    from promptcdn.problems import Problem

    asked, wrong = [], []
    for line in lines:
        try:
            asked.append((line, _request(given.parts(line.url))))
        except Problem as problem:
            line.tell(problem.detail)
            wrong.append(problem.kind.code)
    return asked, wrong


def _request(url: given.Given) -> "Request":
    from promptcdn import problems
    from promptcdn.url.parse import require_built

    if given.content_key(url) is not None:
        detail = "a permalink makes no picture: list the URL that it was made by"
        raise problems.Problem(problems.BAD_REQUEST, detail)
    request = given.request(url)
    require_built(request.asked, request.control)
    return request


async def _made(asked: "Sequence[tuple[Line, Request]]", chosen: "Settings") -> list[str]:
    """What became of each line that is right.

    `made`, `there` (it was stored before), `unstored` (made, and the store does not take it), `left` once the budget
    was spent or a signal stopped the command, or the code of a problem.
    """
    from rich.console import Console
    from rich.progress import Progress

    from promptcdn.wiring import opened

    service = opened(chosen.model_copy(update={"misses": "open", "client_rate": "unlimited"}))
    await service.start()
    outcomes: list[str] = []
    waiting, stopped = iter(asked), _stopped_by_signals()
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("warming", total=len(asked))

        async def work() -> None:
            for line, request in waiting:
                over = stopped.is_set() or "left" in outcomes
                outcomes.append("left" if over else await _outcome(line, request, service))
                progress.advance(bar)

        try:
            await asyncio.gather(*(work() for _ in range(chosen.concurrency)))
        finally:
            await service.close()
    return outcomes


def _stopped_by_signals() -> asyncio.Event:
    """Is set by the first signal to stop. Left alone it would kill, and what is being paid for with it.

    A second Ctrl-C kills. Windows has no such handlers.
    """
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()

    def stop() -> None:
        stopped.set()
        loop.remove_signal_handler(signal.SIGINT)

    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop)
    return stopped


async def _outcome(line: Line, request: "Request", service: "Service") -> str:
    """What became of a line. Nothing is raised: whatever is wrong with one line, the others go on."""
    from promptcdn import problems

    try:
        outcome = await _warmed(request, service)
    except problems.Problem as problem:
        line.tell(problem.detail)
        return "left" if problem.kind is problems.BUDGET_SPENT else problem.kind.code
    except Exception:  # what breaks at one line must not hold up the others
        log.exception("line %d: this is an error in promptcdn: %s", line.number, line.text[:80])
        return problems.INTERNAL.code
    if outcome == "unstored":
        line.tell("the picture was made, and the store does not take it: it waits in the spool")
    return outcome


async def _warmed(request: "Request", service: "Service") -> str:
    """`made`, `there` or `unstored`. Raises `Problem`.

    A view of a pool would begin the next picture of it each time the list is made, and at the change of a period a
    calendar URL may show the last one's picture: so the seeded request is made that either begins with.
    """
    from promptcdn.readers import negotiation
    from promptcdn.readers.answers import Answer, Asker
    from promptcdn.readers.clients import Client

    asker = Asker(until=service.clock.monotonic() + _PATIENCE, client=Client(None))
    seeded, outcome = service.cdn.first(request), "there"
    for delivery in negotiation.possible(request.delivery):
        answer = await service.cdn.answer(replace(seeded, delivery=delivery), asker)
        assert isinstance(answer, Answer), "without a condition, and where pictures are made, there is a picture"
        if not answer.status.stored:
            return "unstored"
        if answer.status.hit is None:
            outcome = "made"
    return outcome
