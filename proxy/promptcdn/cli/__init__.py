"""The command line. Heavy imports happen inside the commands: a command in a hook has to start fast."""

from typing import Annotated

import typer

from promptcdn import __version__
from promptcdn.cli import doctor, engines, info, purge, serve, sign, stats, store, url, warm

app = typer.Typer(no_args_is_help=True, help="One URL is one picture: a reproducible-image CDN proxy for Markdown.")
app.command()(serve.serve)
app.command()(url.url)
app.command()(sign.sign)
app.command()(info.info)
app.command()(engines.engines)
app.command()(doctor.doctor)
app.command()(stats.stats)
app.command()(warm.warm)
app.command()(purge.purge)
app.add_typer(store.app, name="store")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"promptcdn {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """The entry point of the command `promptcdn`."""
    app()
