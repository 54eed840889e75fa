"""How commands end: 0 good, 1 findings, 2 wrong use or settings."""

from typing import NoReturn

import typer

FINDINGS = 1
WRONG_USE = 2


def fail(message: str) -> NoReturn:
    """Ends the command with a line for each that is wrong."""
    for line in message.splitlines():
        typer.echo(f"promptcdn: {line}", err=True)
    raise typer.Exit(WRONG_USE)
