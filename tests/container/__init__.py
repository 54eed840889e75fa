"""A container without an engine: the image's own root, read-only, in name spaces of its own, as the image's user.

with Container(folder, PORT=18080) as container:
    container.get("/healthz")

`./scripts/image-test` builds the image and says where its root is. Needs root on Linux. What an engine adds and this
does not: a network of its own, limits of memory and CPU, a filter of system calls.
"""

import json
import os
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from tests.support.ports import free_port

READY_SECONDS = 30

# Files that the service may write: /data, and /tmp in memory. The command becomes process 1, as in an engine.
_START = """
set -e
root=$1 data=$2 user=$3; shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mount --bind "$data" "$root/data"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/tmp"
mount -o remount,ro,bind "$root"
exec chroot "$root" setpriv --reuid "$user" --regid "$user" --clear-groups \
    --bounding-set=-all --inh-caps=-all --no-new-privs "$@"
"""


@dataclass(frozen=True)
class Image:
    """What is run: the folder that is its root, and its configuration (OCI image specification, config.md)."""

    root: Path
    config: dict[str, Any]

    @classmethod
    def built(cls) -> Self:
        """The one that `./scripts/image-test` has built."""
        return cls(Path(os.environ["IMAGE_ROOT"]), json.loads(os.environ["IMAGE_INSPECTED"])["Docker"]["config"])

    @property
    def environment(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.config["Env"])


class Container:
    """The image's command, its data in `folder`, on a port of 127.0.0.1. Ended by its process id as the block ends."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.image = Image.built()
        self.port = free_port()
        self._data = folder / "data"
        self._data.mkdir(parents=True, exist_ok=True)
        os.chown(self._data, int(self.image.config["User"]), -1)
        self._log = folder / "log"
        self._settings = {"PORT": self.port, "PROMPTCDN_HOST": "127.0.0.1", **settings}

    def __enter__(self) -> Self:
        began = time.monotonic()
        command = self._command(*self.image.config["Entrypoint"], *self.image.config["Cmd"])
        with self._log.open("ab") as log:
            self._outside = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        self.client = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60)
        while not self._answers():
            if self._outside.poll() is not None or time.monotonic() > began + READY_SECONDS:
                self._outside.kill()
                raise AssertionError(self._log.read_text())
            time.sleep(0.01)
        self.started_in = time.monotonic() - began
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.stop()

    def stop(self) -> int:
        """Sends what the image says ends it, as engines do, and gives the exit code."""
        if self._outside.poll() is None:
            os.kill(self.process, signal.Signals[self.image.config["StopSignal"]])
        return self._outside.wait(READY_SECONDS)

    def get(self, url: str) -> httpx2.Response:
        """The answer to GET."""
        return self.client.get(url)

    def run(self, *command: str, **settings: object) -> subprocess.CompletedProcess[str]:
        """Another command in the same image, with the same data."""
        variables = self._environment | {name: str(value) for name, value in settings.items()}
        return subprocess.run(self._command(*command), env=variables, capture_output=True, text=True, timeout=60)

    @property
    def process(self) -> int:
        """The service's process, as it is numbered outside."""
        children = Path(f"/proc/{self._outside.pid}/task/{self._outside.pid}/children").read_text()
        return int(children.split()[0])

    @property
    def log(self) -> str:
        return self._log.read_text()

    def _answers(self) -> bool:
        try:
            return self.client.get("/healthz").status_code == 200
        except httpx2.TransportError:
            return False

    def _command(self, *command: str) -> list[str]:
        inside = f"cd {shlex.quote(self.image.config['WorkingDir'])} && exec {shlex.join(command)}"
        place = [str(self.image.root), str(self._data), str(self.image.config["User"])]
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        return [*unshare, "sh", "-c", _START, "sh", *place, "sh", "-c", inside]

    @property
    def _environment(self) -> dict[str, str]:
        return self.image.environment | {name: str(value) for name, value in self._settings.items()}
