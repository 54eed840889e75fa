"""The `a1111` generator: pictures from AUTOMATIC1111's web UI, or from any server that has its image API.

    engines    the checkpoints that URLs may name
    wire       the request for one picture
    names      the servers' names of samplers and schedulers
    answers    what a reply means: a picture, or why there is none
    inventory  what `doctor` asks the server, without drawing

Servers: AUTOMATIC1111, Forge, SD.Next, KoboldCpp and stable-diffusion.cpp's sd-server (docs/generators.md).
Importing this module is cheap: httpx2 comes in with the first call.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import replace

from promptcdn.checks import Check
from promptcdn.generators import NO_SOURCES, InspectedGenerator, Made, Sources
from promptcdn.generators.a1111 import answers, engines, inventory, wire
from promptcdn.generators.declaration import LOADED, Declaration, Given
from promptcdn.generators.http import TIMINGS, Timings, address
from promptcdn.problems import GENERATOR_MISSING, UpstreamFailed
from promptcdn.url.request import Resolved

# A picture of 1536x1536 pixels has 7 MB as a PNG that does not compress, and a third more as Base64.
ANSWER_MAX = 32_000_000
# One of twice these sides.
UPSCALED_MAX = 64_000_000


class A1111:
    """Makes pictures by `POST /sdapi/v1/txt2img` and `img2img`, and enlarges them by `extra-single-image`.

    `url` is text as in A1111_URL; `restores`: a URL that names a checkpoint leaves the server with the one it had.
    `syntax`: readers may use the syntax of prompts, as `(word:1.3)`. `upscaler`: what enlarges pictures, by its name.
    Raises `ValueError` where `url` is no address.
    """

    refuses = ""

    def __init__(
        self,
        url: str,
        user: str = "",
        password: str = "",
        *,
        restores: bool = True,
        syntax: bool = False,
        upscaler: str = "",
        timings: Timings = TIMINGS,
    ) -> None:
        from promptcdn.generators.http.client import Http  # late: asyncio and more, for those who call

        self._where = address(url, "A1111_URL")
        self._http = Http(self._where, _authorization(user, password), timings)
        self._restores = restores
        self._syntax = syntax
        self._upscaler = upscaler
        self._timings = timings

    @property
    def name(self) -> str:
        return DECLARATION.name

    @property
    def paid(self) -> bool:
        return DECLARATION.paid

    def __repr__(self) -> str:
        return f"A1111({str(self._where)!r})"

    async def generate(
        self, resolved: Resolved, content_key: str, seconds: float | None = None, *, sources: Sources = NO_SOURCES
    ) -> Made:
        """One picture, within `seconds`. Raises `UpstreamFailed`.

        A call that is given up goes on at the server: the API can stop whatever is drawn at the moment, and that may
        be somebody else's picture.
        """
        import asyncio  # late: commands that make no pictures read the list of generators, too

        del content_key  # the API has no place for it
        seconds = self._timings.picture if seconds is None else seconds
        if resolved.upscale is not None and sources.init is not None:
            return await self._enlarged(sources.init, resolved.upscale, seconds)
        body = wire.request(resolved, restores=self._restores, syntax=self._syntax, sources=sources)
        reply = await self._http.post(wire.path(sources), json=body, seconds=seconds, most=ANSWER_MAX)
        # In a thread: tens of megabytes of text take a while to read.
        return await asyncio.to_thread(answers.made, reply, resolved)

    async def _enlarged(self, init: bytes, factor: int, seconds: float) -> Made:
        import asyncio  # late, as above

        if not self._upscaler:
            detail = (
                "this picture is enlarged by an upscaler of the generator a1111, and this service has none: whoever"
                " runs the service names one in A1111_UPSCALER"
            )
            raise UpstreamFailed(GENERATOR_MISSING, detail, charged=False)
        body = wire.enlargement(init, factor, self._upscaler)
        reply = await self._http.post(wire.EXTRAS, json=body, seconds=seconds, most=UPSCALED_MAX)
        return await asyncio.to_thread(answers.enlarged, reply, self._upscaler)

    async def checks(self, engines: Sequence[str]) -> tuple[Check, ...]:
        """Whether the server is there and has `engines` and the upscaler."""
        return await inventory.checks(self._http, engines, self._upscaler, self._timings.account)

    async def close(self) -> None:
        """Closes what is open."""
        await self._http.close()


def _authorization(user: str, password: str) -> dict[str, str]:
    """The header of `--api-auth` (RFC 7617); none where neither is set."""
    if not (user or password):
        return {}
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


def _under(values: Mapping[str, str]) -> Declaration:
    """The declaration as the settings make it: pictures are enlarged where an upscaler is named. An address that is
    none ends the start."""
    address(values["a1111_url"], "A1111_URL")
    return replace(DECLARATION, engines=engines.UPSCALING) if values["a1111_upscaler"] else DECLARATION


def _opened(given: Given) -> InspectedGenerator:
    from promptcdn.generators.care.guarded import Guarded  # late, like the client

    values = given.settings
    upstream = A1111(
        values["a1111_url"],
        values["a1111_user"],
        values["a1111_password"],
        # Where URLs name no checkpoint they get the one that the operator has loaded at the server.
        restores=given.engine == LOADED,
        syntax=values["prompt_syntax"] == "allowed",
        upscaler=values["a1111_upscaler"],
    )
    return Guarded(upstream, given.seconds, breaker=given.breaker, access=inventory.ACCESS)


DECLARATION = Declaration(
    name="a1111",
    opened=_opened,
    engine=LOADED,
    engines=engines.FAMILIES,
    paid=False,
    settings=("a1111_url", "a1111_user", "a1111_password", "a1111_upscaler", "prompt_syntax"),
    needs=("a1111_url",),
    auto=True,
    # These servers draw one picture after the other, and a second request only waits.
    concurrency=1,
    by_settings=_under,
)
