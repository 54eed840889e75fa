"""The playground: the page that a person's browser is shown at `/`, and the files that it is made of.

description    what the page is told of this service: parameters, engines, who may have pictures made
page.html      the page; its style is style.css and its icon icon.svg
app.js         what happens when something is typed, made, chosen or gone back to; it imports the other scripts:
                 state (parameters in the page's address), service (what is asked over HTTP), form (the fields),
                 snippets (what is copied), variations, history, headers (why it is cached), dom (elements)
"""

import hashlib
import json
import re
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from promptcdn import problems
from promptcdn.faces import pictures, requests
from promptcdn.faces.playground.description import described
from promptcdn.problems import Problem
from promptcdn.readers import response_headers
from promptcdn.readers.audience import Audience
from promptcdn.readers.conditions import Condition
from promptcdn.settings import Settings
from promptcdn.url.parse import says_nothing

_FOLDER = Path(__file__).parent
# Indentation, and lines of comment. What is left has the same numbers of lines, which errors of scripts are told by.
_UNSENT = re.compile(rb"^ *(//.*)?", re.MULTILINE)
_MEDIA_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Page(NamedTuple):
    """The page as it is sent."""

    body: bytes
    etag: str


class Playground:
    """The page of one service. `address` is what its snippets begin with."""

    def __init__(self, settings: Settings, address: str) -> None:
        self._settings = settings
        self._address = address

    @cached_property
    def page(self) -> Page:
        """Made when it is first asked for: most starts are followed by no look at it."""
        told = json.dumps(described(self._settings, self._address), ensure_ascii=False, separators=(",", ":"))
        # In a data block only `<` could end the block or hide its end (HTML, section 4.12.1.3).
        text = _sent(_FOLDER / "page.html").decode().replace("VERSION", version())
        body = text.replace("DESCRIPTION", told.replace("<", "\\u003c")).encode()
        return Page(body, f'"{hashlib.sha256(body).hexdigest()[:16]}"')


async def page_or_picture(http: HttpRequest) -> Response:
    """The page for a person's browser that asks for nothing else; everybody else is told what a picture's URL needs."""
    if requests.audience_of(http.scope) is not Audience.NAVIGATION or not says_nothing(requests.raw_query(http)):
        return await pictures.picture(http)
    playground: Playground = http.app.state.playground
    body, etag = playground.page
    condition = Condition.parse(http.headers.getlist("if-none-match"))
    if condition.anything or etag in (tag.removeprefix("W/") for tag in condition.tags):
        return Response(status_code=304, headers=response_headers.page_headers(etag))
    return Response(body, headers=response_headers.page_headers(etag))


async def file(http: HttpRequest) -> Response:
    """A file of the page. Raises `Problem` (404), also for the files of another version of the service."""
    found = files().get(http.path_params["name"])
    if found is None or http.path_params["version"] != version():
        detail = "this is no file of the playground as it is now: load the page / again"
        raise Problem(problems.NOT_FOUND, detail)
    return Response(found, headers=response_headers.file_headers(_MEDIA_TYPES[Path(http.path_params["name"]).suffix]))


@cache
def files() -> dict[str, bytes]:
    """Those that the page loads, by name."""
    return {path.name: _sent(path) for path in sorted(_FOLDER.iterdir()) if path.suffix in _MEDIA_TYPES}


def _sent(path: Path) -> bytes:
    return _UNSENT.sub(b"", path.read_bytes())


@cache
def version() -> str:
    """A hash of all files that the page loads: together they change, and a file never changes under its URL."""
    return hashlib.sha256(b"".join(name.encode() + data for name, data in files().items())).hexdigest()[:16]
