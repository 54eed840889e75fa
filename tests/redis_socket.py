"""A real redis-server for the tests, which may be killed and started again."""

import asyncio
import functools
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, ParamSpec, Self

from redis import Redis as Client
from redis.exceptions import ConnectionError as NotYet


class Redis:
    """A server that saves nothing by itself; what it is told to save lies in `folder`.

    It listens at a Unix socket: a port is not its own while it is down, and another test's server might take it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        # Its path must be short, whatever the folder's is.
        self._place = tempfile.TemporaryDirectory()
        self._socket = f"{self._place.name}/redis"
        self.url = f"unix://{self._socket}"
        self.client = Client.from_url(self.url, decode_responses=True)

    def start(self) -> None:
        """Returns when it answers."""
        at = ["--port", "0", "--unixsocket", self._socket, "--dir", self._folder]
        self._process = subprocess.Popen(["redis-server", *at, "--save", ""], stdout=subprocess.DEVNULL)
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
        self._place.cleanup()


_P = ParamSpec("_P")


def in_a_loop(test: Callable[_P, Coroutine[Any, Any, None]]) -> Callable[_P, None]:
    """A test that awaits things."""

    @functools.wraps(test)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run
