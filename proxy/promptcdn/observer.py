"""What rooms report while they work. The telemetry listens; where nobody does, a report costs next to nothing."""

from typing import Literal, Protocol

from promptcdn.money.prices import Cost
from promptcdn.readers.audience import Audience
from promptcdn.readers.connections import Reason

# Where an answer's picture came from; `none` is an answer without the picture that was asked for.
Source = Literal["memory", "store", "made", "none"]
# `look` reads an object's header alone.
Operation = Literal["get", "look", "put", "delete", "list"]
# `unknown`: the store did not answer, or not in time.
Result = Literal["there", "absent", "unknown"]


class Observer(Protocol):
    """Each call is one fact, told when it is known. None of them raises, none waits, and none is told a prompt.

    All texts come from closed sets: they are labels of metrics.
    """

    def answered(self, outcome: str, audience: Audience, status: int, source: Source, seconds: float) -> None:
        """An answer began `seconds` after its request. `outcome`: of `caching.Outcome`, or a code of `problems`."""

    def refused(self, code: str) -> None:
        """Somebody was answered with this problem, as a document or as a picture."""

    def paid(self, cost: Cost) -> None:
        """A call ended that costs this, or may cost it."""

    def generated(self, result: str, seconds: float) -> None:
        """The generator answered: with a `picture`, that it is `filtered`, or with a code of `problems`."""

    def stored(self, operation: Operation, result: Result, seconds: float) -> None:
        """The store answered, or did not."""

    def encoded(self, media_type: str) -> None:
        """A rendition was made of a master."""

    def closed(self, reason: Reason) -> None:
        """A connection was closed that its client had not done with."""


class NoObserver:
    """Nobody listens."""

    def answered(self, outcome: str, audience: Audience, status: int, source: Source, seconds: float) -> None: ...

    def refused(self, code: str) -> None: ...

    def paid(self, cost: Cost) -> None: ...

    def generated(self, result: str, seconds: float) -> None: ...

    def stored(self, operation: Operation, result: Result, seconds: float) -> None: ...

    def encoded(self, media_type: str) -> None: ...

    def closed(self, reason: Reason) -> None: ...


NO_OBSERVER: Observer = NoObserver()
