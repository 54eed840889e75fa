"""The connection to the upstream: one channel that all calls share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from grpc import ChannelConnectivity

from promptcdn import __version__
from promptcdn.event_loop import AnswerTimeout
from promptcdn.generators.stability.grpc.address import Address
from promptcdn.generators.stability.timings import Timings
from promptcdn.problems import UPSTREAM_UNREACHABLE, UpstreamFailed

MAX_MESSAGE_BYTES = 32 << 20  # gRPC's own 4 MiB are less than a large picture; the servers' limit is 20 MiB

_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.enable_retries", 0),
    ("grpc.primary_user_agent", f"promptcdn/{__version__}"),
    # Else a new channel takes over the waiting time of the one that it replaces.
    ("grpc.use_local_subchannel_pool", 1),
)


class _Channel:
    """One gRPC channel, and how many calls are on it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.grpc = channel
        self.users = 0


class Channels:
    """Gives a connected channel, which calls share. The next call replaces one that could not connect:

    gRPC waits longer and longer between its tries, up to two minutes where the name did not resolve, and an upstream
    that is back must be used at once.
    """

    def __init__(self, where: Address, timings: Timings) -> None:
        self._where = where
        self._timings = timings
        self._shared: _Channel | None = None

    @property
    def target(self) -> str:
        """Where it leads."""
        return self._where.target

    @asynccontextmanager
    async def connected(self, seconds: float) -> AsyncIterator[grpc.aio.Channel]:
        """A channel that is connected now. Raises `UpstreamFailed`, surely not charged, after `seconds` or before."""
        if self._shared is None:
            self._shared = _Channel(_opened(self._where, self._timings))
        channel = self._shared
        channel.users += 1
        try:
            if not await _connect(channel.grpc, seconds):
                if self._shared is channel:
                    self._shared = None
                raise UpstreamFailed(UPSTREAM_UNREACHABLE, "the upstream cannot be connected to", charged=False)
            yield channel.grpc
        finally:
            channel.users -= 1
            if channel is not self._shared:
                await _close(channel)

    async def close(self) -> None:
        channel, self._shared = self._shared, None
        if channel is not None:
            await _close(channel)


async def _close(channel: _Channel) -> None:
    # Only the last call closes: closing cancels every call on the channel, and each is paid for.
    if not channel.users:
        await channel.grpc.close()


def _opened(where: Address, timings: Timings) -> grpc.aio.Channel:
    options = list(_OPTIONS)
    # Two addresses of one name get their turn while a call connects; gRPC's own 20 s are for the first alone.
    options.append(("grpc.min_reconnect_backoff_ms", int(timings.connect * 1000 / 2)))
    if where.loopback:
        options.append(("grpc.enable_http_proxy", 0))  # gRPC asks http_proxy for 127.0.0.1, too
    target = f"dns:///{where.target}"  # else a host named "unix" is a socket
    if where.tls:
        return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(), options=options)
    return grpc.aio.insecure_channel(target, options=options)


async def _connect(channel: grpc.aio.Channel, seconds: float) -> bool:
    """Whether the channel is connected; waits for it, but not past the first failure.

    A call on a channel that is not has no bound of its own: with `wait_for_ready` it hangs for its whole deadline,
    without it nobody can tell afterwards whether it was sent.
    """
    try:
        async with AnswerTimeout(seconds):
            while (state := channel.get_state(try_to_connect=True)) is not ChannelConnectivity.READY:
                if state in (ChannelConnectivity.TRANSIENT_FAILURE, ChannelConnectivity.SHUTDOWN):
                    return False
                await channel.wait_for_state_change(state)
    except TimeoutError:
        return False
    return True
