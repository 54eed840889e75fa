"""What commands that have pictures made have in common: they say what new ones cost, and ask before they pay."""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptcdn.cli.documents import opening
from promptcdn.cli.documents.opening import Told
from promptcdn.cli.ending import fail

if TYPE_CHECKING:
    from promptcdn.documents.client import Client

Yes = Annotated[bool, typer.Option("--yes", help="Pay for new pictures without being asked: for scripts.")]


def agreed(client: "Client", targets: Sequence[str], told: Told, *, yes: bool) -> list[str]:
    """Those of the URLs that may be asked for: all of them, once somebody has agreed to what the new ones cost.

    Ends the command where nobody does. A URL that the service refuses is left out, and told.
    """
    looks = opening.asked(client, targets, client.look, "looking", told)
    new = [target for target, look in looks.items() if not look.is_made]
    answers = opening.asked(client, new, client.info, "asking for prices", told)
    say_and_ask(len(looks) - len(new), answers, yes=yes)
    return [target for target in looks if target not in new or target in answers]


def say_and_ask(stored: int, new: Mapping[str, Mapping[str, Any]], *, yes: bool) -> None:
    """Says how many pictures are stored and what the new ones cost; ends the command where nobody agrees to that."""
    credits_ = sum(float(members.get("credits") or 0) for members in new.values())
    if not new:
        return
    pictures = opening.counted(len(new), "picture")
    typer.echo(f"{opening.counted(stored, 'picture')} stored, {pictures} to be made: {credits_:g} credits", err=True)
    if credits_ == 0 or yes:
        return
    if not sys.stdin.isatty():
        fail(f"{pictures} would cost {credits_:g} credits, and nothing was paid: --yes agrees to that")
    if not typer.confirm("Pay for them?", err=True):
        fail("nothing was paid")
