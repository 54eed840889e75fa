"""One process that holds one model: what it is asked, what it answers, and how it is ended."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from promptcdn.generators.local import frames
from promptcdn.generators.local.kinds import Library
from promptcdn.generators.local.messages import Messages
from promptcdn.generators.local.timings import TIMINGS

log = logging.getLogger(__name__)

# What a model is drawn with has no use for keys; and nothing is fetched while pictures are made.
_SECRETS = (
    *("PROMPTCDN_", "STABILITY_", "OPENAI_", "A1111_", "COMFYUI_", "AWS_", "SLACK_", "DISCORD_", "OTEL_"),
    *("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"),
)
_USUAL = {
    # Threads that wait would otherwise keep the processor from the service, and from each other: on a busy machine of
    # two cores a picture took forty times as long (measured).
    "OMP_WAIT_POLICY": "PASSIVE",
}
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "PYTHONUNBUFFERED": "1",
    # What CUDA asks for where the same numbers are to come out each time (docs.nvidia.com/cuda/cublas).
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}
# Seconds between two looks whether a process that is to end has ended.
_LOOK = 0.01


@dataclass(frozen=True)
class Launch:
    """What a process is started for, of a `Model`; `folder` is empty where it only looks at its library and device.

    device  as the operator names it; empty where it is to be found out
    starts, masks  whether pictures start from others, and are changed in part
    """

    library: Library
    device: str = ""
    folder: str = ""
    variant: str = ""
    flow: bool = False
    without: tuple[str, ...] = ()
    starts: bool = False
    masks: bool = False


class Ended(Exception):
    """The process has ended. `begun`: while it drew what it was asked for."""

    def __init__(self, *, begun: bool = False) -> None:
        super().__init__()
        self.begun = begun


class Running:
    """A process, from its start to its end. Not for two calls at once."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._in, self._out = process.stdin, process.stdout
        self._messages = Messages()
        self._logging = asyncio.create_task(self._log())

    @classmethod
    async def started(cls, launch: Launch) -> Self:
        """The process, which loads its model from now on. Raises `OSError`."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_SECRETS)}
        said = json.dumps(asdict(launch) | {"parent": os.getpid()})
        # -P: a file in the working folder is never taken for a library.
        command = (sys.executable, "-P", "-m", "promptcdn.generators.local.child", said)
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=_USUAL | environment | _OFFLINE,
            limit=frames.LINE_MAX,
            start_new_session=True,  # so that what it starts is ended with it
        )
        return cls(process)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def ask(
        self, said: Mapping[str, Any], files: Mapping[str, bytes]
    ) -> tuple[dict[str, Any], Mapping[str, bytes]]:
        """The answer to one order, which it says first that it has begun. Raises `Ended` and `frames.Garbled`."""
        self._messages.conceal(*(said.get(name) for name in ("prompt", "negative_prompt")))
        try:
            self._in.writelines([frames.head(said, files), *files.values()])
            await self._in.drain()
        except ConnectionError:
            raise Ended from None
        first, _ = await self.answer()
        if first.get("event") != "begun":
            raise frames.Garbled("an order is answered before it is begun")
        try:
            return await self.answer()
        except Ended:
            raise Ended(begun=True) from None

    async def answer(self) -> tuple[dict[str, Any], Mapping[str, bytes]]:
        """What it says next, with its files. Raises `Ended` and `frames.Garbled`."""
        try:
            line = await self._out.readline()
        except ValueError:  # a line without an end
            raise frames.Garbled("a line is too long") from None
        if not line:
            raise Ended
        said, sizes = frames.parsed(line)
        try:
            return said, {name: await self._out.readexactly(size) for name, size in sizes.items()}
        except asyncio.IncompleteReadError:
            raise Ended from None

    def kill(self) -> None:
        """Ends it at once."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def end(self, seconds: float = TIMINGS.end) -> int:
        """Ends it: what it waits for is closed, and after so many seconds it is killed. Gives its exit code."""
        self._in.close()
        try:
            async with asyncio.timeout(seconds):
                await self._exit_code()
        except TimeoutError:
            self.kill()
        return await self.ended()

    async def ended(self) -> int:
        """Its exit code, once it has ended by itself or was killed; what it wrote is logged by then."""
        code = await self._exit_code()
        # What it has started may still hold its pipes.
        await asyncio.wait({self._logging}, timeout=TIMINGS.end)
        self._logging.cancel()
        self._process._transport.close()  # type: ignore[attr-defined]  # closes them, and asyncio has no other way
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(TIMINGS.end):
                await self._in.wait_closed()
        return code

    async def _exit_code(self) -> int:
        """Its exit code, once it has ended. `Process.wait` waits for the ends of its pipes, too (Python 3.11)."""
        while (code := self._process.returncode) is None:  # noqa: ASYNC110 - nothing else tells of the end alone
            await asyncio.sleep(_LOOK)
        return code

    async def _log(self) -> None:
        """Its own messages, which are those of libraries."""
        assert self._process.stderr is not None
        while content := await self._process.stderr.read(65536):
            self._write(self._messages.lines(content, time.monotonic()))
        self._write(self._messages.last(time.monotonic()))

    def _write(self, lines: list[str]) -> None:
        for line in lines:
            log.warning("the model's process says: %s", line)
