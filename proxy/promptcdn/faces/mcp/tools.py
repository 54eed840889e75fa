"""The tools that an assistant is offered, whatever carries their calls. A tool asks its `Pictures` and nobody else."""

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Protocol
from urllib.parse import urlencode

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, ImageContent, TextContent, ToolAnnotations
from pydantic import BaseModel, BeforeValidator, Field

from promptcdn import __version__, problems
from promptcdn.markdown import Found, Kind, Ours, find, rewritten
from promptcdn.markdown.faults.near_misses import cut
from promptcdn.markdown.pin import chosen_seed, is_seedless, request_of
from promptcdn.url import formats
from promptcdn.url.dialects import given
from promptcdn.url.parse import URL_MAX, address, parse
from promptcdn.url.resolving import require_consistent
from promptcdn.url.seeds import SEED_MAX
from promptcdn.url.snippets import picture, snippets

INSTRUCTIONS = (
    "Pictures for Markdown: a URL with a prompt and a seed is one picture for ever. Call picture_url to get the "
    "Markdown for a page; that costs nothing and makes nothing. The picture is made when somebody first looks at it, "
    "or by make_picture, which may cost the operator of the service money: call it where the user wants to see the "
    "picture, and once for each."
)

# Characters of a document. Some texts take a parser a time that grows with their square, here some ten seconds.
TEXT_MAX = 100_000
# URLs without a seed in a document: each is looked up.
PINNED_MAX = 200
# Documents that wait until another one is parsed.
WAITING_MAX = 8
# Parameters of a URL, and letters of a name: each wrong one is answered with several lines.
PARAMETERS_MAX = 40
NAME_MAX = 100
# The width of what an assistant is shown of a picture, in pixels: the URL has all of it.
_PREVIEW_WIDTH = 512
# The smallest of the formats that every assistant knows.
_PREVIEW = next(row.name for row in formats.FORMATS if row.everywhere)

_READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False)
_MAKES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True)


class Pictures(Protocol):
    """The service behind the tools. Its methods raise `Refused` with what the service says."""

    @property
    def public_url(self) -> str:
        """What the URLs of its pictures begin with."""

    async def info(self, target: str) -> Mapping[str, Any]:
        """The members of `/info` for a URL, from its first slash on."""

    async def picture(self, target: str) -> tuple[bytes, str]:
        """The file of a picture, made if it has to be, and its media type."""

    def signed(self, url: str) -> str:
        """`url`, signed where this service makes pictures for signed URLs only and a key is at hand."""

    def pinned(self, target: str, seed: int) -> str:
        """`target` with a seed. Raises `ValueError` where it is signed and no key is at hand to sign it anew."""


class Refused(Exception):
    """The service gives no answer, with the reason in its own words."""


class PictureUrl(BaseModel):
    """What `picture_url` gives: texts to paste."""

    url: str
    markdown: str
    html: str
    alt: str
    seed: str | None = Field(description="The seed in the URL; null where each view shows another picture.")
    picture: str | None = Field(None, description="A <picture> for light and dark pages, where dark_prompt was given.")


class Pinned(BaseModel):
    """What `pin_markdown` gives."""

    text: str = Field(description="The text with seeds; nothing else in it has changed.")
    pinned: list[str] = Field(description="The URLs that have a seed now.")
    left_out: list[str] = Field(description="What is wrong with each URL that is cut and was left as it is.")


def _require_few(parameters: object) -> object:
    """The same. Raises `ValueError` for more parameters, or longer names, than any URL has, and for those that have an
    argument of their own."""
    if isinstance(parameters, dict):
        if twice := parameters.keys() & {"prompt", "seed"}:
            raise ValueError(f"{min(twice)} is an argument of its own")
        if len(parameters) > PARAMETERS_MAX:
            raise ValueError(f"a URL has at most {PARAMETERS_MAX} parameters")
        if any(len(name) > NAME_MAX for name in parameters):
            raise ValueError(f"the name of a parameter has at most {NAME_MAX} letters")
    return parameters


_Prompt = Annotated[str, Field(description="What the picture shows: subject, style, light, as for an image model.")]
_Seed = Annotated[
    int | str | None,
    Field(
        description="A whole number, a word, or hour, day, week, month for a picture that changes with the calendar; "
        "random for another picture at each view. Without one a number is drawn, so that the picture stays."
    ),
]
_Alt = Annotated[str | None, Field(description="What the picture shows, for those who cannot see it.")]
_Dark = Annotated[str | None, Field(description="What the picture shows instead on pages with a dark background.")]
_Parameters = Annotated[
    dict[str, str | int | float] | None,
    BeforeValidator(_require_few),
    Field(
        description="Further parameters of the URL: width and height (multiples of 64) or aspect_ratio (16:9), "
        "negative_prompt, style_preset, engine, steps, cfg_scale; for the file w, h, format (webp, png, jpeg, avif)."
    ),
]
_Url = Annotated[str, Field(description="A URL of this service, as picture_url gives it, with or without its host.")]
_Text = Annotated[
    str,
    Field(description="The whole text of the document, with 200 URLs without a seed at most.", max_length=TEXT_MAX),
]
_Syntax = Annotated[
    str, Field(description="What the text is written in: markdown, html, rst, asciidoc or notebook (Jupyter's JSON).")
]


def server(pictures: Pictures) -> "MCPServer[Any]":
    """A server with all tools, over one service."""
    tools = _Tools(pictures)
    return MCPServer(
        "promptcdn",
        instructions=INSTRUCTIONS,
        version=__version__,
        log_level="WARNING",
        tools=[
            _strict(tools.picture_url, _READS),
            _strict(tools.make_picture, _MAKES),
            _strict(tools.look_up, _READS),
            _strict(tools.pin_markdown, _READS),
        ],
    )


def _strict(tool: Callable[..., Any], annotations: ToolAnnotations) -> Tool:
    """A tool that refuses arguments that it does not have. The library drops them: an assistant that puts aspect_ratio
    beside `parameters`, and not into it, would get another picture than it asked for, and not know."""
    made = Tool.from_function(tool, annotations=annotations)
    arguments = made.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    made.parameters = arguments.model_json_schema(by_alias=True)
    return made


class _Tools:
    """The docstrings of the methods are what an assistant reads."""

    def __init__(self, pictures: Pictures) -> None:
        import anyio

        self._pictures = pictures
        # Parsers hold the interpreter's lock: several at a time would leave nothing to the rest of the service.
        self._one_at_a_time = anyio.CapacityLimiter(1)
        self._reading = 0

    async def picture_url(
        self,
        prompt: _Prompt,
        seed: _Seed = None,
        alt: _Alt = None,
        dark_prompt: _Dark = None,
        parameters: _Parameters = None,
    ) -> PictureUrl:
        """Give the URL of an AI picture for a prompt, as Markdown and HTML to paste. It makes nothing and is free."""
        asked = {"prompt": prompt, "seed": str(secrets.randbelow(SEED_MAX + 1) if seed is None else seed)}
        asked |= {name: str(value) for name, value in (parameters or {}).items()}
        url = self._url(asked)
        described = " ".join((alt or prompt).split())
        found = snippets(url, described)
        dark = None if dark_prompt is None else picture(url, self._url({**asked, "prompt": dark_prompt}), described)
        drawn = None if is_seedless(url) else asked["seed"]
        return PictureUrl(
            url=url, markdown=found["markdown"], html=found["html"], alt=described, seed=drawn, picture=dark
        )

    async def make_picture(self, url: _Url) -> CallToolResult:
        """Make the picture of a URL, wait for it (seconds) and show it. One that is there already costs nothing."""
        target = self._target(url)
        try:
            before = await self._pictures.info(target)
            seeded = self._seeded(target, before) if is_seedless(target) else target
            await self._pictures.picture(seeded)
            content, media_type = await self._pictures.picture(_preview(seeded))
            members = await self._pictures.info(seeded)
        except Refused as refused:
            raise ToolError(str(refused)) from None
        said = {
            "url": self._pictures.public_url + str(members["url"]),
            "permalink": self._pictures.public_url + str(members["permalink"]),
            "credits": 0 if before["state"] == "stored" else members["credits"],
            "markdown": members["snippets"]["markdown"],
        }
        image = ImageContent(type="image", data=base64.b64encode(content).decode(), mime_type=media_type)
        text = TextContent(type="text", text=json.dumps(said, ensure_ascii=False))
        return CallToolResult(content=[text, image], structured_content=said)

    async def look_up(self, url: _Url) -> dict[str, Any]:
        """Say what a URL means, whether its picture is made already (state), and what a new one costs (credits)."""
        try:
            members = dict(await self._pictures.info(self._target(url)))
        except Refused as refused:
            raise ToolError(str(refused)) from None
        return members

    async def pin_markdown(self, text: _Text, syntax: _Syntax = "markdown") -> Pinned:
        """Write a seed into each URL of this service in a document that has none, so that its pictures stay."""
        if syntax not in list(Kind):
            raise ToolError(f'syntax="{syntax[:NAME_MAX]}": allowed: {", ".join(Kind)}')
        found, left_out = await self._seedless(text, Kind(syntax))
        if len(found) > PINNED_MAX:
            many = f"the text has {len(found)} URLs without a seed, and at most {PINNED_MAX} are looked up in one call"
            raise ToolError(f"{many}: send it in parts, or run promptcdn pin")
        by_target = {target: await self._pinned(target) for target in dict.fromkeys(one.target for one in found)}
        urls = {one: f"{one.base}{by_target[one.target]}" for one in found}
        return Pinned(text=rewritten(text, urls), pinned=list(dict.fromkeys(urls.values())), left_out=left_out)

    async def _seedless(self, text: str, kind: Kind) -> tuple[list[Found], list[str]]:
        """As the function below. Raises `ToolError`."""
        if self._reading > WAITING_MAX:
            raise ToolError("too many documents are being read: try again in a minute, or run promptcdn pin")
        import anyio.to_thread

        ours = Ours.of(self._pictures.public_url)
        self._reading += 1
        try:
            return await anyio.to_thread.run_sync(_seedless, text, kind, ours, limiter=self._one_at_a_time)
        except ValueError as wrong:
            raise ToolError(f"the text cannot be read: {wrong}") from None
        finally:
            self._reading -= 1

    async def _pinned(self, target: str) -> str:
        try:
            return self._seeded(target, await self._pictures.info(target))
        except Refused as refused:
            raise ToolError(f"{target}: {refused}") from None

    def _seeded(self, target: str, members: Mapping[str, Any]) -> str:
        """A URL without a seed, with that of the first picture that is stored, or else of the first that may be made.
        Raises `ToolError` where there is none."""
        seed = chosen_seed(members)
        if seed is None:
            raise ToolError(f"{target}: all its pictures were refused or taken down")
        try:
            return self._pictures.pinned(target, seed.number)
        except ValueError as wrong:
            raise ToolError(f"{target}: {wrong}") from None

    def _url(self, parameters: Mapping[str, str]) -> str:
        """The whole URL. Raises `ToolError` that names the parameter, its value and what is allowed."""
        try:
            request = parse(urlencode({name: value for name, value in parameters.items() if value}).encode())
            require_consistent(request.asked)
        except problems.Problem as problem:
            raise ToolError(given.told(problem)) from None
        path = address(request.asked, request.delivery, "query")
        if len(path) > URL_MAX:
            raise ToolError(f"the URL would be longer than the {URL_MAX} bytes that the service takes")
        return self._pictures.signed(self._pictures.public_url + path)

    def _target(self, url: str) -> str:
        """What the service is asked for. Raises `ToolError` for a URL of somebody else."""
        target = url if url.startswith("/") else Ours.of(self._pictures.public_url).target(url)
        if target is None or request_of(target) is None:
            raise ToolError(f"this is no URL with a prompt that begins with {self._pictures.public_url}: {url[:200]}")
        return target.partition("#")[0]


def _seedless(text: str, kind: Kind, ours: Ours) -> tuple[list[Found], list[str]]:
    """The URLs of a document that have no seed, and what is wrong with those that are cut."""
    found = find(text, kind, ours)
    missed = cut(text, kind, ours, found)
    seedless = [one for one in found if is_seedless(one.target)]
    said = [(one, missed[one.span]) for one in seedless if one.span in missed]
    left_out = [f"{one.line}:{one.column}: {each.message}; {each.cure}" for one, each in said]
    return [one for one in seedless if one.span not in missed], left_out


def _preview(target: str) -> str:
    """A smaller file of the same picture."""
    request = request_of(target)
    assert request is not None, "whoever asks has looked"
    return address(
        request.asked, replace(request.delivery, w=_PREVIEW_WIDTH, h=None, format=_PREVIEW, dpr=None), "query"
    )
