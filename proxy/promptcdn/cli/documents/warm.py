"""`promptcdn warm`."""

import asyncio
import contextlib
import json
import logging
import re
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

import typer

from promptcdn.cli.ending import FINDINGS, fail
from promptcdn.problems import BadSettings
from promptcdn.url.dialects import given

if TYPE_CHECKING:
    from promptcdn.settings import Settings
    from promptcdn.url.request import Request
    from promptcdn.wiring import Service

log = logging.getLogger("promptcdn")

_PATIENCE = 3600.0
_GOOD = {"made", "there"}

_URL = re.compile(r"https?://|/", re.IGNORECASE)
# What is in no prompt of a person, but in URLs of ours that something stands around, or that have lost their `http://`.
_ALMOST = re.compile(r"[?&](?:amp;)*prompt=|https?://|\A\W*www\.|/prompt/|/i/[0-9a-f]{64}", re.IGNORECASE)
_PROMPT = "prompt:"


@dataclass(frozen=True)
class Line:
    """One line of the list: where it stands, what it says, and the URL that it stands for.

    `None` for a line that looks like a URL and is none: whoever wrote it meant no prompt.
    """

    number: int
    text: str
    url: str | None

    def tell(self, what: str) -> None:
        """Says on standard error what became of it."""
        typer.echo(f"line {self.number}: {self.text[:80]}: {what}", err=True)

    def warn(self, note: str) -> None:
        """Says on standard error what may be a mistake in it."""
        typer.echo(f"note: line {self.number}: {note}", err=True)


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
            yield Line(number, entry, _url(entry, seed))


def _url(entry: str, seed: str | None) -> str | None:
    if entry.startswith(_PROMPT):
        return _url_of(entry.removeprefix(_PROMPT), seed)
    if _URL.match(entry):
        return entry
    return None if _ALMOST.search(entry) else _url_of(entry, seed)


def _url_of(prompt: str, seed: str | None) -> str:
    return "/?" + urlencode({"prompt": prompt, **({} if seed is None else {"seed": seed})})


def _asked(lines: Sequence[Line]) -> "tuple[list[tuple[Line, Request]], list[str]]":
    """What each line asks for; and for each that is wrong, which is printed at once, the code of its problem.

    What may be a mistake is printed too, before anything is paid for.
    """
    from promptcdn.problems import Problem
    from promptcdn.url.dialects import mistakes

    asked, wrong = [], []
    for line in lines:
        try:
            request = _request(line)
        except Problem as problem:
            line.tell(given.told(problem))
            wrong.append(problem.kind.code)
        else:
            asked.append((line, request))
            for warning in mistakes.warnings(request):
                line.warn(warning)
    return asked, wrong


def _request(line: Line) -> "Request":
    from promptcdn import problems
    from promptcdn.url.resolving import require_consistent

    if line.url is None:
        looks = "this looks like a URL with something around it, or without its http://"
        detail = f'{looks}: write the URL alone, or put "prompt: " in front of a prompt'
        raise problems.Problem(problems.BAD_REQUEST, detail)
    url = given.parts(line.url)
    if given.content_key(url) is not None:
        detail = "a permalink makes no picture: list the URL that it was made by"
        raise problems.Problem(problems.BAD_REQUEST, detail)
    request = given.request(url)
    require_consistent(request.asked)
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
    console = Console(stderr=True)
    try:
        await service.start()
        stopped = _stopped_by_signals()
        with Progress(console=console, disable=not console.is_terminal) as progress:
            bar = progress.add_task("warming", total=len(asked))

            async def make(line: Line, request: "Request") -> str:
                return await _outcome(line, request, service)

            outcomes: list[str] = []
            for lines, at_once in _rounds(asked, _at_once(chosen)):
                outcomes += await _outcomes(lines, make, at_once, stopped, lambda: progress.advance(bar))
            return outcomes
    finally:
        await service.close()


def _rounds(
    asked: "Sequence[tuple[Line, Request]]", at_once: int
) -> "Iterator[tuple[list[tuple[Line, Request]], int]]":
    """The lines in the order in which they are made, with how many are made at once.

    Pictures from pictures come last and one by one: each may need the one before it.
    """
    yield [each for each in asked if not each[1].asked.sources], at_once
    yield [each for each in asked if each[1].asked.sources], 1


def _at_once(chosen: "Settings") -> int:
    """How many pictures are asked for at once: as many as are made, and no more than one generator would queue."""
    each = [chosen.at_once(generator) for generator in chosen.generators]
    return min(sum(each), min(each) + chosen.queue)


async def _outcomes(
    asked: "Iterable[tuple[Line, Request]]",
    make: "Callable[[Line, Request], Awaitable[str]]",
    at_once: int,
    stopped: asyncio.Event,
    advance: Callable[[], None],
) -> list[str]:
    """What `make` says of each line, `at_once` lines at a time. Once a line is `left`, or `stopped` is set, all are."""
    outcomes: list[str] = []
    waiting, over = iter(asked), False

    async def work() -> None:
        nonlocal over
        for line, request in waiting:
            outcome = "left" if over or stopped.is_set() else await make(line, request)
            over = over or outcome == "left"
            outcomes.append(outcome)
            advance()

    await asyncio.gather(*(work() for _ in range(at_once)))
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
