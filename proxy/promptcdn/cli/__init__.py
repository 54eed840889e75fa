"""The command line. Heavy imports happen inside the commands: a command in a hook has to start fast."""

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated

import typer

from promptcdn import __version__

# Each has a file of its name.
COMMANDS = ("serve", "url", "sign", "info", "engines", "doctor", "stats", "warm", "purge", "store")

# After how many new objects Python's collector looks for garbage (its own number is 700), and after how many such looks
# it looks further. Imports and memories full of pictures make many objects and hardly any garbage: with 700 the
# looking takes a tenth of a start, and a memory that fills stops the service for 0.2 s now and then.
_COLLECTOR = (10_000, 10, 10)


def application(words: Sequence[str] = ()) -> typer.Typer:
    """All commands. Where `words` begin with the name of a command it has that one alone: no other file is imported."""
    app = typer.Typer(no_args_is_help=True, help="One URL is one picture: a reproducible-image CDN proxy for Markdown.")
    app.callback()(_options)
    for name in words[:1] if words and words[0] in COMMANDS else COMMANDS:
        file = import_module(f"{__name__}.{name}")
        if name == "store":
            app.add_typer(file.app, name=name)
        else:
            app.command()(getattr(file, name))
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"promptcdn {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """The entry point of the command `promptcdn`."""
    gc.set_threshold(*_COLLECTOR)
    # pydantic, which typer and the settings are made with, would look through all installed packages for plugins.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    application(sys.argv[1:])()
