"""The route `/info`: what a URL means and whether its picture is stored. It makes nothing and writes nothing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from promptcdn import problems
from promptcdn.cdn import Cdn
from promptcdn.faces import requests
from promptcdn.money.costs import Prices
from promptcdn.pictures import sizing
from promptcdn.problems import Problem
from promptcdn.readers import response_headers
from promptcdn.readers.answers import Look, Looks, State
from promptcdn.url import formats
from promptcdn.url.dialects import mistakes
from promptcdn.url.engines import Size
from promptcdn.url.parse import address, canonical_url, parse_info, parse_url, permalink
from promptcdn.url.request import Asked, Delivery, Described, Request, Resolved
from promptcdn.url.resolving import as_drawn
from promptcdn.url.snippets import picture, snippets

# The state of a pool is the first of these that any of its pictures has.
_STATES: tuple[State, ...] = ("stored", "generating", "absent", "blocked", "removed")


async def info(http: HttpRequest) -> Response:
    """The JSON about a URL."""
    service = requests.service_of(http)
    with service.telemetry.step("parse"):
        request, described = parse_info(http.scope["raw_path"], requests.raw_query(http))
    look = members(service.cdn, service.prices, request, http.app.state.public_url, described)
    return JSONResponse(
        await requests.looked_up(http, look, service.infos), headers=response_headers.document_headers()
    )


async def of_permalink(_http: HttpRequest) -> Response:
    """A permalink names a picture and keeps its prompt to itself, so that only the operator is told what it shows."""
    detail = "a permalink does not say what it shows: ask with a URL that has prompt=, or run promptcdn info URL"
    raise Problem(problems.NOT_FOUND, detail)


async def members(
    cdn: Cdn, prices: Prices, request: Request, public_url: str, described: Described = Described()
) -> dict[str, object]:
    """The members of `/info`. `public_url` begins the URLs in snippets. Raises `Problem` as the picture's URL would."""
    asked, delivery = request.asked, request.delivery
    all_looks = await cdn.looks(request)
    looks = all_looks.found
    one = None if asked.seed is None else looks[0]
    # Snippets have the other style of URL, in which nothing is replaced by the nearest that is offered.
    pasted = as_drawn(asked, looks[0].resolved) if request.nearest else asked
    url = canonical_url(pasted, delivery)
    state = one.state if one else _whole(look.state for look in looks)
    sources, about_them = await of_sources(cdn, looks[0].resolved, state)
    return {
        "content_key": one and one.content_key,
        "state": state,
        "permalink": one and permalink(one.content_key, delivery),
        "url": url,
        "as_asked": asked.parameters(),
        "resolved": {**looks[0].resolved.parameters(), "seed": one and one.seed},
        "sources": sources,
        "pool": None if one else [_variant(pasted, delivery, look) for look in looks],
        "credits": prices.cost(looks[0].resolved).millicredits / 1000,
        "snippets": _snippets(pasted, delivery, public_url, described, looks[0].resolved.size),
        "notes": [
            *request.notes,
            *mistakes.notes(request),
            *_of_engine(cdn, asked, looks),
            *about_them,
            *_stand_ins(looks),
            *_missing(all_looks),
        ],
    }


def _snippets(asked: Asked, delivery: Delivery, public_url: str, described: Described, drawn: Size) -> dict[str, str]:
    """The picture in each markup. `drawn` is the size of its master."""
    url, alt = public_url + canonical_url(asked, delivery), described.alt or asked.prompt
    size = sizing.laid_out(delivery, drawn)
    # A path that ends in an extension names one format.
    named = replace(delivery, format=formats.DEFAULT.name) if delivery.format == formats.AUTO else delivery
    found = {
        **snippets(url, alt, size),
        "url": url,
        "sites": snippets(public_url + address(asked, named, "extension"), alt)["markdown"],
    }
    if described.dark is not None:
        found["picture"] = picture(url, public_url + _canonical(described.dark), alt, size)
    return found


def _canonical(dark: str) -> str:
    """The canonical spelling of the picture for dark pages. Raises `Problem` (400) that names its parameter, `dark`."""
    path, _, query = dark.encode().partition(b"?")
    try:
        other = parse_url(path, query)
    except Problem as problem:
        raise problems.bad_parameter(
            "dark", dark, "a URL of a picture, from its first slash on", problem.detail
        ) from None
    return canonical_url(other.asked, other.delivery)


async def of_sources(cdn: Cdn, resolved: Resolved, state: State) -> tuple[dict[str, object], list[str]]:
    """By parameter the pictures that one is made from, and the notes about them; `state` is the picture's own."""
    states = {name: await cdn.state(key) for name, key in resolved.sources.items()}
    sources: dict[str, object] = {
        name: {"content_key": key, "state": states[name], "permalink": permalink(key)}
        for name, key in resolved.sources.items()
    }
    return sources, await cdn.origin_notes(resolved, state, states)


def _of_engine(cdn: Cdn, asked: Asked, looks: Sequence[Look]) -> Iterator[str]:
    return cdn.notes(asked, looks[0].resolved, stored=all(look.state == "stored" for look in looks))


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
