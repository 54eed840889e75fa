"""`promptcdn url`."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import urlencode

import typer

from promptcdn.cli.base import Base, base_url
from promptcdn.cli.ending import choice, fail
from promptcdn.cli.signatures import Expires, Key, signed_urls
from promptcdn.problems import BadSettings
from promptcdn.url.dialects import given

if TYPE_CHECKING:
    from promptcdn.url.engines import Size
    from promptcdn.url.parse import Face
    from promptcdn.url.request import Request


# What `url` prints.
_MARKUPS = ("url", "markdown", "html", "picture", "asciidoc", "rst")
_OTHER_NAMES = {"md": "markdown", "htm": "html", "adoc": "asciidoc", "restructuredtext": "rst"}
_As = Annotated[
    str | None,
    typer.Option(
        "--as", help=f"What to print, by default url: {', '.join(_MARKUPS)}.", autocompletion=lambda: list(_MARKUPS)
    ),
]
_Dark = Annotated[
    str | None,
    typer.Option(help="What the picture shows on dark pages, all else being equal: prints a <picture> in HTML."),
]

_Words = Annotated[list[str], typer.Argument(metavar="PROMPT", help="What the picture shows, best in quotes.")]
_Face = Annotated[
    str | None,
    typer.Option(help="The form of the URL: query (/?prompt=), extension (/i.png?prompt=) or path (/prompt/)."),
]
_Mask = Annotated[
    str | None, typer.Option(help="The picture that is white where init may change: its key or permalink.")
]
_For = Annotated[
    str | None,
    typer.Option("--for", help="The tool that shows the picture, like mkdocs, epub or word: its best form and format."),
]


def url(
    words: _Words,
    seed: Annotated[str | None, typer.Option(help="A number, a word, hour, day, week, month or random.")] = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What the picture must not show.")] = None,
    width: Annotated[str | None, typer.Option(help="The width to generate: pixels, a multiple of 64.")] = None,
    height: Annotated[str | None, typer.Option(help="The height to generate: pixels, a multiple of 64.")] = None,
    aspect_ratio: Annotated[str | None, typer.Option(help="A ratio like 16:9, instead of width and height.")] = None,
    steps: Annotated[str | None, typer.Option(help="The number of steps, 1 to 150.")] = None,
    cfg_scale: Annotated[str | None, typer.Option(help="How closely the picture follows the prompt, 0 to 35.")] = None,
    sampler: Annotated[str | None, typer.Option(help="The sampler, like k_euler.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="How the noise falls from step to step, like karras.")] = None,
    style_preset: Annotated[str | None, typer.Option(help="The style, like line-art.")] = None,
    guidance_preset: Annotated[str | None, typer.Option(help="The guidance, like fast_blue.")] = None,
    engine: Annotated[str | None, typer.Option(help="One of the engines that the operator offers.")] = None,
    rev: Annotated[str | None, typer.Option(help="A whole number: another makes another picture.")] = None,
    init: Annotated[str | None, typer.Option(help="The key or permalink of a picture to start from.")] = None,
    strength: Annotated[str | None, typer.Option(help="How far the picture may differ from init, 0 to 1.")] = None,
    mask: _Mask = None,
    upscale: Annotated[str | None, typer.Option(help="The factor by which init is enlarged: 2.")] = None,
    format_: Annotated[str | None, typer.Option("--format", help="A file format like webp or png, or auto.")] = None,
    w: Annotated[str | None, typer.Option("--w", help="The width of the file, in pixels.")] = None,
    h: Annotated[str | None, typer.Option("--h", help="The height of the file, in pixels.")] = None,
    fit: Annotated[str | None, typer.Option(help="How the picture fits into w and h: inside or cover.")] = None,
    dpr: Annotated[str | None, typer.Option(help="Device pixels for each pixel of w and h: 1, 2 or 3.")] = None,
    q: Annotated[str | None, typer.Option("--q", help="The quality of the file, 1 to 100.")] = None,
    alt: Annotated[str | None, typer.Option(help="The description of the picture; by default its prompt.")] = None,
    dark: _Dark = None,
    base: Base = None,
    face: _Face = None,
    tool: _For = None,
    markup: _As = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the URL in every markup as JSON.")] = False,
    sign: Annotated[bool, typer.Option("--sign", help="Sign the URL, for PROMPTCDN_MISSES=signed.")] = False,
    expires: Expires = None,
    key: Key = None,
) -> None:
    """Print the URL of a picture, percent-encoded so that it works in Markdown and HTML."""
    _print({**locals(), "prompt": " ".join(words), "format": format_}, as_json=as_json, sign=sign)


def _print(options: dict[str, Any], *, as_json: bool, sign: bool) -> None:
    """Prints what the options of the command ask for."""
    from promptcdn.url.snippets import picture, snippets

    base, dark = options["base"], options["dark"]
    markup = options["markup"] or ("url" if dark is None else "picture")
    markup = choice("--as", _OTHER_NAMES.get(markup.lower(), markup), _MARKUPS)
    if markup == "picture" and dark is None:
        fail("--as picture needs --dark: what the picture shows on dark pages")
    face, options["format"] = _form(options["face"], options["tool"], options["format"])
    request = _request(options)
    address = _address(request, face, options, sign=sign)
    size = _size(request, base) if as_json or markup in ("html", "picture") else None
    alt = " ".join((options["alt"] or request.asked.prompt).split())
    printed = {"url": address, **snippets(address, alt, size)}
    if dark is not None:
        dark_address = _address(_request({**options, "prompt": dark}), face, options, sign=sign)
        printed["picture"] = picture(address, dark_address, alt, size)
    typer.echo(json.dumps(printed, ensure_ascii=False, indent=2) if as_json else printed[markup])


def _address(request: "Request", face: "Face", options: Mapping[str, Any], *, sign: bool) -> str:
    """The whole URL, signed where that is asked for."""
    address = base_url(options["base"]) + _path(request, face)
    if sign:
        (address,) = signed_urls([address], options["expires"], options["key"])
    elif options["expires"] or options["key"]:
        fail("--expires and --key go with --sign")
    return address


def _form(face: str | None, tool: str | None, format_: str | None) -> "tuple[Face, str | None]":
    """The face and the format that the options name, else those that do best in the tool."""
    from promptcdn.url import formats
    from promptcdn.url.parse import FACES
    from promptcdn.url.snippets.tools import BY_NAME

    face = face and choice("--face", face, FACES)
    row = None if tool is None else BY_NAME[choice("--for", tool, BY_NAME)]
    chosen = cast("Face", face or (row.face if row else "query"))
    if row is None:
        return chosen, format_
    if format_ is None:
        return chosen, row.shows[0]
    name = format_.removeprefix(".").lower()
    if formats.SPELLINGS.get(name, name) not in row.shows:
        fail(f'--format="{format_}": {row.what} may not show it; allowed with --for {tool}: {", ".join(row.shows)}')
    return chosen, format_


def _request(options: dict[str, str | None]) -> "Request":
    """What the options ask for. Warns of what may be mistakes."""
    from promptcdn import problems
    from promptcdn.url.dialects import mistakes
    from promptcdn.url.parameters import PARAMETERS
    from promptcdn.url.parse import parse
    from promptcdn.url.resolving import require_consistent

    try:
        request = parse(_query({row.name: _value(row.name, options.get(row.name)) for row in PARAMETERS}))
        require_consistent(request.asked)
    except problems.Problem as problem:
        fail(given.told(problem))
    for warning in mistakes.warnings(request):
        typer.echo(f"note: {warning}", err=True)
    return request


def _value(name: str, value: str | None) -> str | None:
    """The value of an option; of a permalink, where a stored picture is to be named, its content key."""
    from promptcdn.url.engines import SOURCE_PARAMETERS

    key = given.content_key(given.parts(value)) if value and name in SOURCE_PARAMETERS else None
    return key or value


def _path(request: "Request", face: "Face") -> str:
    from promptcdn.url import formats
    from promptcdn.url.parse import URL_MAX, address

    if face != "query" and request.delivery.format == formats.AUTO:
        fail(
            f'--format="{formats.AUTO}": it has no extension; allowed with --face {face}: {", ".join(formats.BY_NAME)}'
        )
    path = address(request.asked, request.delivery, face)
    if len(path) > URL_MAX:
        fail(f"the URL would be longer than the {URL_MAX} bytes that the service takes")
    return path


def _size(request: "Request", base: str | None) -> "Size | None":
    """How large the picture is on a page: by the sizes in the URL, else by the settings, which are this service's.

    `None` where the URL does not say and is another service's (`base`), or has the size of the picture `init`.
    """
    from promptcdn import problems, settings
    from promptcdn.pictures import sizing
    from promptcdn.url.resolving import resolve

    asked = request.asked
    if asked.width and asked.height:
        return sizing.laid_out(request.delivery, (asked.width, asked.height))
    if base is not None or (asked.init and not asked.aspect_ratio):
        return None
    try:
        return sizing.laid_out(request.delivery, resolve(asked.seeded(0), settings.load().defaults).size)
    except (BadSettings, problems.Problem):
        return None


def _query(options: dict[str, str | None]) -> bytes:
    """Bytes of the terminal that are no text go on as they are: the grammar says what is wrong with them."""
    chosen = {name: value for name, value in options.items() if value}
    return urlencode(chosen, errors="surrogateescape").encode()
