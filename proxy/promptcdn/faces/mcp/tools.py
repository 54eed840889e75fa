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
from pydantic import BaseModel, Field

from promptcdn import __version__, problems
from promptcdn.markdown import Kind, Ours, find, rewritten
from promptcdn.markdown.pin import chosen_seed, is_seedless, pinned, request_of
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

# Long enough for a page, and short enough to be parsed while others wait.
TEXT_MAX = 200_000
# The width of what an assistant is shown of a picture, in pixels: the URL has all of it.
_PREVIEW_WIDTH = 512

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
    Field(
        description="Further parameters of the URL: width and height (multiples of 64) or aspect_ratio (16:9), "
        "negative_prompt, style_preset, engine, steps, cfg_scale; for the file w, h, format (webp, png, jpeg, avif)."
    ),
]
_Url = Annotated[str, Field(description="A URL of this service, as picture_url gives it, with or without its host.")]
_Text = Annotated[str, Field(description="The whole text of the document.", max_length=TEXT_MAX)]
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
        self._pictures = pictures

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
            seeded = _seeded(target, before)
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
            raise ToolError(f'syntax="{syntax}": allowed: {", ".join(Kind)}')
        import anyio.to_thread

        ours = Ours.of(self._pictures.public_url)
        try:
            found = await anyio.to_thread.run_sync(find, text, Kind(syntax), ours)
        except ValueError as wrong:
            raise ToolError(f"the text cannot be read: {wrong}") from None
        urls = {}
        for one in found:
            if is_seedless(one.target):
                urls[one] = f"{one.base}{await self._pinned(one.target)}"
        return Pinned(text=rewritten(text, urls), pinned=list(dict.fromkeys(urls.values())))

    async def _pinned(self, target: str) -> str:
        try:
            seed = chosen_seed(await self._pictures.info(target))
            if seed is None:
                raise ToolError(f"{target}: all its pictures were refused or taken down")
            return pinned(target, seed.number)
        except (Refused, ValueError) as wrong:
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


def _seeded(target: str, members: Mapping[str, Any]) -> str:
    """A URL with a seed: of one without, the first picture that is stored, or else the first of its pool."""
    if not is_seedless(target):
        return target
    seed = chosen_seed(members)
    if seed is None:
        raise ToolError("all pictures of this URL were refused or taken down")
    return pinned(target, seed.number)


def _preview(target: str) -> str:
    """A smaller file of the same picture."""
    request = request_of(target)
    assert request is not None, "whoever asks has looked"
    return address(request.asked, replace(request.delivery, w=_PREVIEW_WIDTH, h=None, format="jpeg", dpr=None), "query")
