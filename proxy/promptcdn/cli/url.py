"""`promptcdn url`."""

import json
import re
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

import typer

from promptcdn.cli.ending import fail
from promptcdn.cli.signatures import Expires, Key, signed_urls
from promptcdn.problems import BadSettings

if TYPE_CHECKING:
    from promptcdn.url.request import Request


# What `url` prints.
_MARKUPS = ("url", "markdown", "html", "asciidoc", "rst")
_As = Annotated[
    str, typer.Option("--as", help=f"What to print: {', '.join(_MARKUPS)}.", autocompletion=lambda: list(_MARKUPS))
]


def url(
    prompt: Annotated[str, typer.Argument(help="What the picture shows.")],
    seed: Annotated[str | None, typer.Option(help="A number, a word, hour, day, week, month or random.")] = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What the picture must not show.")] = None,
    width: Annotated[str | None, typer.Option(help="The width to generate: pixels, a multiple of 64.")] = None,
    height: Annotated[str | None, typer.Option(help="The height to generate: pixels, a multiple of 64.")] = None,
    aspect_ratio: Annotated[str | None, typer.Option(help="A ratio like 16:9, instead of width and height.")] = None,
    steps: Annotated[str | None, typer.Option(help="The number of steps, 10 to 50.")] = None,
    cfg_scale: Annotated[str | None, typer.Option(help="How closely the picture follows the prompt, 0 to 35.")] = None,
    sampler: Annotated[str | None, typer.Option(help="The sampler, like k_euler.")] = None,
    style_preset: Annotated[str | None, typer.Option(help="The style, like line-art.")] = None,
    guidance_preset: Annotated[str | None, typer.Option(help="The guidance, like fast_blue.")] = None,
    engine: Annotated[str | None, typer.Option(help="One of the engines that the operator offers.")] = None,
    rev: Annotated[str | None, typer.Option(help="A whole number: another makes another picture.")] = None,
    format_: Annotated[str | None, typer.Option("--format", help="A file format like webp or png, or auto.")] = None,
    w: Annotated[str | None, typer.Option("--w", help="The width of the file, in pixels.")] = None,
    h: Annotated[str | None, typer.Option("--h", help="The height of the file, in pixels.")] = None,
    fit: Annotated[str | None, typer.Option(help="How the picture fits into w and h: inside or cover.")] = None,
    dpr: Annotated[str | None, typer.Option(help="Device pixels for each pixel of w and h: 1, 2 or 3.")] = None,
    q: Annotated[str | None, typer.Option("--q", help="The quality of the file, 1 to 100.")] = None,
    base: Annotated[str | None, typer.Option(help="What the URL begins with; by default PROMPTCDN_PUBLIC_URL.")] = None,
    markup: _As = "url",
    as_json: Annotated[bool, typer.Option("--json", help="Print the URL in every markup as JSON.")] = False,
    sign: Annotated[bool, typer.Option("--sign", help="Sign the URL, for PROMPTCDN_MISSES=signed.")] = False,
    expires: Expires = None,
    key: Key = None,
) -> None:
    """Print the URL of a picture, percent-encoded so that it works in Markdown and HTML."""
    request = _request({**locals(), "format": format_})
    if markup not in _MARKUPS:
        fail(f'--as="{markup}": allowed: {", ".join(_MARKUPS)}')
    from promptcdn.url.parse import canonical_url

    address = _base(base) + canonical_url(request.asked, request.delivery)
    if sign:
        (address,) = signed_urls([address], expires, key)
    elif expires or key:
        fail("--expires and --key go with --sign")
    _print(address, request.asked.prompt, markup, as_json=as_json)


def _print(address: str, prompt: str, markup: str, *, as_json: bool) -> None:
    from promptcdn.url.snippets import snippets

    printed = {"url": address, **snippets(address, prompt)}
    typer.echo(json.dumps(printed, ensure_ascii=False, indent=2) if as_json else printed[markup])


def _request(given: dict[str, str | None]) -> "Request":
    from promptcdn import problems
    from promptcdn.url.parameters import PARAMETERS
    from promptcdn.url.parse import URL_MAX, canonical_url, parse, require_built
    from promptcdn.url.periods import PERIODS

    try:
        request = parse(_query({row.name: given.get(row.name) for row in PARAMETERS}))
        require_built(request.asked)
    except problems.Problem as problem:
        fail(str(problem))
    seed = given["seed"]
    if seed is not None and seed.lower() in (*PERIODS, "random") and seed != seed.lower():
        typer.echo(f"note: {seed} is a word like any other; the calendar's is {seed.lower()}", err=True)
    if len(canonical_url(request.asked, request.delivery)) > URL_MAX:
        fail(f"the URL would be longer than the {URL_MAX} bytes that the service takes")
    return request


def _query(said: dict[str, str | None]) -> bytes:
    """Bytes of the terminal that are no text go on as they are: the grammar says what is wrong with them."""
    given = {name: value for name, value in said.items() if value}
    return urlencode(given, errors="surrogateescape").encode()


def _base(said: str | None) -> str:
    """What a URL begins with: what was said, the public URL of the settings, or where the service listens."""
    from promptcdn import settings
    from promptcdn.settings.forms import FORMS, PUBLIC_URL

    if said is not None:
        if re.fullmatch(PUBLIC_URL, said) is None:
            fail(f'--base="{said}": allowed: {FORMS["public_url"]}')
        return said.rstrip("/")
    try:
        chosen = settings.load()
    except BadSettings as wrong:
        fail(str(wrong))
    return chosen.public_url or chosen.address(chosen.port)
