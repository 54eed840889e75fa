"""The `openai` generator: pictures from OpenAI, or from any server that has its images API.

    servers    the kinds of servers, and what each has of its own
    engines    the sizes of engines, and what they understand
    prices     what hosted servers charge
    wire       the request for one picture
    answers    the answer to it
    client     one call for a picture, and what `doctor` asks

Importing this module is cheap: httpx2 comes in with the first call.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from promptcdn.checks import Check
from promptcdn.generators import NO_SOURCES, InspectedGenerator, Made, Sources
from promptcdn.generators.declaration import Declaration, Given
from promptcdn.generators.http import TIMINGS, Address, Hosts, Timings, address, require_sendable
from promptcdn.generators.openai.engines import families, of_any_server
from promptcdn.generators.openai.prices import PRICES
from promptcdn.generators.openai.servers import BY_NAME, Server, server
from promptcdn.misconfiguration import one_of
from promptcdn.url.request import Resolved

DEFAULT_BASE_URL = "https://api.openai.com/v1"


class OpenAi:
    """Makes pictures at `where`, a server of the kind `server`. `paid`: each picture costs money.

    `extra` are the operator's own fields of requests, `hosts` are those from which a picture may be fetched, and
    `syntax_allowed` says whether readers may use what the server reads out of prompts.
    Raises `ValueError` where the key cannot be right.
    """

    refuses = ""

    def __init__(
        self,
        where: Address,
        server: Server,
        key: str | None = None,
        *,
        paid: bool = True,
        extra: Mapping[str, Any] | None = None,
        hosts: Hosts | None = None,
        syntax_allowed: bool = False,
        timings: Timings = TIMINGS,
    ) -> None:
        from promptcdn.generators.http.client import Http  # late, as httpx2 is: for those who call
        from promptcdn.generators.openai.client import Client

        if key:
            require_sendable(key, "OPENAI_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.paid = paid
        self._where = where
        self._timings = timings
        self._client = Client(Http(where, headers, timings, hosts), server, extra or {}, syntax_allowed=syntax_allowed)

    @property
    def name(self) -> str:
        return DECLARATION.name

    def __repr__(self) -> str:
        return f"OpenAi({str(self._where)!r})"

    async def generate(
        self, resolved: Resolved, content_key: str, seconds: float | None = None, *, sources: Sources = NO_SOURCES
    ) -> Made:
        """One picture, or that the filter refused it, within `seconds`. Raises `UpstreamFailed`."""
        del content_key, sources  # the API has no place for an id of ours, and no engine starts from pictures
        return await self._client.generate(resolved, self._timings.picture if seconds is None else seconds)

    async def checks(self, engines: Sequence[str]) -> tuple[Check, ...]:
        """Whether the server answers, takes the key, and lists `engines`. Spends nothing."""
        return await self._client.checks(engines)

    async def close(self) -> None:
        await self._client.close()


def base_url(text: str) -> Address:
    """The address that OPENAI_BASE_URL names; without a path it is `/v1`, where all servers have the API."""
    found = address(text or DEFAULT_BASE_URL, "OPENAI_BASE_URL")
    return found if found.path else replace(found, path="/v1")


def server_named(name: str) -> Server:
    """The kind of server that PROMPTCDN_OPENAI_SERVER names. Raises `ValueError`."""
    if name not in BY_NAME:
        raise ValueError(f"there is no such kind of server; allowed: {one_of(sorted(BY_NAME))}")
    return BY_NAME[name]


def own_fields(text: str) -> Mapping[str, Any]:
    """The fields that PROMPTCDN_OPENAI_FIELDS names, a JSON object. Raises `ValueError`."""
    try:
        found = json.loads(text or "{}")
        json.dumps(found, allow_nan=False)  # what json.loads takes and no request can hold
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError('allowed: a JSON object like {"quality": "low"}')  # noqa: TRY004
    return found


def _server(settings: Mapping[str, str]) -> Server:
    return server(settings["openai_server"], base_url(settings["openai_base_url"]).host)


def _under(settings: Mapping[str, str]) -> Declaration:
    """The declaration for the server that the settings name."""
    chosen = _server(settings)
    return replace(
        DECLARATION,
        engine=chosen.engine,
        known=(),
        engines=families(chosen),
        prices=() if chosen.self_hosted else PRICES,
        paid=not chosen.self_hosted,
    )


def _opened(given: Given) -> InspectedGenerator:
    from promptcdn.generators.care.guarded import Guarded  # late: tenacity comes with it
    from promptcdn.generators.openai.client import ACCESS

    settings = given.settings
    upstream = OpenAi(
        base_url(settings["openai_base_url"]),
        _server(settings),
        settings["openai_api_key"] or None,
        paid=given.paid,
        extra=own_fields(settings["openai_fields"]),
        hosts=Hosts.parse(settings["fetch_hosts"]),
        syntax_allowed=settings["prompt_syntax"] == "allowed",
    )
    return Guarded(upstream, given.seconds, breaker=given.breaker, access=ACCESS)


DECLARATION = Declaration(
    name="openai",
    opened=_opened,
    engine=BY_NAME["openai"].engine,
    engines=of_any_server(),
    prices=PRICES,
    settings=("openai_api_key", "openai_base_url", "openai_server", "openai_fields", "fetch_hosts", "prompt_syntax"),
    needs_one=("openai_api_key", "openai_base_url"),
    by_settings=_under,
)
