"""Files that are replaced as a whole: a kill at any moment leaves the old one or the new one."""

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from promptcdn.documents.files import Unusable

try:
    import fcntl
except ImportError:  # Windows, where two commands on one file at the same time are not told apart
    fcntl = None  # type: ignore[assignment]

# A file's name may have 255 bytes.
_LONG = 240
_BUSY = "another promptcdn writes to this file: run the command again when that one has ended"


def replace(path: Path, content: bytes, expected: bytes | None) -> None:
    """Writes `content` in the place of a file that has `expected` in it; `None`: of a file that is not there.

    Rights stay as they were. Other names of the file (hard links) keep what they have: they may be in another tree.
    Raises `Unusable` where the file may not be written, or was changed meanwhile: then nothing is written.
    """
    _require_writable(path, expected)
    temporary = path.with_name(temporary_name(path.name))
    try:
        with _claimed(temporary) as descriptor:
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(content)
            os.fsync(descriptor)
            _take_rights(temporary, path)
            _require_unchanged(path, expected)
            temporary.replace(path)
    except BlockingIOError:
        raise Unusable(path, _BUSY) from None
    except OSError as wrong:
        raise Unusable(path, f"it could not be written: {wrong.strerror}") from None


def put(path: Path, content: bytes) -> None:
    """Writes a file whose name says its content: whoever writes it at the same time writes the same.

    Raises `Unusable` where that is impossible.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.promptcdn")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as file:
                file.write(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as wrong:
        raise Unusable(path, f"it could not be written: {wrong.strerror}") from None


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Waits until no other process has its turn in a folder. Where folders cannot be locked, all go on at once."""
    with contextlib.ExitStack() as held:
        if fcntl is not None:
            descriptor = os.open(folder, os.O_RDONLY)
            held.callback(os.close, descriptor)
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def temporary_name(name: str) -> str:
    """What the new content of a file is called until it is whole.

    It is one for each file, so that what a kill left behind is taken up by the next run and does not pile up.
    """
    if len(os.fsencode(name)) > _LONG:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return f".{name}.promptcdn"


@contextmanager
def _claimed(temporary: Path) -> Iterator[int]:
    """The descriptor of an empty file that no other command writes to. What is still there at the end is deleted.

    Raises `BlockingIOError` where another one does.
    """
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o600)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _require_own(descriptor, temporary)
        try:
            os.ftruncate(descriptor, 0)
            yield descriptor
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink()
    finally:
        os.close(descriptor)


def _require_own(descriptor: int, temporary: Path) -> None:
    """Raises `BlockingIOError` where the name is another file's by now: the one who had the lock has renamed it, and
    what this descriptor would empty is the document."""
    status = os.fstat(descriptor)
    try:
        is_own = os.path.samestat(status, temporary.lstat()) and status.st_nlink == 1
    except FileNotFoundError:
        is_own = False
    if not is_own:
        raise BlockingIOError


def _require_writable(path: Path, expected: bytes | None) -> None:
    if path.is_symlink():
        raise Unusable(path, "this is a symbolic link, so nothing was written: name the file that it leads to")
    if expected is None:
        return
    with contextlib.suppress(FileNotFoundError):
        # root may write to any file, and would not be told of one that is meant to stay.
        if not path.stat().st_mode & 0o222 or not os.access(path, os.W_OK):
            raise Unusable(path, "this file is read-only, so nothing was written to it")


def _require_unchanged(path: Path, expected: bytes | None) -> None:
    """What is written to the file between this look and the rename is lost: some microseconds."""
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
    # Who is not root may give a file to a group, and not to another owner.
    for owner in (status.st_uid, -1):
        with contextlib.suppress(PermissionError, AttributeError):
            os.chown(temporary, owner, status.st_gid)
            break
    temporary.chmod(stat.S_IMODE(status.st_mode))  # last: a change of owner takes bits away
    _take_attributes(temporary, path)


def _take_attributes(temporary: Path, path: Path) -> None:
    """Access control lists, and what else a file system keeps beside a file."""
    if not hasattr(os, "listxattr"):
        return
    with contextlib.suppress(OSError):
        for name in os.listxattr(path):
            with contextlib.suppress(OSError):
                os.setxattr(temporary, name, os.getxattr(path, name))
