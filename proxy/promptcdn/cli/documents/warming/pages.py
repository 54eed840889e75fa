"""The URLs in documents: each once, with the other URLs that show the same picture."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from promptcdn.cli.documents.warming import Permalink, Wanted, note, tell
from promptcdn.url.dialects import given

if TYPE_CHECKING:
    from promptcdn.markdown import Found
    from promptcdn.url.request import Request

# A URL, and the places where it stands: `README.md:3:5`.
Placed = dict[str, list[str]]


def placed(files: "Iterable[tuple[str, Iterable[Found]]]") -> Placed:
    """By URL, from its first slash on, where it stands. What stands behind a `#` is no part of what is asked for."""
    places: Placed = {}
    for file, found in files:
        for one in found:
            target = one.target.partition("#")[0]
            places.setdefault(target, []).append(f"{file}:{one.line}:{one.column}")
    return places


def wanted(places: Placed) -> tuple[list[tuple[Wanted, ...]], list[str]]:
    """The URLs of each picture; and for each that is wrong, which is printed at once, the code of its problem.

    What may be a mistake is printed too, before anything is paid for.
    """
    from promptcdn.problems import Problem
    from promptcdn.url.dialects import mistakes

    pictures: dict[object, list[Wanted]] = {}
    wrong: list[str] = []
    for target, where in places.items():
        place, others = where[0], _others(where)
        try:
            asks = _asked(target)
        except Problem as problem:
            tell(place, others, given.told(problem))
            wrong.append(problem.kind.code)
            continue
        pictures.setdefault(_picture(asks), []).append(Wanted(place, others, target, asks))
        for warning in () if isinstance(asks, Permalink) else mistakes.warnings(asks):
            note(place, warning)
    return [tuple(each) for each in pictures.values()], wrong


def _others(where: list[str]) -> str:
    if len(where) < 3:
        return f"also at {where[1]}" if where[1:] else ""
    return f"also at {len(where) - 1} other places"


def _asked(target: str) -> "Request | Permalink":
    """Raises `Problem`."""
    from promptcdn.url import formats
    from promptcdn.url.parse import parse_delivery

    url = given.parts(target)
    key = given.content_key(url)
    if key is not None:
        return Permalink(key, parse_delivery(url.query.encode(), formats.split_extension(url.path)[1]))
    return given.request(url)


def _picture(asks: "Request | Permalink") -> object:
    """Equal for URLs that surely show one picture."""
    from promptcdn.url.keys import as_asked_key

    if isinstance(asks, Permalink):
        return asks.content_key
    return as_asked_key(asks.asked), asks.nearest, asks.control.sig is None
