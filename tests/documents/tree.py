"""A folder of documents in which commands are run, in this process or in one of their own."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from promptcdn.cli import application
from tests.support.service import PROMPTCDN, environment

APPLICATION = application()


class Tree:
    """Documents in `folder`, of the service at `base`: commands are run in the folder, with that public URL."""

    def __init__(self, folder: Path, base: str) -> None:
        self.folder, self.base = folder, base

    def write(self, name: str, text: str | bytes) -> Path:
        """A document; `{b}` in a text is the public URL."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.replace("{b}", self.base).encode())
        return path

    def read(self, name: str) -> str:
        """A document, with `{b}` for the public URL."""
        return (self.folder / name).read_bytes().decode().replace(self.base, "{b}")

    def files(self) -> dict[str, bytes]:
        """All files with what is in them; of links where they lead to."""
        found = {}
        for root, _, names in os.walk(self.folder):
            for name in names:
                path = Path(root, name)
                content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
                found[str(path.relative_to(self.folder))] = content
        return found

    def documents(self) -> dict[str, bytes]:
        """All files but those of pictures and the lock file."""
        return {
            name: content for name, content in self.files().items() if not name.endswith((".webp", ".png", ".lock"))
        }

    def run(self, *words: str, given: bytes | None = None, settings: Mapping[str, str] | None = None) -> Result:
        """The command in this process: `exit_code`, `stdout_bytes`, `stderr`. An unexpected exception is raised."""
        with pytest.MonkeyPatch.context() as patched:
            patched.chdir(self.folder)
            patched.setenv("PROMPTCDN_PUBLIC_URL", self.base)
            for name, value in (settings or {}).items():
                patched.setenv(name, value)
            result = CliRunner().invoke(APPLICATION, words, input=given)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def start(self, *words: str, **settings: str) -> "subprocess.Popen[str]":
        """The command in a process of its own."""
        return subprocess.Popen(
            [PROMPTCDN, *words],
            cwd=self.folder,
            env=environment(PROMPTCDN_PUBLIC_URL=self.base, **settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )
