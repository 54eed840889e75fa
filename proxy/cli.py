"""The command line. Heavy imports happen inside the commands: a command in a hook has to start fast."""

import json
import logging
import sys
from enum import StrEnum
from typing import Annotated, NoReturn
from urllib.parse import urlencode

import typer

from proxy import __version__

WRONG_USE = 2

app = typer.Typer(no_args_is_help=True, help="One URL is one picture: a reproducible-image CDN proxy for Markdown.")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"promptcdn {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say it and go.")
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 0 takes any that is free.")] = None,
) -> None:
    """Answer with pictures. Without any setting they are sketches, and cost nothing."""
    from proxy import server, settings
    from proxy.app import create_app
    from proxy.service import opened

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        chosen = settings.load(host=host, port=port)
        bound = server.bound_socket(chosen.host, chosen.port)
        service = opened(chosen)
    except settings.BadSettings as wrong:
        _fail(str(wrong))
    name = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
    here = f"http://{name}:{bound.getsockname()[1]}"
    public_url = chosen.public_url or here
    budget = chosen.limit(paid=service.generator.paid) or "unlimited"
    misses = "" if chosen.misses == "open" else ", misses closed: no new pictures"
    what = f"{chosen.makes}, engine {chosen.defaults.engine}, budget {budget}{misses}"

    def announce() -> None:
        typer.echo(f"promptcdn {__version__}: {what}, pictures in {chosen.store_url}")
        typer.echo(f"{here}/?prompt=a+lighthouse&seed=7")

    server.run(create_app(service, public_url), bound, chosen.grace, announce)


class Markup(StrEnum):
    """What `url` prints."""

    URL = "url"
    MARKDOWN = "markdown"
    HTML = "html"
    ASCIIDOC = "asciidoc"
    RST = "rst"


@app.command()
def url(
    prompt: Annotated[str, typer.Argument(help="What the picture shows.")],
    seed: Annotated[str | None, typer.Option(help="A number, a word, hour, day, week, month, or random.")] = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What it shall not show.")] = None,
    width: Annotated[str | None, typer.Option(help="In pixels, a multiple of 64.")] = None,
    height: Annotated[str | None, typer.Option(help="In pixels, a multiple of 64.")] = None,
    aspect_ratio: Annotated[str | None, typer.Option(help="Like 16:9, instead of width and height.")] = None,
    steps: Annotated[str | None, typer.Option(help="10 to 50.")] = None,
    cfg_scale: Annotated[str | None, typer.Option(help="0 to 35.")] = None,
    sampler: Annotated[str | None, typer.Option(help="Like k_euler.")] = None,
    style_preset: Annotated[str | None, typer.Option(help="Like line-art.")] = None,
    guidance_preset: Annotated[str | None, typer.Option(help="Like fast_blue.")] = None,
    engine: Annotated[str | None, typer.Option(help="One that the operator offers.")] = None,
    rev: Annotated[str | None, typer.Option(help="A whole number that changes the picture on purpose.")] = None,
    format_: Annotated[str | None, typer.Option("--format", help="webp or png.")] = None,
    base: Annotated[
        str | None, typer.Option(help="Where the service is reached. Without it, what the settings say.")
    ] = None,
    markup: Annotated[Markup, typer.Option("--as", help="What to print.")] = Markup.URL,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Print the URL of a picture, in its one spelling that survives Markdown and HTML."""
    from proxy import grammar, problems
    from proxy.grammar.parameters import CALENDARS
    from proxy.snippets import snippets

    said = {"prompt": prompt, "seed": seed, "negative_prompt": negative_prompt, "width": width, "height": height}
    said |= {"aspect_ratio": aspect_ratio, "steps": steps, "cfg_scale": cfg_scale, "sampler": sampler}
    said |= {"style_preset": style_preset, "guidance_preset": guidance_preset, "engine": engine, "rev": rev}
    said |= {"format": format_}
    try:
        request = grammar.parse(urlencode({name: value for name, value in said.items() if value}).encode())
        grammar.require_built(request.asked, request.delivery)
    except problems.Problem as problem:
        _fail(problem.detail)
    if seed is not None and seed.lower() in (*CALENDARS, "random") and seed != seed.lower():
        typer.echo(f"note: {seed} is a word like any other; the calendar's is {seed.lower()}", err=True)
    address = _base(base) + grammar.canonical_url(request.asked, request.delivery)
    printed = {"url": address, **snippets(address, request.asked.prompt)}
    typer.echo(json.dumps(printed, ensure_ascii=False, indent=2) if as_json else printed[markup.value])


def _base(said: str | None) -> str:
    """What a URL begins with: what was said, the public URL of the settings, or where the service listens."""
    from proxy import settings

    if said is not None:
        if not said.startswith(("http://", "https://")) or "?" in said:
            _fail(f'--base="{said}": say it like https://pictures.example.org')
        return said.rstrip("/")
    try:
        chosen = settings.load()
    except settings.BadSettings as wrong:
        _fail(str(wrong))
    return chosen.public_url or f"http://{chosen.host}:{chosen.port}"


def _fail(message: str) -> NoReturn:
    for line in message.splitlines():
        typer.echo(f"promptcdn: {line}", err=True)
    raise typer.Exit(WRONG_USE)


def main() -> None:
    """The entry point of the command `promptcdn`."""
    app()
