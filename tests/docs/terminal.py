"""A terminal that the blocks of a page are typed into, one after the other, as a reader does."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.docs.pages import Block, listed
from tests.support.ports import free_port
from tests.support.service import environment
from tests.support.waiting import until

_END = "a-command-has-ended"
# What goes on running while the reader types on, in another terminal.
_SERVES = re.compile(r"^(?:[A-Z_]+=\S* )*(?:promptcdn|\./scripts/)\s*serve\b")
# Where pages say 8080.
_PORT = re.compile(r"\b8080\b")


class Terminal:
    """A shell in a folder, where `python3` is the Python of the tests. Ended with all that it started."""

    def __init__(self, folder: Path, *before: Path) -> None:
        """`before`: folders whose programs are found before those of the machine."""
        self.folder = folder
        self.port = str(free_port())
        self._services = 0
        programs = folder / ".programs"
        programs.mkdir()
        (programs / "python3").symlink_to(getattr(sys, "_base_executable", sys.executable))
        path = os.pathsep.join((*map(str, (*before, programs)), os.environ["PATH"]))
        self._environment = environment(PATH=path, PORT=self.port, PYTHONUNBUFFERED=1, NO_COLOR=1, TERM="dumb")

    def __enter__(self) -> Self:
        self._shell = subprocess.Popen(
            ["bash"],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.killpg(self._shell.pid, signal.SIGTERM)
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        self._shell.wait(30)
        assert self._shell.stdout is not None
        self._shell.stdout.close()

    def follow(self, block: Block) -> None:
        """Does with a block what a reader does: types it, compares what is shown, or writes it into the file."""
        text = _PORT.sub(self.port, block.text)
        match block.language:
            case "console":
                for command, shown in commands(text):
                    self._compare(block, command, shown)
            case "sh":
                for command in text.splitlines():
                    self._run(block, command)
            case "python":
                self._write(".block.py", text)
                self._run(block, "python .block.py")
            case "markdown" if not block.file:
                self._write(".block.md", text)
                self._run(block, f"promptcdn check --offline --base http://127.0.0.1:{self.port} .block.md")
            case _ if block.file:
                self._write(block.file, text)
            case _:
                raise AssertionError(f"{block}: a reader does not know what to do with this block")

    def _write(self, name: str, text: str) -> None:
        (self.here() / name).write_text(text)

    def here(self) -> Path:
        """The folder that the shell is in now."""
        return Path(self.typed("pwd")[0].strip())

    def typed(self, command: str) -> tuple[str, int]:
        """What a command printed, and its exit code."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f'{{ {command}\n}} </dev/null\nprintf "\\n{_END} %s\\n" $?\n')
        self._shell.stdin.flush()
        printed = ""
        for line in self._shell.stdout:
            if line.startswith(_END):
                return printed.removesuffix("\n"), int(line.split()[1])
            printed += line
        raise AssertionError(f"the shell ended: {printed}")

    def _run(self, block: Block, command: str) -> None:
        if _is_not_run(block, command):
            return
        if _SERVES.match(command):
            self._started(block, command)
            return
        printed, code = self.typed(command)
        assert code == 0, f"{block}: {command}\n{printed}"

    def _compare(self, block: Block, command: str, shown: str) -> None:
        if _SERVES.match(command):
            printed = self._started(block, command)
        else:
            printed, _ = self.typed(command)
        assert is_shown(shown, printed), f"{block}: {command}\n{printed}\ninstead of\n{shown}"

    def _started(self, block: Block, command: str) -> str:
        """The lines that a service greets with; it runs on in the background, until another one is started."""
        self.typed("kill %% 2>/dev/null; wait")
        self._services += 1
        log = self.folder / f".serve-{self._services}.log"
        log.write_text("")
        self.typed(f"{command} >'{log}' 2>'{log}.err' &")
        until(lambda: log.read_text().count("\n") >= 2 or self.typed("jobs -r")[0] == "")
        printed = log.read_text()
        assert printed.count("\n") >= 2, f"{block}: {command}\n{Path(f'{log}.err').read_text()}"
        return printed


def _is_not_run(block: Block, command: str) -> bool:
    return any(block.page == page and command.startswith(start) for page, start in listed("Not run"))


def commands(console: str) -> list[tuple[str, str]]:
    """The commands of a `console` block, each with what is shown below it."""
    parts = re.split(r"(?m)^\$ (.*)\n", console if console.endswith("\n") else console + "\n")
    assert parts[0] == "", "the block begins with a command"
    return list(zip(parts[1::2], parts[2::2], strict=True))


def is_shown(shown: str, printed: str) -> bool:
    """Whether the page shows what was printed. A line `…` stands for any lines, and a `…` in a line for any text."""
    lines = (
        r"(.*\n)*" if line.strip() == "…" else re.escape(line.rstrip()).replace("…", ".*") + r"\n"
        for line in shown.splitlines()
    )
    return re.fullmatch("".join(lines), "".join(f"{line.rstrip()}\n" for line in printed.splitlines())) is not None
