"""One call for a picture."""

import asyncio
import time
from collections.abc import Sequence

from promptcdn import __version__, pictures
from promptcdn.checks import Check
from promptcdn.generators import Made, Sources
from promptcdn.generators.stability.grpc import account, answers, wire
from promptcdn.generators.stability.grpc.address import Address
from promptcdn.generators.stability.grpc.channels import Channels
from promptcdn.generators.stability.grpc.stubs import GenerationServiceStub
from promptcdn.generators.stability.timings import Timings
from promptcdn.problems import UpstreamFailed
from promptcdn.url.request import Resolved


class Client:
    """Asks one upstream for pictures."""

    def __init__(self, where: Address, key: str | None, timings: Timings) -> None:
        self._timings = timings
        self._channels = Channels(where, timings)
        self._metadata = _metadata(key)

    async def generate(self, resolved: Resolved, content_key: str, seconds: float, sources: Sources) -> Made:
        """One picture, or that it was filtered, within `seconds`, connecting included.

        Raises `UpstreamFailed`.
        """
        ends = time.monotonic() + seconds
        request = await _request(resolved, content_key, sources)
        async with self._channels.connected(min(self._timings.connect, seconds / 2)) as channel:
            stub = GenerationServiceStub(channel)
            call = stub.Generate(request, timeout=ends - time.monotonic(), metadata=self._metadata)
            return await answers.read(
                call, seed=request.image.seed[0], engine=resolved.engine, linger=self._timings.linger
            )

    async def checks(self, engines: Sequence[str]) -> tuple[Check, ...]:
        """Whether the upstream answers, has `engines`, and has credits left."""
        target = self._channels.target
        try:
            async with self._channels.connected(self._timings.connect) as channel:
                reached = Check("generator", True, f"stability at {target}")
                return (reached, *await account.checks(channel, self._metadata, engines, self._timings.account))
        except UpstreamFailed as failure:
            advice = "check STABILITY_HOST, its scheme (grpc:// or grpcs://), and whether the server runs"
            return (Check("generator", False, f"stability at {target}: {failure.detail}", advice),)

    async def close(self) -> None:
        await self._channels.close()


async def _request(resolved: Resolved, content_key: str, sources: Sources) -> wire.Request:
    if sources.init is None:
        return wire.generation_request(resolved, content_key)
    if resolved.upscale is not None:
        return wire.upscaling_request(resolved, content_key, sources.init)
    # In a thread: the processor has work for some milliseconds.
    mask = None if sources.mask is None else await asyncio.to_thread(pictures.negative, sources.mask)
    return wire.generation_request(resolved, content_key, sources.init, mask)


def _metadata(key: str | None) -> tuple[tuple[str, str], ...]:
    """What goes with every call. The key goes over plain connections too: self-hosted servers ask for it."""
    client = (("stability-client-id", "promptcdn"), ("stability-client-version", __version__))
    return (("authorization", f"Bearer {key}"), *client) if key else client
