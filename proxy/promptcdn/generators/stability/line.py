"""The connection to the upstream: one channel that all calls share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
from grpc import ChannelConnectivity

from promptcdn import __version__
from promptcdn.generators.stability.address import Address
from promptcdn.problems import UPSTREAM_UNREACHABLE, UpstreamFailed

CONNECT_SECONDS = 5.0
MAX_MESSAGE_BYTES = 32 << 20  # gRPC's own 4 MiB are less than a large picture; the servers' limit is 20 MiB

_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.enable_retries", 0),
    ("grpc.primary_user_agent", f"promptcdn/{__version__}"),
    # Two addresses of one name get their turn within CONNECT_SECONDS; gRPC's own 20 s are for the first alone.
    ("grpc.min_reconnect_backoff_ms", int(CONNECT_SECONDS * 1000 / 2)),
    # Else a new channel takes over the waiting time of the one that it replaces.
    ("grpc.use_local_subchannel_pool", 1),
)


class _Line:
    """One channel, and how many calls are on it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.users = 0


class Lines:
    """Gives connected channels. One that could not connect is not tried again but replaced by the next call:

    gRPC waits longer and longer between its tries, up to two minutes where the name did not resolve, and an upstream
    that is back must be used at once.
    """

    def __init__(self, where: Address) -> None:
        self._where = where
        self._line: _Line | None = None

    @property
    def target(self) -> str:
        """Where it leads."""
        return self._where.target

    @asynccontextmanager
    async def connected(self, seconds: float) -> AsyncIterator[grpc.aio.Channel]:
        """A channel that is connected now. Raises `UpstreamFailed`, surely not charged, after `seconds` or before."""
        if self._line is None:
            self._line = _Line(_channel(self._where))
        line = self._line
        line.users += 1
        try:
            if not await _connect(line.channel, seconds):
                if self._line is line:
                    self._line = None
                raise UpstreamFailed(UPSTREAM_UNREACHABLE, "the upstream cannot be connected to", charged=False)
            yield line.channel
        finally:
            line.users -= 1
            if line is not self._line:
                await _close(line)

    async def close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await _close(line)


async def _close(line: _Line) -> None:
    # The last one out: closing cancels every call on the channel, and each is paid for.
    if not line.users:
        await line.channel.close()


def _channel(where: Address) -> grpc.aio.Channel:
    options = list(_OPTIONS)
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
        async with asyncio.timeout(seconds):
            while (state := channel.get_state(try_to_connect=True)) is not ChannelConnectivity.READY:
                if state in (ChannelConnectivity.TRANSIENT_FAILURE, ChannelConnectivity.SHUTDOWN):
                    return False
                await channel.wait_for_state_change(state)
    except TimeoutError:
        return False
    return True
