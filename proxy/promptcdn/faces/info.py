"""The route `/info`: what a URL means and whether its picture is stored. It makes nothing and writes nothing."""

from collections.abc import Iterable, Iterator

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from promptcdn import problems
from promptcdn.cdn import Cdn
from promptcdn.faces import requests
from promptcdn.pictures import sizing
from promptcdn.problems import Problem
from promptcdn.readers import response_headers
from promptcdn.readers.answers import Look, Looks, State
from promptcdn.url.dialects import mistakes
from promptcdn.url.parse import canonical_url, permalink
from promptcdn.url.request import Asked, Delivery, Request, Resolved
from promptcdn.url.resolving import as_drawn
from promptcdn.url.snippets import snippets

# The state of a pool is the first of these that any of its pictures has.
_STATES: tuple[State, ...] = ("stored", "generating", "absent", "blocked", "removed")


async def info(http: HttpRequest) -> Response:
    """The JSON about a URL."""
    service = requests.service_of(http)
    look = members(service.cdn, requests.parsed(http), http.app.state.public_url)
    return JSONResponse(
        await requests.looked_up(http, look, service.infos), headers=response_headers.document_headers()
    )


async def of_permalink(_http: HttpRequest) -> Response:
    """A permalink names a picture and keeps its prompt to itself, so that only the operator is told what it shows."""
    detail = "a permalink does not say what it shows: ask with a URL that has prompt=, or run promptcdn info URL"
    raise Problem(problems.NOT_FOUND, detail)


async def members(cdn: Cdn, request: Request, public_url: str) -> dict[str, object]:
    """The members of `/info`. `public_url` begins the URLs in snippets. Raises `Problem` as the picture's URL would."""
    asked, delivery = request.asked, request.delivery
    all_looks = await cdn.looks(request)
    looks = all_looks.found
    one = None if asked.seed is None else looks[0]
    # Snippets have the other style of URL, in which nothing is replaced by the nearest that is offered.
    pasted = as_drawn(asked, looks[0].resolved) if request.nearest else asked
    url = canonical_url(pasted, delivery)
    return {
        "content_key": one and one.content_key,
        "state": one.state if one else _whole(look.state for look in looks),
        "permalink": one and permalink(one.content_key, delivery),
        "url": url,
        "as_asked": asked.parameters(),
        "resolved": {**looks[0].resolved.parameters(), "seed": one and one.seed},
        "sources": await _sources(cdn, looks[0].resolved),
        "pool": None if one else [_variant(pasted, delivery, look) for look in looks],
        "snippets": snippets(public_url + url, asked.prompt, sizing.laid_out(delivery, looks[0].resolved.size)),
        "notes": [
            *request.notes,
            *mistakes.notes(request),
            *cdn.notes(asked, looks[0].resolved),
            *_stand_ins(looks),
            *_missing(all_looks),
        ],
    }


async def _sources(cdn: Cdn, resolved: Resolved) -> dict[str, object]:
    """By parameter: the pictures that this one is made from."""
    return {
        name: {"content_key": key, "state": await cdn.state(key), "permalink": permalink(key)}
        for name, key in resolved.sources.items()
    }


def _stand_ins(looks: Iterable[Look]) -> Iterator[str]:
    for look in looks:
        if look.stand_in is not None:
            lost = f"the original file of the picture with seed {look.seed} was lost"
            yield f"{lost}: its rendition {look.stand_in} is shown in its place"


def _missing(looks: Looks) -> Iterator[str]:
    if looks.missing is not None:
        yield f"no more pictures of this URL can be made: {looks.missing.detail}"


def _whole(states: Iterable[State]) -> State:
    there = set(states)
    return next(state for state in _STATES if state in there)


def _variant(pasted: Asked, delivery: Delivery, look: Look) -> dict[str, object]:
    return {
        "seed": look.seed,
        "state": look.state,
        "content_key": look.content_key,
        "url": canonical_url(pasted.seeded(look.seed), delivery),
    }
