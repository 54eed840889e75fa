"""A real redis-server for the tests, which may be killed and started again."""

import asyncio
import functools
import socket
import subprocess
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self

from redis import Redis as Client
from redis.exceptions import ConnectionError as NotYet


class Redis:
    """A server on a free port. It saves nothing by itself; what it is told to save lies in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self.client = Client.from_url(self.url, decode_responses=True)

    def start(self) -> None:
        """Returns when it answers."""
        command = [
            "redis-server",
            "--port",
            str(self._port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            self._folder,
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        give_up = time.monotonic() + 10
        while True:
            try:
                self.client.ping()
            except NotYet:
                assert time.monotonic() < give_up
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """Kill -9: what was not saved is forgotten."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.kill()


_P = ParamSpec("_P")


def in_a_loop(test: Callable[_P, Coroutine[Any, Any, None]]) -> Callable[_P, None]:
    """A test that awaits things."""

    @functools.wraps(test)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run
