"""uvicorn, set up for this service: no access log (it prints prompts), no `Date` of its own, a drain before the end."""

import asyncio
import errno
import logging
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from promptcdn.observer import NO_OBSERVER, Observer
from promptcdn.problems import BadSettings
from promptcdn.server.descriptors import BoundedConnections
from promptcdn.server.fast_requests import FastRequests
from promptcdn.server.fastpath import FastPath
from promptcdn.server.request_limits import LimitedRequests
from promptcdn.server.timings import TIMINGS, Timings

_BACKLOG = 2048
# How much of an answer the kernel takes ahead of the client. By default it is megabytes for each that reads nothing.
_UNSENT_MAX = 256 * 1024


def bound_socket(host: str, port: int, timings: Timings = TIMINGS) -> socket.socket:
    """A socket that listens. Raises `BadSettings` where the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sys.platform == "linux":
        # Connections inherit these from the socket that listens.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * timings.read))
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_MAX)
    try:
        bound.bind((host, port))
        # Listening now, not when the application is ready: two servers can bind one address, only one can listen.
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        busy = (
            "the port is in use: choose another with --port or PORT"
            if error.errno == errno.EADDRINUSE
            else error.strerror
        )
        raise BadSettings(f"{host}:{port}: {busy}") from error
    return bound


class _Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        on_ready: Callable[[], None],
        on_stop: Callable[[], None],
        on_hangup: Callable[[], None] | None,
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop
        self._on_hangup = on_hangup

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        if hasattr(signal, "SIGHUP"):  # Windows has none
            # By default the signal kills the process, and loses pictures that are being made and paid for.
            on_hangup = self._on_hangup or partial(self.handle_exit, signal.SIGTERM, None)
            self._loop.add_signal_handler(signal.SIGHUP, on_hangup)
        self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn tells the application only after all connections have ended, which wait for the application.
        self._loop.call_soon_threadsafe(self._on_stop)
        super().handle_exit(sig, frame)


def run(
    app: ASGIApp,
    bound: socket.socket,
    grace: float,
    on_ready: Callable[[], None],
    on_stop: Callable[[], None],
    on_hangup: Callable[[], None] | None = None,
    observer: Observer = NO_OBSERVER,
    connections: BoundedConnections | None = None,
    fastpath: FastPath | None = None,
) -> None:
    """Serves `app` on `bound` until a signal ends it. Requests under way then have `grace` seconds.

    All callbacks are called in the event loop: `on_ready` once the service answers, `on_stop` as soon as a signal came,
    `on_hangup` at each SIGHUP. Without `on_hangup` SIGHUP ends the service as SIGTERM does. Connections ask `fastpath`
    before `app`.
    """
    # uvicorn only calls it.
    protocol: Any = partial(LimitedRequests, observer=observer, connections=connections)
    if fastpath is not None and fastpath.below_asgi:
        protocol = partial(FastRequests, fastpath=fastpath, observer=observer, connections=connections)
    config = uvicorn.Config(
        app,
        lifespan="on",
        http=protocol,
        ws="none",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        access_log=False,
        log_config=None,
        # It warns once for each bad request: a client that sends a million would fill the log.
        log_level=logging.ERROR,
        timeout_graceful_shutdown=max(1, int(grace)),
    )
    _Server(config, on_ready, on_stop, on_hangup).run([bound])
