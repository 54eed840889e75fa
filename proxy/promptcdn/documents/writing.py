"""Files that are replaced as a whole: a kill at any moment leaves the old one or the new one."""

import contextlib
import os
import tempfile
from pathlib import Path

from promptcdn.documents.files import Unusable


def replace(path: Path, content: bytes, expected: bytes | None) -> None:
    """Writes `content` in the place of a file that has `expected` in it; `None`: of a file that is not there.

    Rights stay as they were. Raises `Unusable` where the file may not be written, or was changed meanwhile: then
    nothing is written.
    """
    if expected is not None and not os.access(path, os.W_OK):
        raise Unusable(path, "this file is read-only, so nothing was written to it")
    path = path.resolve()
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".promptcdn", dir=path.parent)
    except OSError as wrong:
        raise Unusable(path, f"nothing can be written to its folder: {wrong.strerror}") from None
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _take_rights(temporary, path)
        _require_unchanged(path, expected)
        temporary.replace(path)
    except OSError as wrong:
        raise Unusable(path, f"it could not be written: {wrong.strerror}") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
    _keep(path.parent)


def _require_unchanged(path: Path, expected: bytes | None) -> None:
    try:
        there: bytes | None = path.read_bytes()
    except FileNotFoundError:
        there = None
    if there != expected:
        raise Unusable(path, "this file was changed meanwhile, so nothing was written to it: run the command again")


def _take_rights(temporary: Path, path: Path) -> None:
    """Those of the file that is replaced; of a new one, what the process gives to all its files."""
    try:
        status = path.stat()
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        return
    temporary.chmod(status.st_mode & 0o7777)
    if hasattr(os, "chown"):
        with contextlib.suppress(PermissionError):
            os.chown(temporary, status.st_uid, status.st_gid)


def _keep(folder: Path) -> None:
    """Makes the name outlive a power cut, where folders can be opened for that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
