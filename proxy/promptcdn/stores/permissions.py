"""Who of this machine may read what the service keeps: the user that the service runs as, and nobody else.

Folders are 0700 and files 0600, whatever the umask is. Each call that makes one says the mode itself: the umask is one
for the whole process, and whoever changes it around a call changes it for all threads.
"""

import contextlib
import logging
import os
import stat
from pathlib import Path

from promptcdn.checks import Check

log = logging.getLogger("promptcdn")

FOLDER, FILE = 0o700, 0o600
# What the group and all others may do.
_OTHERS = 0o077
_BESIDE_A_DATABASE = ("-wal", "-shm", "-journal")


def opener(path: str, flags: int) -> int:
    """For `open(…, opener=…)`: a file that it makes is private."""
    return os.open(path, flags, FILE)


def make_folder(folder: Path) -> tuple[Path, ...]:
    """Makes a private folder, and all above it that are missing. Gives those that were missing. Raises `OSError`."""
    missing = tuple(each for each in (folder, *folder.parents) if not each.exists())
    # Not `parents=True`: the mode would be that of the last folder alone.
    for each in reversed(missing or (folder,)):
        each.mkdir(FOLDER, exist_ok=True)
    return missing


def make_database(path: Path) -> None:
    """Makes an empty private file for SQLite where there is none, or closes to others the files that are there.

    SQLite would make it 0644; those beside it get its mode. Where this fails SQLite says what is wrong.
    """
    # Only a new file is opened. To close any descriptor of a database gives up the process's locks on that database
    # (https://www.sqlite.org/howtocorrupt.html section 2.2).
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE))
    for suffix in ("", *_BESIDE_A_DATABASE):
        _shut_below(Path(f"{path}{suffix}"))


def shut(root: Path, *ours: str) -> None:
    """Closes the folder `root` to all but its owner, and in it whatever has a name in `ours`, with all that is below.

    Nothing else in it is touched: somebody may have given us a folder that has more in it. Where `root` cannot be
    closed the log says so, and so does `finding`. What lies in a closed folder is out of everybody's reach anyway.
    """
    with contextlib.suppress(OSError):
        found = root.stat()
        if stat.S_ISDIR(found.st_mode) and not found.st_mode & stat.S_ISVTX:
            # First the root: from then on nobody else can put links where folders are about to be closed.
            if found.st_mode & _OTHERS:
                root.chmod(found.st_mode & FOLDER)
            for name in ours:
                _shut_below(root / name)
    if (wrong := finding(root)) is not None:
        log.warning("%s: %s", wrong.detail, wrong.advice)


def finding(root: Path) -> Check | None:
    """What is wrong where others may use the folder `root`; `None` where they may not, or there is no such folder."""
    try:
        found = root.stat()
    except OSError:
        return None
    if not stat.S_ISDIR(found.st_mode) or not found.st_mode & _OTHERS:
        return None
    mode, owner = stat.S_IMODE(found.st_mode), found.st_uid
    whose = "" if owner == os.geteuid() else f" and belongs to user {owner}"
    detail = f"other users of this machine may use the folder {root}: it has mode {mode:04o}{whose}"
    return Check("permissions", False, detail, "give the service a folder of its own, with mode 0700")


def _shut_below(path: Path) -> None:
    """Closes `path` after all that is below it: a private folder is one that was finished with, and not looked into.

    A link stays as it is, and so does what it leads to.
    """
    with contextlib.suppress(OSError):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode) or not mode & _OTHERS:
            return
        if stat.S_ISDIR(mode):
            for below in path.iterdir():
                _shut_below(below)
        path.chmod(mode & (FOLDER if stat.S_ISDIR(mode) else FILE))
