"""What commands that have pictures made have in common: they say what new ones cost, and ask before they pay."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self

import typer

from promptcdn.cli.documents import opening
from promptcdn.cli.documents.opening import Told
from promptcdn.cli.ending import fail

if TYPE_CHECKING:
    from promptcdn.documents.client import Client

Yes = Annotated[bool, typer.Option("--yes", help="Pay for new pictures without being asked: for scripts.")]


class Price(NamedTuple):
    """What a new picture costs: its content key, `generator/engine`, and thousandths of a credit.

    `None` where that cannot be known yet: of a picture that is made from another one that is not made yet.
    """

    content_key: str | None
    maker: str
    millicredits: int | None


class Made(NamedTuple):
    """How many new pictures one engine makes, and what they cost."""

    pictures: int = 0
    millicredits: int = 0


@dataclass(frozen=True)
class Totals:
    """How many pictures are stored, and what the new ones cost by `generator/engine`.

    One picture is paid for once, however many URLs show it. `unpriced` are pictures whose price is not known yet,
    `refused` those that are neither stored nor can be made, `later` those that are left for another time, and
    `under_way` those that somebody else is having made.
    """

    stored: int
    new: Mapping[str, Made]
    unpriced: int = 0
    refused: int = 0
    later: int = 0
    under_way: int = 0

    @classmethod
    def of(cls, stored: int, prices: Iterable[Price], refused: int = 0, later: int = 0, under_way: int = 0) -> Self:
        new: dict[str, Made] = {}
        seen: set[str] = set()
        unpriced = 0
        for key, maker, millicredits in prices:
            if millicredits is None:
                unpriced += 1
            elif key is None or key not in seen:
                before = new.get(maker, Made())
                new[maker] = Made(before.pictures + 1, before.millicredits + millicredits)
                seen.update([key] if key else [])
        return cls(stored, new, unpriced, refused, later, under_way)

    @property
    def made(self) -> int:
        """How many pictures are new."""
        return sum(each.pictures for each in self.new.values()) + self.unpriced

    @property
    def all(self) -> int:
        """How many pictures there are."""
        return self.stored + self.made + self.refused + self.later + self.under_way

    @property
    def credits(self) -> float:
        """What the new ones cost, as far as that is known."""
        return sum(each.millicredits for each in self.new.values()) / 1000

    @property
    def cost(self) -> bool:
        """Whether anything is to be paid."""
        return self.credits > 0 or self.unpriced > 0

    def __str__(self) -> str:
        """`12 pictures: 9 stored, 3 to be made by sketch: 0 credits`."""
        counts = ((self.under_way, "being made"), (self.refused, "refused"), (self.later, "left for later"))
        others = "".join(f", {count} {what}" for count, what in counts if count)
        whole = opening.counted(self.all, "picture")
        makers = [*self.new] if len(self.new) < 2 else [f"{each.pictures} by {name}" for name, each in self.new.items()]
        by = f" by {makers[0]}" if len(makers) == 1 else f" ({', '.join(makers)})" if makers else ""
        more = f", and {self.unpriced} whose price depends on pictures that are not made yet" if self.unpriced else ""
        return (
            f"{whole}: {self.stored} stored{others}, {self.made} to be made{by}: {counted_credits(self.credits)}{more}"
        )


def counted_credits(amount: float) -> str:
    """`1 credit`, `2.7 credits`."""
    return f"{amount:g} credit{'' if amount == 1 else 's'}"


def price_of(members: Mapping[str, Any]) -> Price:
    """The price of the picture that `/info` has these members for; of a pool, that of its first one."""
    key = members.get("content_key")
    pool = members.get("pool") or ()
    resolved = members.get("resolved") or {}
    maker = f"{resolved.get('generator', '')}/{resolved.get('engine', '')}"
    return Price(key or (pool[0]["content_key"] if pool else None), maker, round(float(members["credits"]) * 1000))


def agreed(client: "Client", targets: Sequence[str], told: Told, *, yes: bool) -> list[str]:
    """Those of the URLs that may be asked for: all of them, once somebody has agreed to what the new ones cost.

    Ends the command where nobody does. A URL that the service refuses is left out, and told.
    """
    looks = opening.asked(client, targets, client.look, "looking", told)
    new = [target for target, look in looks.items() if not look.is_made]
    answers = opening.asked(client, new, client.info, "asking for prices", told)
    say_and_ask(Totals.of(len(looks) - len(new), map(price_of, answers.values())), yes=yes)
    return [target for target in looks if target not in new or target in answers]


def say_and_ask(totals: Totals, *, yes: bool) -> None:
    """Says how many pictures are stored and what the new ones cost; ends the command where nobody agrees to that."""
    if not totals.made:
        return
    typer.echo(str(totals), err=True)
    if not totals.cost or yes:
        return
    if not sys.stdin.isatty():
        what = f"{opening.counted(totals.made, 'picture')} would cost {counted_credits(totals.credits)}"
        fail(f"{what}, and nothing was paid: --yes agrees to that")
    if not typer.confirm("Pay for them?", err=True):
        fail("nothing was paid")
