"""hf-serve, Hugging Face's own server, with a model made on the spot. `./scripts/generators-test hf-serve` installs it.

with HfServer(folder) as server:
    server.url             # http://127.0.0.1:PORT
"""

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from tests.support.ports import free_port
from tests.support.waiting import until

HERE = Path(__file__).parent
# torch and the rest of it are read from the disk, which takes long the first time.
START_SECONDS = 180


class HfServer:
    """The server, on a free port. Ended by its own process id when the block ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._python = os.environ["HF_SERVE_PYTHON"]
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        subprocess.run([self._python, HERE / "model.py", folder / "model"], check=True)

    def __enter__(self) -> Self:
        where = ("--model-id", str(self._folder / "model"), "--host", "127.0.0.1", "--port", str(self._port))
        command = [self._python, str(HERE / "run.py"), *where, "--task", "text-to-image", "--device", "cpu"]
        with (self._folder / "log").open("ab") as log:
            offline = os.environ | {"HF_HUB_OFFLINE": "1"}
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=offline)
        until(self._answers, START_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            return httpx2.get(f"{self.url}/health", timeout=5).status_code == 200
        except httpx2.TransportError:
            return False
