"""uvicorn as the service runs it."""

import asyncio
import signal
import socket

import pytest
from starlette.types import Message, Receive, Scope, Send

from promptcdn.server import running

TOLD: dict[str, Message] = {name: {"type": f"lifespan.{name}.complete"} for name in ("startup", "shutdown")}


async def _signalled_while_it_starts(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    came = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.call_soon(signal.raise_signal, signal.SIGINT)
    loop.call_soon(came.set)
    await came.wait()
    await send(TOLD["startup"])
    await receive()
    await send(TOLD["shutdown"])


def test_a_signal_during_the_start_ends_the_service() -> None:
    """It was lost, and the service went on, where it came while the parts were being started."""
    said: list[str] = []

    def ready() -> None:
        said.append("ready")
        signal.raise_signal(signal.SIGINT)

    # uvicorn raises the signal again in the end, for whoever called it.
    with socket.create_server(("127.0.0.1", 0)) as bound, pytest.raises(KeyboardInterrupt):
        running.run(_signalled_while_it_starts, bound, 1, ready, lambda: said.append("stopped"))
    assert said == ["stopped"]
