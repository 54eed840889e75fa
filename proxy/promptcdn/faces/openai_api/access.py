"""Who may use OpenAI's images API, and how its problems are answered."""

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from promptcdn import problems
from promptcdn.faces import requests, responses
from promptcdn.faces.openai_api import errors
from promptcdn.faces.openai_api.errors import ApiProblem
from promptcdn.problems import Problem
from promptcdn.readers import response_headers
from promptcdn.readers.clients import Client


def is_ours(http: HttpRequest) -> bool:
    """Whether a request is one of this API, whose problems are told in its own way."""
    path: str = http.scope["path"]
    return path.startswith(errors.PREFIX)


def require_key(http: HttpRequest) -> Client:
    """The client whose API key the request has: it is charged for new pictures. Raises `Problem` (401; 404 where the
    operator set no keys)."""
    keys = requests.service_of(http).settings.api_keys
    if not keys:
        raise closed()
    found = keys.id_of(http.headers.get("authorization"))
    if found is None:
        detail = "there is no such API key: send the secret of one in the header Authorization: Bearer SECRET"
        raise ApiProblem(problems.INVALID_API_KEY, detail, api_code="invalid_api_key")
    return Client(None, api_key=found)


def closed() -> Problem:
    """The 404 of a service without API keys."""
    detail = "this service has no OpenAI API: whoever runs it opens one with the setting PROMPTCDN_API_KEYS"
    return Problem(problems.NOT_FOUND, detail)


def problem(http: HttpRequest, told: Problem) -> Response:
    """A problem as OpenAI's error object."""
    responses.note_problem(http, told)
    headers = response_headers.api_problem_headers(told, retry=errors.try_again(told))
    return JSONResponse(errors.document(told), errors.status(told), headers)
