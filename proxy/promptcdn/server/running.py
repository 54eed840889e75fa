"""uvicorn, set up for this service: no access log (it prints prompts), no `Date` of its own, a drain before the end."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from promptcdn.observer import NO_OBSERVER, Observer
from promptcdn.server.descriptors import BoundedConnections
from promptcdn.server.fast_requests import FastRequests
from promptcdn.server.fastpath import FastPath
from promptcdn.server.request_limits import LimitedRequests


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
        # Of the service once it answers. Signals may come before that.
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        if hasattr(signal, "SIGHUP"):  # Windows has none
            # By default the signal kills the process, and loses pictures that are being made and paid for.
            on_hangup = self._on_hangup or partial(self.handle_exit, signal.SIGTERM, None)
            self._loop.add_signal_handler(signal.SIGHUP, on_hangup)
        if self.should_exit:
            # A signal came while the service started.
            self._on_stop()
        else:
            self._on_ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # uvicorn tells the application only after all connections have ended, which wait for the application.
        if self._loop is not None:
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
