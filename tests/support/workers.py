"""Workers for the tests: real `promptcdn work` processes, and one that says to a service whatever a test likes."""

import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from tests.support.service import PROMPTCDN, Promptcdn, environment

# By the names of the tokens; what a log may not have begins with `canary`.
TOKENS = {"gpu": "canary-0123456789abcdef-of-the-gpu", "other": "canary-0123456789abcdef-of-another"}
SETTINGS = {"PROMPTCDN_WORKER_TOKENS": ",".join(f"{name}:{secret}" for name, secret in TOKENS.items())}
CAN = {"engines": ["sketch"], "wait": 0}


class WorkerProcess:
    """A `promptcdn work` for the service at `url`. Ended by its own process id when the block ends."""

    program: tuple[str, ...] = (PROMPTCDN,)

    def __init__(
        self, folder: Path, url: str, *options: str, name: str = "gpu", generator: str = "sketch", **settings: object
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.log = folder / "worker.log"
        self._options = ["work", "--url", url, "--generator", generator, *options]
        self._folder = folder
        self._settings = {"PROMPTCDN_WORKER_TOKEN": TOKENS[name], "PROMPTCDN_DATA_DIR": folder / "data", **settings}

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.program, *self._options],
                cwd=self._folder,
                env=environment(**self._settings),
                stdout=log,
                stderr=log,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(signal.SIGKILL)

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Ends the process and waits for it; gives its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)  # one that was stopped hears nothing else
            self.process.send_signal(with_signal)
        return self.process.wait(60)

    @property
    def said(self) -> str:
        """What it has logged so far."""
        return self.log.read_text()


class Pretender:
    """Says to a service what a worker with this token would say, or would not."""

    def __init__(self, service: Promptcdn, name: str = "gpu", secret: str | None = None) -> None:
        self._service = service
        self._headers = {"authorization": f"Bearer {TOKENS[name] if secret is None else secret}"}

    def post(self, path: str, **members: Any) -> httpx2.Response:
        """The answer to a document at `/work/…`."""
        return self._service.client.post(f"/work/{path}", json=members, headers=self._headers)

    def put(self, order: str, picture: bytes) -> httpx2.Response:
        """The answer to a picture."""
        return self._service.client.put(f"/work/{order}", content=picture, headers=self._headers)

    def next(self, **members: Any) -> httpx2.Response:
        """The answer to the question for an order."""
        return self.post("next", **{**CAN, **members})

    def order(self) -> dict[str, Any]:
        """An order that must be there."""
        answer = self.next(wait=20)
        assert answer.status_code == 200, answer.text
        order: dict[str, Any] = answer.json()
        return order
