"""Real `promptcdn serve` processes for the tests, and small clients for them."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from tests.support.waiting import until

# For a whole run without the fast path: TEST_FASTPATH=off.
FASTPATH = {"PROMPTCDN_FASTPATH": os.environ["TEST_FASTPATH"]} if "TEST_FASTPATH" in os.environ else {}
PROMPTCDN = str(Path(sys.executable).with_name("promptcdn"))


def environment(**settings: object) -> dict[str, str]:
    """This process's environment without anything that sets a service up, and with `settings`."""
    ours = ("PROMPTCDN_", "STABILITY_", "A1111_", "COMFYUI_", "OPENAI_", "HF_", "AWS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours) and name != "PORT"}
    return kept | {name: str(value) for name, value in settings.items()}


def get_together(base: str, *urls: str) -> list[httpx2.Response]:
    """The answers to all of `urls` at `base`, asked at the same time over connections of their own."""

    async def all_of_them() -> list[httpx2.Response]:
        limits = httpx2.Limits(max_connections=len(urls), max_keepalive_connections=0)
        async with httpx2.AsyncClient(base_url=base, timeout=60, limits=limits) as client:
            return list(await asyncio.gather(*(client.get(url) for url in urls)))

    return asyncio.run(all_of_them())


class Promptcdn:
    """A service on a free port, its data in `folder`. Ended by its own process id when the block ends."""

    program: tuple[str, ...] = (PROMPTCDN,)

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        # A test is one client that starts more pictures than most.
        usual = {"PROMPTCDN_DATA_DIR": folder / "data", "PROMPTCDN_CLIENT_RATE": "unlimited", **FASTPATH}
        self._settings = {**usual, **settings}

    def __enter__(self) -> Self:
        self.log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [*self.program, "serve", *self._port()],
            cwd=self.folder,
            env=environment(**self._settings),
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        assert self.process.stdout is not None
        self.said = [self.process.stdout.readline().rstrip() for _ in range(2)]
        if not self.said[1].startswith("http"):
            self.stop()
            raise AssertionError((self.folder / "log").read_text())
        self.example = self.said[1]
        self.url = self.example.partition("/?")[0]
        self.client = httpx2.Client(base_url=self.url, timeout=60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.stop()

    def start_again(self) -> None:
        """Another process after a `stop`; at the same place, if `PORT` is set."""
        self.client.close()
        self.__enter__()

    def get(self, url: str, **headers: str) -> httpx2.Response:
        """The answer to GET."""
        return self.client.get(url, headers=headers)

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Ends the process and waits for it; gives its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        code = self.process.wait(60)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.log.close()
        return code

    def get_together(self, *urls: str) -> list[httpx2.Response]:
        """The answers to all of `urls`, asked at the same time over connections of their own."""
        return get_together(self.url, *urls)

    def refused_start(self, *options: str) -> subprocess.CompletedProcess[str]:
        """A start that is expected to end at once."""
        command = [PROMPTCDN, "serve", *self._port(), *options]
        settings = environment(**self._settings)
        return subprocess.run(command, cwd=self.folder, env=settings, capture_output=True, text=True, timeout=30)

    def _port(self) -> tuple[str, ...]:
        return () if "PORT" in self._settings else ("--port", "0")


def wait_until_ready(*services: Promptcdn) -> None:
    """Until each of them says that every part of it answers."""
    until(lambda: {service.get("/readyz").status_code for service in services} == {200})
