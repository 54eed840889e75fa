"""`promptcdn serve`."""

import gc
import logging
import os
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from promptcdn import __version__
from promptcdn.cli.ending import fail
from promptcdn.problems import BadSettings

if TYPE_CHECKING:
    from promptcdn.settings import Settings
    from promptcdn.wiring import Service

log = logging.getLogger("promptcdn")

_MISSES = {
    "open": "",
    "signed": ", misses signed: new pictures for signed URLs only",
    "closed": ", misses closed: no new pictures",
}


def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on, before PROMPTCDN_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="The port, before PORT; 0: any free port.")] = None,
) -> None:
    """Run the service. Without any settings it draws sketches, which cost nothing."""
    # Nothing of what a start makes is garbage: the collector stays off, as `cli.main` has it.
    gc.disable()
    from promptcdn import settings
    from promptcdn.server.sockets import bound_socket

    try:
        chosen = settings.load(host=host, port=port)
        _run(chosen, bound_socket(chosen.host, chosen.port))
    except BadSettings as wrong:
        fail(str(wrong))


def _run(chosen: "Settings", bound: socket.socket) -> None:
    """The service on a socket that listens already. Raises `BadSettings` where a part cannot be used."""
    # Late: these take most of the time of a start, and whoever connects meanwhile waits and is not refused.
    from promptcdn import misconfiguration
    from promptcdn.faces.app import create_app
    from promptcdn.readers.connections import Bounds
    from promptcdn.server import descriptors, running
    from promptcdn.server.fastpath import fast_path
    from promptcdn.telemetry import logs, metrics
    from promptcdn.telemetry.tracing import Tracing
    from promptcdn.wiring import opened

    logs.set_up(chosen.log, chosen.secrets)
    files = descriptors.raised_limit()
    service = opened(chosen, tracing=Tracing.of(os.environ))
    for doubt in misconfiguration.doubts(chosen.chosen):
        log.warning("%s: %s", doubt.detail, doubt.advice)
    for idle in misconfiguration.unused(chosen.chosen):
        log.info("%s: %s", idle.detail, idle.advice)
    telemetry = service.telemetry
    bounds = Bounds.within(files.now)
    connections = descriptors.BoundedConnections(bounds, service.trusted, telemetry)
    telemetry.watch(metrics.CONNECTIONS, lambda: len(connections))
    here = chosen.address(bound.getsockname()[1])

    def announce() -> None:
        # What a start made is there to stay: no collection looks at it again.
        gc.freeze()
        gc.enable()
        for line in _greeting(service, here):
            typer.echo(line)
        log.info("open files: %s; connections: %d at most, %d from one address", files, bounds.most, bounds.each)

    # Without a file to read again SIGHUP says that the terminal is gone: the service ends, in order.
    on_hangup = service.read_again if chosen.deny else None
    app = create_app(service, chosen.public_url or here)
    fast = fast_path(app, service)
    running.run(fast or app, bound, chosen.grace, announce, service.stop, on_hangup, telemetry, connections, fast)


def _greeting(service: "Service", here: str) -> Iterator[str]:
    """What runs, and a URL to click."""
    chosen, caveats = service.settings, service.readiness.caveats
    budget = f"{chosen.budget_limits}{caveats and f' ({caveats})'}"
    makes = ", ".join(each.name for each in chosen.generators)
    what = f"{makes}, engine {_default_engine(chosen)}, budget {budget}{_MISSES[chosen.misses]}"
    caveat = chosen.generators[0].caveat
    yield f"promptcdn {__version__}: {what}, pictures in {chosen.store_url}{caveat and f' ({caveat})'}"
    example = f"{here}/?prompt=a+lighthouse&seed=7"
    if chosen.misses == "signed":
        from promptcdn.url.signing.spelled import signed_url

        example = signed_url(example, chosen.signing_keys)
    yield example


def _default_engine(chosen: "Settings") -> str:
    """Its name; where there are several generators, with its generator's."""
    default = chosen.defaults.default
    return default.engine if len(chosen.generators) == 1 else default.full_name
