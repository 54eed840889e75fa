"""The routes of models: the engines that the operator offers."""

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from promptcdn.faces import requests
from promptcdn.faces.openai_api import access, answers, translation
from promptcdn.readers import response_headers


async def listed(http: HttpRequest) -> Response:
    """All of them."""
    access.require_key(http)
    return _document(answers.models(requests.service_of(http).settings.defaults))


async def one(http: HttpRequest) -> Response:
    """The one that the path names. Raises `Problem` (404)."""
    access.require_key(http)
    defaults, name = requests.service_of(http).settings.defaults, http.path_params["model"]
    found = answers.model(defaults, name)
    if found is None:
        raise translation.no_such_model(name, defaults.names)
    return _document(found)


def _document(document: answers.Document) -> Response:
    return JSONResponse(document, headers=response_headers.document_headers())
