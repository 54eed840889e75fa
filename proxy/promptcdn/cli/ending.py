"""How commands end: 0 good, 1 findings, 2 wrong use or settings."""

from collections.abc import Iterable
from typing import NoReturn

import typer

FINDINGS = 1
WRONG_USE = 2


def fail(message: str) -> NoReturn:
    """Ends the command with a line for each that is wrong."""
    for line in message.splitlines():
        typer.echo(f"promptcdn: {line}", err=True)
    raise typer.Exit(WRONG_USE)


def choice(option: str, value: str, choices: Iterable[str]) -> str:
    """The choice that a value of any case names. Where it names none the command ends, with a guess or all choices."""
    import difflib

    if value.lower() not in choices:
        close = difflib.get_close_matches(value.lower(), choices, n=1)
        fail(f'{option}="{value}": ' + (f"did you mean {close[0]}?" if close else f"allowed: {', '.join(choices)}"))
    return value.lower()
