"""Looks up where the counter lies (what that means is judged in `survival`), and which replica that makes us."""

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from promptcdn.stores import durability as survival

_MOUNTS = Path("/proc/mounts")


def forgets(folder: Path) -> str:
    """Why a restart forgets what is counted in `folder`; empty where nothing says so."""
    try:
        mounts = _MOUNTS.read_text(errors="surrogateescape")
    except OSError:  # not Linux
        mounts = ""
    kind = survival.filesystem(mounts, os.path.realpath(folder))
    # https://cloud.google.com/run/docs/container-contract#services-env-vars
    return survival.forgets(str(folder), kind, cloud_run="K_SERVICE" in os.environ)


def replica(folder: Path) -> str:
    """The name of all processes that count in `folder`, made up by the first. Raises `OSError`."""
    name = folder / "replica"
    if not name.exists():
        with tempfile.NamedTemporaryFile("w", dir=folder) as file:
            file.write(secrets.token_hex(8))
            file.flush()
            # Only a whole name is ever there, and only the first.
            with contextlib.suppress(FileExistsError):
                os.link(file.name, name)
    return name.read_text()


def same_disk(one: Path, other: Path) -> bool:
    """Whether two folders, which need not be there yet, are on one file system."""
    return existing(one).stat().st_dev == existing(other).stat().st_dev


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above that is there already."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
