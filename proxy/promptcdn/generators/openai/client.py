"""One call for a picture, and what `doctor` asks."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from promptcdn.checks import Check
from promptcdn.generators import Made
from promptcdn.generators.declaration import LOADED
from promptcdn.generators.http import Http, documents, statuses
from promptcdn.generators.openai import answers, wire
from promptcdn.generators.openai.servers import OTHER, Server
from promptcdn.problems import GENERATOR_MISSING, UPSTREAM_UNAUTHORIZED, UpstreamFailed
from promptcdn.url.request import Resolved

# 2336x992 pixels of noise are 7 MB as a PNG; in base64 a picture is a third larger.
PICTURE_BYTES = 32 << 20
ANSWER_BYTES = 44 << 20
_LIST_BYTES = 4 << 20
# What the operator checks where the server denies access.
ACCESS = "OPENAI_API_KEY, and OPENAI_BASE_URL: another server may answer there"
_ADDRESS = "check OPENAI_BASE_URL, and whether the server runs"
_UNKNOWN_SERVER = (
    "its kind is not known, so its pictures count as paid and its seeds as not obeyed:"
    " PROMPTCDN_OPENAI_SERVER says which kind of server it is, PROMPTCDN_ENGINE which of its models to ask for"
)

# The service would choose a model of its own, which may cost money, and draw the picture of another one under the key.
_NOTHING_LOADED = (
    "this URL shows a picture of the model that the upstream of the generator openai had loaded, and a service like {}"
    " has no such model: whoever runs the service names a server of their own in OPENAI_BASE_URL"
)


class Client:
    """Asks one server for pictures; `extra` are the operator's own fields of requests."""

    def __init__(self, http: Http, server: Server, extra: Mapping[str, Any], *, syntax_allowed: bool) -> None:
        self._http = http
        self._server = server
        self._extra = extra
        self._syntax_allowed = syntax_allowed

    async def generate(self, resolved: Resolved, seconds: float) -> Made:
        """One picture, or that it was filtered, within `seconds`, connecting and fetching included.

        Raises `UpstreamFailed`.
        """
        ends = time.monotonic() + seconds
        server = self._server
        if resolved.engine == LOADED and server.engine != LOADED:
            raise UpstreamFailed(GENERATOR_MISSING, _NOTHING_LOADED.format(server.name), charged=False)
        body = wire.body(resolved, server, syntax_allowed=self._syntax_allowed, extra=self._extra)
        # Where nobody knows whether a seed is obeyed, an echo of another one must not cost a paid picture.
        seed = wire.seed_sent(resolved, server) if server.seeded else 0
        reply = await self._http.post(wire.PATH, json=body, seconds=seconds, most=ANSWER_BYTES)
        # In a thread: tens of megabytes of text take a while to read.
        found = await asyncio.to_thread(
            answers.read, reply, seed=seed, engine=resolved.engine, silent_filter=server.silent_filter
        )
        if isinstance(found, Made):
            return found
        left = max(1.0, ends - time.monotonic())
        picture = await self._http.fetch(found.url, reply.peer, seconds=left, most=PICTURE_BYTES)
        return Made(picture.body, seed_sent=seed, seed_echo=found.seed_echo)

    async def checks(self, engines: Sequence[str]) -> tuple[Check, ...]:
        """Whether the server answers, takes the key, and has `engines` where it lists them."""
        where = f"{self._server.name} at {self._http.where}"
        try:
            reply = await self._http.get("/models", seconds=self._http.timings.account, most=_LIST_BYTES)
        except UpstreamFailed as failure:
            return (Check("generator", False, f"{where}: {failure.detail}", _ADDRESS),)
        if reply.status in (401, 403):
            detail = f"{where}: {UPSTREAM_UNAUTHORIZED.title}"
            return (Check("generator", False, detail, f"check {ACCESS}"),)
        if wrong := statuses.fault(reply):
            return (Check("generator", False, f"{where}: {wrong}", _ADDRESS),)
        reached = Check("generator", True, where, _UNKNOWN_SERVER if self._server is OTHER else "")
        listed = _listed(reply.body) if reply.status == 200 else set()
        # Software that one runs oneself has one model, and calls it what it likes.
        if not listed or self._server.self_hosted:
            return (reached,)
        return (reached, *(_engine(name, listed) for name in engines))

    async def close(self) -> None:
        await self._http.close()


def _listed(body: bytes) -> set[str]:
    """The ids in a list of models: `{"data": [{"id": …}]}`, or the list alone (Together's)."""
    document = documents.document(body)
    items = document.get("data") if isinstance(document, dict) else document
    ids = (item.get("id") for item in items if isinstance(item, dict)) if isinstance(items, list) else ()
    return {each for each in ids if isinstance(each, str)}


def _engine(name: str, listed: set[str]) -> Check:
    if name == LOADED:
        return Check(f"engine {name}", True, "the model that the server has loaded")
    if name in listed:
        return Check(f"engine {name}", True, "listed")
    like = sorted(each for each in listed if any(part in each.lower() for part in ("image", "imagine", "flux", "diff")))
    advice = f"its names with image, flux or diffusion in them: {', '.join(like[:20])}" if like else ""
    return Check(f"engine {name}", False, "the server lists no such model", advice)
