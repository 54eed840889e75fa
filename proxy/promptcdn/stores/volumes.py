"""What a folder is on, looked up: whether what is written there outlives a restart (`durability` judges), and the name
of all processes that count in it."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from promptcdn.stores import durability

_MOUNTS = Path("/proc/mounts")


def caveat(folder: Path) -> str:
    """Why a restart forgets what is written to `folder`; empty where nothing says so."""
    try:
        mounts = _MOUNTS.read_text(errors="surrogateescape")
    except OSError:  # not Linux
        mounts = ""
    file_system = durability.file_system(mounts, os.path.realpath(folder))
    return durability.caveat(str(folder), file_system, platform=durability.platform(os.environ))


def replica_id(folder: Path) -> str:
    """The id of all processes that count in `folder`, made up by the first of them. Raises `OSError`."""
    path = folder / "replica"
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=folder) as file:
            file.write(secrets.token_hex(8))
            file.flush()
            # Only a whole id is ever there, and only the first.
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text()


def same_disk(one: Path, other: Path) -> bool:
    """Whether two folders, which need not be there yet, are on one file system."""
    return existing(one).stat().st_dev == existing(other).stat().st_dev


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above that is there already."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
