"""Real Redis servers for the tests, which die and hang when they are told to."""

import contextlib
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from redis import Redis
from redis.exceptions import RedisError

from promptcdn.replicas.connection import RedisConnection
from tests.support.ports import free_port
from tests.support.waiting import until

_PING_SECONDS = 0.5


def send_twice(connection: RedisConnection) -> None:
    """From now on each script is sent again, as where the first answer was lost; the second one's counts."""
    once = connection.script

    async def twice(text: str, keys: Sequence[str], *args: str | int) -> Any:
        await once(text, keys, *args)
        return await once(text, keys, *args)

    connection.script = twice  # type: ignore[method-assign]


class Server:
    """A `redis-server` that saves nothing by itself; what it is told to save lies in `folder`.

    It keeps its place over restarts: a port of loopback, or a Unix socket. A port is not its own while it is down, and
    another test's server might take it; but only that can be said in a service's settings.
    Ended by its own process id when the block ends.
    """

    def __init__(self, folder: Path, password: str = "", *options: str, at_socket: bool = False) -> None:
        self._folder = folder
        # A socket's path must be short, whatever the folder's is.
        self._place = tempfile.TemporaryDirectory()
        if at_socket:
            path = f"{self._place.name}/redis"
            self.url, self._listens = f"unix://{path}", ["--port", "0", "--unixsocket", path]
        else:
            port = free_port()
            self.url = f"redis://:{password}@127.0.0.1:{port}/0"
            self._listens = ["--bind", "127.0.0.1", "--port", str(port), "--requirepass", password]
        self._options = options
        # What a test asks of it.
        self.client: Any = Redis.from_url(self.url, socket_timeout=_PING_SECONDS, decode_responses=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except AssertionError:
            self.__exit__(None, None, None)
            raise AssertionError((self._folder / "redis.log").read_text()) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.kill()
        self._place.cleanup()

    def start(self) -> None:
        """Until it answers."""
        command = ["redis-server", *self._listens, "--dir", str(self._folder), "--save", "", *self._options]
        with (self._folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self._answers)

    def kill(self) -> None:
        """As `kill -9` does: connections are refused from now on, and what was not saved is forgotten."""
        self.process.kill()
        self.process.wait()

    def hang(self) -> None:
        """Connections are accepted from now on, and nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        with contextlib.suppress(RedisError):
            return bool(self.client.ping())
        return False
