"""`promptcdn warm`."""

import asyncio
import contextlib
import json
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

_PATIENCE = 3600.0


@dataclass(frozen=True)
class Line:
    """One line of the list: where it stands, what it says, what it asks for."""

    number: int
    text: str
    request: "Request"


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

    What is stored already costs nothing, so that a second run resumes the first. It stops when the budget is spent, and
    on SIGTERM as soon as the pictures under way are stored. Neither signatures nor client rates apply.
    """
    from promptcdn import settings

    try:
        chosen = settings.load()
        lines = list(_lines(_text(pictures), seed))
        outcomes = asyncio.run(_made(lines, chosen))
    except BadSettings as wrong:
        fail(str(wrong))
    counted = Counter(outcomes.values())
    if as_json:
        typer.echo(json.dumps({"pictures": len(lines), **counted}))
    else:
        said = ", ".join(f"{count} {outcome}" for outcome, count in counted.items())
        typer.echo(f"{len(lines)} pictures: {said or 'nothing to do'}")
    if counted.keys() - {"made", "there"}:
        raise typer.Exit(FINDINGS)


def _text(pictures: Path) -> str:
    try:
        return sys.stdin.read() if str(pictures) == "-" else pictures.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as wrong:
        fail(f"{pictures}: {getattr(wrong, 'strerror', None) or 'it is not UTF-8'}")


def _lines(text: str, seed: str | None) -> Iterator[Line]:
    """Every line that is neither empty nor a comment. All of the list is read before anything is made."""
    from promptcdn import problems
    from promptcdn.url.parse import require_built

    for number, line in enumerate(text.splitlines(), 1):
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        try:
            request = given.request(given.parts(said if _is_url(said) else _url_of(said, seed)))
            require_built(request.asked, request.control)
        except problems.Problem as problem:
            fail(f"line {number}: {problem.detail}")
        yield Line(number, said, request)


def _is_url(said: str) -> bool:
    return said.startswith(("http://", "https://", "/"))


def _url_of(prompt: str, seed: str | None) -> str:
    return "/?" + urlencode({"prompt": prompt, **({} if seed is None else {"seed": seed})})


async def _made(lines: Sequence[Line], chosen: "Settings") -> dict[int, str]:
    """What became of each line, by its number: `made`, `there`, `left` once the budget was spent or a signal said to
    stop, or a code."""
    from rich.console import Console
    from rich.progress import Progress

    from promptcdn.wiring import opened

    service = opened(chosen.model_copy(update={"misses": "open", "client_rate": "unlimited"}))
    await service.start()
    outcomes: dict[int, str] = {}
    waiting, stopped = iter(lines), asyncio.Event()
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        # Left alone they would kill, and what is being made and paid for with it. Windows has no such handlers.
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("warming", total=len(lines))

        async def work() -> None:
            for line in waiting:
                over = stopped.is_set() or "left" in outcomes.values()
                outcomes[line.number] = "left" if over else await _one(line, service)
                progress.advance(bar)

        try:
            await asyncio.gather(*(work() for _ in range(chosen.concurrency)))
        finally:
            await service.close()
    return outcomes


async def _one(line: Line, service: "Service") -> str:
    from promptcdn import problems
    from promptcdn.readers.answers import Answer, Asker
    from promptcdn.readers.clients import Client

    asker = Asker(until=service.clock.monotonic() + _PATIENCE, client=Client(None))
    # A view of a pool would begin the next picture of it, each time the list is made.
    request = line.request if line.request.asked.seed is not None else service.cdn.pool(line.request)[0]
    try:
        answer = await service.cdn.answer(request, asker)
    except problems.Problem as problem:
        spent = problem.kind is problems.BUDGET_SPENT
        typer.echo(f"line {line.number}: {problem.detail}: {line.text[:80]}", err=True)
        return "left" if spent else problem.kind.code
    return "there" if isinstance(answer, Answer) and answer.status.hit else "made"
