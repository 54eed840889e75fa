"""Servers that others wrote, with a model made on the spot: what generators get from the real ones.

with SdServer(folder) as server:
    server.url             # http://127.0.0.1:PORT

`./scripts/generators-test` builds the server and runs `check.py`.
"""

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from tests.support.ports import free_port
from tests.support.waiting import until
from tests.third_party.tiny_model import write_model


class SdServer:
    """sd-server of stable-diffusion.cpp, on a free port; it keeps its place over a restart.

    Ended by its own process id when the block ends.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self._model = write_model(folder / "model")
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, threads: int = 2) -> None:
        """Two steps and 64 pixels where a request says nothing: a mistake does not take minutes."""
        usual = ("--steps", "2", "--cfg-scale", "1", "-W", "64", "-H", "64")
        command = [os.environ["SD_SERVER"], *self._model, "--listen-port", str(self._port), "-t", str(threads), *usual]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        until(self._answers)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            return httpx2.get(f"{self.url}/v1/models", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False
