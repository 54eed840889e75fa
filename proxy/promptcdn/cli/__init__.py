"""The command line. Heavy imports happen inside the commands: a command in a hook has to start fast."""

import errno
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

from promptcdn import __version__

if TYPE_CHECKING:
    import typer

# The commands in each folder, and in a file of their name there.
_FOLDERS = {
    "": ("serve", "url", "sign", "info", "mcp"),
    ".documents": ("pin", "warm", "lock", "check", "vendor", "gallery"),
    ".operators": ("engines", "doctor", "stats", "purge", "store", "discord", "work", "submit", "model"),
}
COMMANDS = {name: f"{__name__}{folder}.{name}" for folder, names in _FOLDERS.items() for name in names}

# After how many new objects Python's collector looks for garbage (its own number is 700), and after how many such looks
# it looks further. Memories full of pictures make many objects and hardly any garbage: with 700 a memory that fills
# stops the service for 0.2 s now and then. While commands are imported it does not look at all.
_COLLECTOR = (10_000, 10, 10)


def application(words: Sequence[str] = ()) -> "typer.Typer":
    """All commands. Where `words` begin with the name of a command it has that one alone: no other file is imported."""
    import typer  # late: `main` turns the collector off before that

    def print_version(wanted: bool) -> None:
        if wanted:
            typer.echo(f"promptcdn {__version__}")
            raise typer.Exit

    version = typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")

    def options(version: Annotated[bool, version] = False) -> None:
        pass

    app = typer.Typer(no_args_is_help=True, help="One URL is one picture: a reproducible-image CDN proxy for Markdown.")
    app.callback()(options)
    for name in words[:1] if words and words[0] in COMMANDS else COMMANDS:
        file = import_module(COMMANDS[name])
        if hasattr(file, "app"):  # a command that has commands of its own
            for command in file.app.registered_commands:
                command.help = command.help or _unwrapped(command.callback)
            app.add_typer(file.app, name=name)
        else:
            app.command(help=_unwrapped(getattr(file, name)))(getattr(file, name))
    return app


def _unwrapped(command: object) -> str:
    """The docstring of a command, each paragraph in one line: the terminal, which may be narrow, breaks the lines."""
    return "\n\n".join(" ".join(each.split()) for each in (command.__doc__ or "").split("\n\n"))


def main() -> None:
    """The entry point of the command `promptcdn`."""
    gc.disable()
    gc.set_threshold(*_COLLECTOR)
    # pydantic, which typer and the settings are made with, would look through all installed packages for plugins.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    run = application(words := sys.argv[1:])
    if words[:1] != ["serve"]:  # which turns the collector on once the service is ready
        gc.enable()
    try:
        run()
    except OSError as wrong:
        if wrong.errno != errno.ENOSPC or wrong.filename is not None:
            raise
        sys.exit(f"promptcdn: the output is cut, since it could not be written: {wrong.strerror}")
