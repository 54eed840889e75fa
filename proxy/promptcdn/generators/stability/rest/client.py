"""One call for a picture."""

from collections.abc import Sequence

from promptcdn import __version__
from promptcdn.checks import Check
from promptcdn.generators import Made, Sources
from promptcdn.generators.http import Address, Http
from promptcdn.generators.http.statuses import fault
from promptcdn.generators.stability.rest import account, answers, wire
from promptcdn.generators.stability.rest.engines import ENDPOINTS
from promptcdn.generators.stability.timings import Timings
from promptcdn.problems import GENERATOR_MISSING, UpstreamFailed
from promptcdn.url.request import Resolved

# 2336x992 pixels of noise as a PNG are 7 MB.
PICTURE_BYTES = 32 << 20
# An upscaler's 4096x4096 pixels have 50 MB where they do not compress at all.
UPSCALED_BYTES = 64 << 20
_ANSWER_BYTES = 64 << 10
_ADDRESS = "check STABILITY_HOST, its scheme (https:// or http://), and whether the server runs"


class Client:
    """Asks one upstream for pictures."""

    def __init__(self, where: Address, key: str | None, timings: Timings) -> None:
        self._where = where
        self._timings = timings
        self._http = Http(where, _headers(key))

    async def generate(self, resolved: Resolved, content_key: str, seconds: float, sources: Sources) -> Made:
        """One picture, or that it was filtered, within `seconds`, connecting included. Raises `UpstreamFailed`."""
        del content_key
        engine = resolved.engine
        if engine not in ENDPOINTS:
            detail = (
                f"this URL shows a picture of the engine {engine} of the generator stability, which is reached over"
                " gRPC only: whoever runs the service names a gRPC upstream in STABILITY_HOST (grpcs://HOST)"
            )
            raise UpstreamFailed(GENERATOR_MISSING, detail, charged=False)
        reply = await self._http.post(
            wire.path(engine),
            files=wire.parts(resolved, sources),
            headers={"Accept": "image/*"},
            seconds=seconds,
            most=UPSCALED_BYTES if ENDPOINTS[engine].upscales else PICTURE_BYTES,
        )
        return answers.read(reply, seed=wire.seed_sent(resolved), engine=engine)

    async def checks(self, engines: Sequence[str]) -> tuple[Check, ...]:
        """Whether the upstream answers, takes the key, has `engines`, and has credits left."""
        try:
            reply = await self._http.get(account.BALANCE, seconds=self._timings.account, most=_ANSWER_BYTES)
        except UpstreamFailed as failure:
            return (Check("generator", False, f"stability at {self._where}: {failure.detail}", _ADDRESS),)
        if wrong := fault(reply):
            return (Check("generator", False, f"stability at {self._where}: {wrong}", _ADDRESS),)
        return (Check("generator", True, f"stability at {self._where}"), *account.checks(reply, engines))

    async def close(self) -> None:
        await self._http.close()


def _headers(key: str | None) -> dict[str, str]:
    """What goes with every call. The key goes over plain connections too, where the operator named one."""
    client = {"stability-client-id": "promptcdn", "stability-client-version": __version__}
    return {"Authorization": f"Bearer {key}", **client} if key else client
