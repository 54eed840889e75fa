"""The interface described: `/openapi.json` for programs, and `/docs`, which shows the same to people.

document   the description, made from the tables of parameters and of problems
openai_api OpenAI's images API in it
work       what workers are handed and bring, in it
schemas    what values may be, as JSON Schema
page       the description as a page without scripts
"""

import json
from functools import cached_property

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from promptcdn.faces.openapi import page
from promptcdn.faces.openapi.document import described
from promptcdn.faces.texts import Text
from promptcdn.readers import response_headers
from promptcdn.settings import Settings


class Description:
    """The description of one service: the engines that it offers, and whether it takes pictures down, depend on its
    settings. Each part is made when it is first asked for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def document(self) -> Text:
        """An OpenAPI document, as JSON."""
        return Text.of(json.dumps(self._described, ensure_ascii=False, indent=1))

    @cached_property
    def page(self) -> Text:
        """The same as HTML."""
        return Text.of(page.html(self._described))

    @cached_property
    def _described(self) -> dict[str, object]:
        return described(self._settings)


async def for_programs(http: HttpRequest) -> Response:
    """The description for programs (OpenAPI 3.1)."""
    description: Description = http.app.state.description
    return description.document.answer(http, response_headers.description_headers)


async def for_people(http: HttpRequest) -> Response:
    """The description for people."""
    description: Description = http.app.state.description
    return description.page.answer(http, lambda etag: response_headers.docs_headers(etag, page.STYLE_DIGEST))
