"""The `huggingface` generator: pictures from Hugging Face's inference API, or from a server with the same protocol.

Sources, read in November 2026: the task "text-to-image" in `@huggingface/tasks` (the request), Hugging Face's pages of
parameters and prices (402 where the credits are used up), users' pages on a model that is loading (503 with
`estimated_time`), and hf-serve 0.2.0, measured: seed 0 is random, and `Accept` is one media type and nothing else.

Importing this module is cheap: httpx2 comes in with the first call.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from promptcdn.checks import Check
from promptcdn.generators import NO_SOURCES, InspectedGenerator, Made, Sources, prompts
from promptcdn.generators.declaration import Declaration, Given
from promptcdn.generators.http import TIMINGS, Address, Reply, Timings, address, documents, require_sendable, statuses
from promptcdn.money.costs import Price
from promptcdn.problems import UPSTREAM_BUSY, UPSTREAM_GARBLED, UPSTREAM_REFUSED, UpstreamFailed
from promptcdn.url.engines import ANY
from promptcdn.url.request import Resolved

DEFAULT_ENDPOINT = "https://router.huggingface.co/hf-inference"
# The router has every model at a path of its own; any other endpoint is one model's.
_ROUTER = r"router\.huggingface\.co|api-inference\.huggingface\.co"
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")

# What is sent for seed 0, which hf-serve takes for "any". Frozen: another number would make other pictures for old
# URLs.
SEED_FOR_ZERO = 2_654_435_769
# The URL grammar's default: what the server has for its model holds then.
DEFAULT_CFG_SCALE = 7.0
PICTURE_BYTES = 32 << 20
_ANSWER_BYTES = 64 << 10
# What the operator checks where the endpoint denies access.
_ADDRESS = "check HF_INFERENCE_ENDPOINT, and whether the server runs"
_ACCESS = "HF_TOKEN, and HF_INFERENCE_ENDPOINT: another server may answer there"
_LONGEST_LOAD = 300.0  # seconds: whoever says more about a model that is loading is not believed


class HuggingFace:
    """Makes pictures at `where`, the router or one model's endpoint.

    Raises `ValueError` where the token cannot be right.
    """

    refuses = ""

    def __init__(
        self, where: Address, token: str | None = None, *, paid: bool = True, timings: Timings = TIMINGS
    ) -> None:
        from promptcdn.generators.http.client import Http  # late, as httpx2 is: for those who call

        if token:
            require_sendable(token, "HF_TOKEN")
        self.paid = paid
        self._where = where
        self._timings = timings
        self._http = Http(where, {"Authorization": f"Bearer {token}"} if token else {}, timings)

    @property
    def name(self) -> str:
        return DECLARATION.name

    def __repr__(self) -> str:
        return f"HuggingFace({str(self._where)!r})"

    async def generate(
        self, resolved: Resolved, content_key: str, seconds: float | None = None, *, sources: Sources = NO_SOURCES
    ) -> Made:
        """One picture, within `seconds`. Raises `UpstreamFailed`."""
        del content_key, sources  # the API has no place for an id of ours, and no engine starts from pictures
        reply = await self._http.post(
            self.path(resolved.engine),
            json=body(resolved),
            headers={"Accept": "image/png"},
            seconds=self._timings.picture if seconds is None else seconds,
            most=PICTURE_BYTES,
        )
        return read(reply, seed=resolved.seed or SEED_FOR_ZERO, engine=resolved.engine)

    async def checks(self, engines: Sequence[str]) -> tuple[Check, ...]:
        """Whether the endpoint answers and takes the token. It lists no engines, and asking it for one would cost."""
        del engines
        where = f"{self.name} at {self._where}"
        try:
            reply = await self._http.get("", seconds=self._timings.account, most=_ANSWER_BYTES)
        except UpstreamFailed as failure:
            return (Check("generator", False, f"{where}: {failure.detail}", _ADDRESS),)
        if reply.status == 401:
            return (Check("generator", False, f"{where}: the token is not accepted", f"check {_ACCESS}"),)
        # What the router answers to GET is nobody's promise: a page or a redirect may be right.
        if statuses.fails(reply.status):
            return (Check("generator", False, f"{where}: it answers {reply.status}", _ADDRESS),)
        return (Check("generator", True, where),)

    async def close(self) -> None:
        await self._http.close()

    def path(self, engine: str) -> str:
        """The path of that engine, behind the address."""
        if not _is_router(self._where):
            return ""
        if _MODEL.fullmatch(engine) is None:
            raise UpstreamFailed(UPSTREAM_REFUSED, f"{engine} is not the name of a model there", charged=False)
        return f"/models/{engine}"


def body(resolved: Resolved) -> dict[str, Any]:
    """The JSON of a request for one picture."""
    parameters: dict[str, Any] = {
        "seed": resolved.seed or SEED_FOR_ZERO,
        "width": resolved.width,
        "height": resolved.height,
        "num_inference_steps": resolved.steps,
    }
    if resolved.cfg_scale != DEFAULT_CFG_SCALE:
        parameters["guidance_scale"] = resolved.cfg_scale
    if resolved.negative_prompt:
        parameters["negative_prompt"] = prompts.sent(resolved.negative_prompt, prompts.PLAIN)
    return {"inputs": prompts.sent(resolved.prompt, prompts.PLAIN), "parameters": parameters}


def read(reply: Reply, *, seed: int, engine: str) -> Made:
    """What the upstream answered. Raises `UpstreamFailed`; no text of the upstream's is shown."""
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if reply.status == 200:
        if kind.startswith("image/"):
            return Made(reply.body, seed_sent=seed)
        raise UpstreamFailed(UPSTREAM_GARBLED, f"the upstream sent no picture for engine {engine}", charged=True)
    loading = _loading(reply)
    if loading is not None:
        detail = f"the upstream loads the model {engine}"
        raise UpstreamFailed(UPSTREAM_BUSY, detail, charged=False, pause=loading)
    raise statuses.failure(reply.status, reply.headers, f"engine {engine}")


def _loading(reply: Reply) -> float | None:
    """The seconds until a model is loaded, where the upstream says that it loads one."""
    if reply.status != 503:
        return None
    seconds = documents.number(documents.error(reply.body).get("estimated_time"))
    return None if seconds is None else min(max(0.0, seconds), _LONGEST_LOAD)


def endpoint(text: str) -> Address:
    """The address that HF_INFERENCE_ENDPOINT names. Raises `ValueError`."""
    found = address(text or DEFAULT_ENDPOINT, "HF_INFERENCE_ENDPOINT")
    return replace(found, path=found.path.removesuffix("/models")) if _is_router(found) else found


def _is_router(where: Address) -> bool:
    return re.fullmatch(_ROUTER, where.host) is not None


def _under(settings: Mapping[str, str]) -> Declaration:
    """The declaration for the endpoint that the settings name: a server on this machine costs nothing."""
    where = endpoint(settings["hf_inference_endpoint"])
    return replace(DECLARATION, prices=(), paid=False) if where.loopback else DECLARATION


def _opened(given: Given) -> InspectedGenerator:
    from promptcdn.generators.care.guarded import Guarded  # late: tenacity comes with it

    settings = given.settings
    upstream = HuggingFace(endpoint(settings["hf_inference_endpoint"]), settings["hf_token"] or None, paid=given.paid)
    return Guarded(upstream, given.seconds, breaker=given.breaker, access=_ACCESS)


DECLARATION = Declaration(
    name="huggingface",
    opened=_opened,
    engine="stabilityai/stable-diffusion-xl-base-1.0",
    engines=(replace(ANY, understands=frozenset({"negative_prompt", "steps", "cfg_scale"})),),
    # It bills by the second: about 0.1 cents for ten seconds of its cheapest hardware. A credit is a US cent.
    prices=(Price(r".*", 1000),),
    settings=("hf_token", "hf_inference_endpoint"),
    by_settings=_under,
)
