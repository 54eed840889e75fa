"""Asks for many pictures at once, until the budget is spent, the service is gone or a signal comes."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

import typer

from promptcdn import problems
from promptcdn.cli.documents import opening
from promptcdn.cli.documents.warming import Make, Picture, Refused, Wanted, Way

log = logging.getLogger("promptcdn")

_T = TypeVar("_T")

GOOD = frozenset(("made", "there", "later"))
# What would be the answer for every other picture, too.
_ENDING = frozenset((problems.BUDGET_SPENT.code, "unreachable"))


class Run:
    """Pictures that are asked for one by one, or many at once, until something ends them all."""

    def __init__(self) -> None:
        self.stopped = asyncio.Event()
        self._over = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be asked for."""
        return self._over or self.stopped.is_set()

    async def answer(self, wanted: Wanted, ask: Awaitable[_T]) -> _T | str:
        """What comes of asking, or what is wrong: a code, which is told with its reason. `left` where that is wrong
        with all of them. Nothing is raised: whatever is wrong with one picture, the others go on.
        """
        try:
            return await ask
        except Refused as refused:
            was_over, self._over = self._over, self._over or refused.code in _ENDING
            if was_over and refused.code in _ENDING:  # it is said once
                return "left"
            wanted.tell(refused.reason)
            is_left = refused.code == problems.BUDGET_SPENT.code or self.stopped.is_set()
            return "left" if is_left else refused.code
        except Exception:  # what breaks at one picture must not hold up the others
            log.exception("%s: this is an error in promptcdn: %s", wanted.place, wanted.target[:80])
            return problems.INTERNAL.code


async def each(items: Iterable[_T], do: Callable[[_T], Awaitable[None]], at_once: int) -> None:
    """Does something with each item, with so many at once, begun in their order."""
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await do(item)

    await asyncio.gather(*(work() for _ in range(at_once)))


async def made(way: Way, pictures: Sequence[Picture]) -> list[str]:
    """What became of each picture.

    `made`, `there` (it was stored before), `unstored` (made, and the store does not take it), `left` once the budget
    was spent or a signal stopped the command, or the code of a problem.
    """
    if not pictures:
        return []
    run, done = Run(), list[str]()
    async with way.making() as make:
        _stop_by_signals(run, way)
        for title, some, at_once in _rounds(pictures, way.at_once):
            with opening.progress(title, len(some)) as advance:
                done += await outcomes(some, make, at_once, run, advance)
    return done


def _rounds(pictures: Sequence[Picture], at_once: int) -> list[tuple[str, list[Picture], int]]:
    """The pictures in the order in which they are asked for, with how many are asked for at once.

    What is stored takes no time, so it comes first: a bar that has both would not tell how long the rest takes.
    Pictures from pictures come last and one by one: each may need the one before it.
    """
    there = [each for each in pictures if each.looked.state not in ("absent", "generating")]
    new = [each for each in pictures if each.looked.state in ("absent", "generating")]
    rounds = [
        ("stored pictures", there, at_once),
        ("new pictures", [each for each in new if not each.has_sources], at_once),
        ("pictures from pictures", [each for each in new if each.has_sources], 1),
    ]
    return [each for each in rounds if each[1]]


async def outcomes(
    pictures: Sequence[Picture], make: Make, at_once: int, run: Run, advance: Callable[[], None]
) -> list[str]:
    """What `make` says of each picture, so many at once. Once `run` is over, they are all `left`."""
    done: list[str] = []

    async def one(picture: Picture) -> None:
        said = [await _one(wanted, picture, make, run) for wanted in picture.wanted]
        bad = [outcome for outcome in said if outcome not in GOOD]
        done.append(bad[0] if bad else "made" if "made" in said else "there")
        if not run.is_over:
            advance()

    await each(pictures, one, at_once)
    return done


async def _one(wanted: Wanted, picture: Picture, make: Make, run: Run) -> str:
    if run.is_over:
        return "left"
    outcome = await run.answer(wanted, make(wanted, picture.looked))
    if outcome == "unstored":
        wanted.tell("the picture was made, and the store does not take it: it waits in the spool")
    return outcome


def _stop_by_signals(run: Run, way: Way) -> None:
    """Has the first signal to stop end the run. Left alone it would kill, and what is being paid for with it.

    A second Ctrl-C kills. Windows has no such handlers.
    """
    loop = asyncio.get_running_loop()

    def stop() -> None:
        run.stopped.set()
        loop.remove_signal_handler(signal.SIGINT)
        way.stop()
        typer.echo("stopping once the pictures under way are done", err=True)

    for number in (signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop)
