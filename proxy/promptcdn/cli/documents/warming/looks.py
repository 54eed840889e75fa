"""What is stored and what is new, found out before anything is made."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from promptcdn import problems
from promptcdn.cli.documents import opening
from promptcdn.cli.documents.paying import Totals
from promptcdn.cli.documents.warming import Looked, Picture, Wanted, Way, running


@dataclass(frozen=True)
class Found:
    """The pictures in the order in which they are wanted, and what became of those of which nothing can be known."""

    pictures: tuple[Picture, ...]
    outcomes: tuple[str, ...] = ()

    @property
    def totals(self) -> Totals:
        """How many are stored, and what the new ones cost."""
        new = [picture.looked.price for picture in self.pictures if picture.looked.is_new]
        states = Counter(picture.looked.state for picture in self.pictures)
        later = self.outcomes.count("later")
        refused = len(self.pictures) - len(new) - states["stored"] - states["generating"] + len(self.outcomes) - later
        return Totals.of(states["stored"], new, refused, later, states["generating"])

    def limited(self, most: int | None) -> "Found":
        """The same with at most so many new pictures; the others are `later`."""
        names: list[object] = [
            picture.looked.price.content_key or picture for picture in self.pictures if picture.looked.is_new
        ]
        first = set(list(dict.fromkeys(names))[:most])
        kept = tuple(
            picture
            for picture in self.pictures
            if not picture.looked.is_new or (picture.looked.price.content_key or picture) in first
        )
        return Found(kept, (*self.outcomes, *("later" for _ in range(len(self.pictures) - len(kept)))))


async def found(way: Way, groups: Sequence[tuple[Wanted, ...]], wrong: Sequence[str], *, merging: bool) -> Found:
    """What there is of each picture. Nothing is made. `wrong` is what became of others before.

    merging  URLs that turn out to show one picture are one picture
    """
    if not groups:
        return Found((), tuple(wrong))
    run = running.Run()
    looked: dict[tuple[Wanted, ...], Looked] = {}
    failed = [*wrong]
    async with way.looking() as look:
        with opening.progress("looking", len(groups)) as advance:

            async def one(group: tuple[Wanted, ...]) -> None:
                outcome = "left" if run.is_over else await run.answer(group[0], look(group[0]))
                if isinstance(outcome, Looked):
                    looked[group] = outcome
                else:
                    failed.append(outcome)
                advance()

            await running.each(groups, one, way.at_once)
    pictures = [Picture(group, looked[group]) for group in groups if group in looked]
    if merging:
        pictures = list(_merged(pictures))
    there = [picture for picture in pictures if picture.looked.state != "missing"]
    for picture in pictures:
        if picture.looked.state == "missing":
            picture.wanted[0].tell("no picture of this content key is stored")
    failed += [problems.NOT_FOUND.code] * (len(pictures) - len(there))
    return Found(tuple(there), tuple(failed))


def _merged(pictures: Sequence[Picture]) -> Iterator[Picture]:
    """Those with one content key as one picture: other words may ask for the same, and a permalink names it. What makes
    the picture comes before its permalinks."""
    by_key: dict[object, Picture] = {}
    for picture in pictures:
        name = picture.looked.price.content_key or picture
        known = by_key.get(name)
        if known is None:
            by_key[name] = picture
        elif known.looked.state == "missing":
            by_key[name] = Picture((*picture.wanted, *known.wanted), picture.looked)
        else:
            by_key[name] = Picture((*known.wanted, *picture.wanted), known.looked)
    yield from by_key.values()
