"""What the parts of the service report while they work. `telemetry` listens; without it a report does nothing."""

import contextvars
import functools
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar

from promptcdn.money.costs import Cost
from promptcdn.readers.audience import Audience
from promptcdn.readers.connections import Reason

# Where an answer's picture came from; `none` is an answer without the picture that was asked for.
Source = Literal["memory", "store", "made", "none"]
# `look` reads an object's header alone.
Operation = Literal["get", "look", "put", "delete", "list"]
# `unknown`: the store did not answer, or not in time.
Result = Literal["there", "absent", "unknown"]
# What a request passes, about in this order; each may come more than once. Traces have a span for each.
Step = Literal[
    "request",
    "parse",
    "binding",
    "tombstone",
    "memory",
    "store",
    "authorisation",
    "flight",
    "restore",
    "cooldown",
    "budget",
    "generator",
    "validation",
    "rendition",
    "headers",
]

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Observer(Protocol):
    """Each call is one fact, reported when it is known. No call raises or waits, and none is given a prompt.

    All texts come from closed sets: they are labels of metrics, and names of spans.
    """

    def step(self, name: Step) -> AbstractContextManager[object]:
        """One step of a request, which lasts for as long as the block that is entered. Steps lie in each other."""

    def task_context(self) -> contextvars.Context:
        """The context for a task of its own: empty, but for the step that goes on now.

        What the task reports then lies in that step, and nothing else of the request that began the task goes along.
        """

    def answered(self, outcome: str, audience: Audience, status: int, source: Source, seconds: float) -> None:
        """An answer began `seconds` after its request. `outcome`: of `cache_policies.Outcome`, or a problem's code."""

    def refused(self, code: str) -> None:
        """Somebody was answered with this problem, as a document or as a picture."""

    def paid(self, cost: Cost) -> None:
        """A call ended that costs this, or may cost it."""

    def generated(self, generator: str, result: str, seconds: float) -> None:
        """A generator answered: with a `picture`, that it is `filtered`, or with a code of `problems`."""

    def stored(self, operation: Operation, result: Result, seconds: float) -> None:
        """The store answered, or did not."""

    def encoded(self, media_type: str) -> None:
        """A rendition was made of a master."""

    def closed(self, reason: Reason) -> None:
        """A connection was closed that its client had not done with."""


class NoObserver:
    """Nobody listens."""

    def step(self, name: Step) -> AbstractContextManager[object]:
        del name
        return NO_STEP

    def task_context(self) -> contextvars.Context:
        return contextvars.Context()

    def answered(self, outcome: str, audience: Audience, status: int, source: Source, seconds: float) -> None: ...

    def refused(self, code: str) -> None: ...

    def paid(self, cost: Cost) -> None: ...

    def generated(self, generator: str, result: str, seconds: float) -> None: ...

    def stored(self, operation: Operation, result: Result, seconds: float) -> None: ...

    def encoded(self, media_type: str) -> None: ...

    def closed(self, reason: Reason) -> None: ...


NO_STEP: AbstractContextManager[object] = nullcontext()
NO_OBSERVER: Observer = NoObserver()


class _Observed(Protocol):
    """A part that reports to an observer."""

    _observer: Observer


_Part = TypeVar("_Part", bound=_Observed)
_Method = Callable[Concatenate[_Part, _P], Coroutine[Any, Any, _T]]


def step(name: Step) -> Callable[[_Method[_Part, _P, _T]], _Method[_Part, _P, _T]]:
    """Makes each call of a method one step, reported to the observer of the method's own object."""

    def reported(method: _Method[_Part, _P, _T]) -> _Method[_Part, _P, _T]:
        @functools.wraps(method)
        async def called(part: _Part, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
            with part._observer.step(name):
                return await method(part, *args, **kwargs)

        return called

    return reported
