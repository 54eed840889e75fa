"""What the service keeps is the operator's alone: no other user of the machine can read any of it."""

import contextlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from promptcdn.stores import permissions
from promptcdn.stores.disk import DiskStore
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.upstream import Upstream

URL = "/?prompt=private&seed={}&width=256&height=256"


def under(umask: str) -> tuple[str, ...]:
    """Starts what stands behind it with this umask."""
    return ("sh", "-c", f'umask {umask}; exec "$@"', "sh")


def open_to_others(folder: Path) -> dict[str, str]:
    """The folder, and everything below it, that is not the owner's alone, with its mode."""
    modes = {str(path): stat.S_IMODE(path.lstat().st_mode) for path in (folder, *folder.rglob("*"))}
    return {path: oct(mode) for path, mode in modes.items() if mode & 0o077}


def make_a_picture(folder: Path, upstream: Upstream, umask: str, seed: int) -> None:
    settings = {"STABILITY_HOST": upstream.url, "PROMPTCDN_ENGINE": "any", "PROMPTCDN_CLIENT_RATE": "60/minute"}
    service = Promptcdn(folder, **settings)
    service.program = (*under(umask), PROMPTCDN)
    with service:
        assert service.get(URL.format(seed)).status_code == 200
        assert {"budget.sqlite3-wal", "budget.sqlite3-shm"} <= {path.name for path in (folder / "data").iterdir()}
        assert open_to_others(folder / "data") == {}
    assert open_to_others(folder / "data") == {}


@pytest.mark.parametrize("umask", ["000", "022", "077"])
def test_what_a_new_service_keeps_is_private_whatever_the_umask(tmp_path: Path, umask: str) -> None:
    with Upstream() as upstream:
        make_a_picture(tmp_path, upstream, umask, 1)

    assert list((tmp_path / "data" / "store" / "masters").rglob("*"))


def test_what_was_kept_for_all_to_see_is_private_after_a_start(tmp_path: Path) -> None:
    with Upstream() as upstream:
        make_a_picture(tmp_path, upstream, "000", 1)
        (tmp_path / "data" / "store" / "corrupt").mkdir(exist_ok=True)
        (tmp_path / "data" / "store" / "corrupt" / "old").touch()
        for path in (tmp_path / "data", *(tmp_path / "data").rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o666)
        make_a_picture(tmp_path, upstream, "000", 2)


def test_journals_that_a_kill_left_behind_are_closed_too(tmp_path: Path) -> None:
    with Upstream() as upstream:
        make_a_picture(tmp_path, upstream, "022", 1)
        for suffix in ("", "-wal", "-shm"):
            file = tmp_path / f"budget.sqlite3{suffix}"
            file.touch()
            file.chmod(0o666)

        permissions.make_database(tmp_path / "budget.sqlite3")

    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.glob("budget.sqlite3*")} == {"0o600"}


def test_a_store_is_closed_and_what_lies_beside_is_left_alone(tmp_path: Path) -> None:
    root, link = tmp_path / "shared", tmp_path / "elsewhere"
    for folder in (root / "masters" / "ab", root / "website", link):
        folder.mkdir(parents=True)
    for file in (root / "masters" / "ab" / "picture", root / "website" / "page", link / "file"):
        file.touch()
        file.chmod(0o755)
    (root / "masters" / "link").symlink_to(link)

    DiskStore(root)

    modes = {path.name: oct(path.lstat().st_mode & 0o777) for path in root.rglob("*") if not path.is_symlink()}
    assert modes == {
        "masters": "0o700",
        "ab": "0o700",
        "picture": "0o600",
        "tmp": "0o700",
        "website": "0o755",
        "page": "0o755",
    }
    assert oct(root.stat().st_mode & 0o777) == "0o700"
    assert (link.stat().st_mode & 0o777, (link / "file").stat().st_mode & 0o777) == (0o755, 0o755)


def test_closing_takes_nothing_from_the_owner_and_gives_nothing(tmp_path: Path) -> None:
    read_only = tmp_path / "masters"
    read_only.touch()
    read_only.chmod(0o444)

    permissions.shut(tmp_path, "masters")

    assert read_only.stat().st_mode & 0o777 == 0o400


def test_a_database_in_use_keeps_its_locks_when_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "counter.sqlite3"
    path.touch(0o644)
    another = f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('BEGIN IMMEDIATE')"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")

        permissions.make_database(path)

        second = subprocess.run([sys.executable, "-c", another], capture_output=True, text=True)
    assert "database is locked" in second.stderr
    assert open_to_others(tmp_path) == {}


def said_by_doctor(folder: Path, *through: str, **settings: object) -> tuple[int, str]:
    command = [*through, PROMPTCDN, "doctor"]
    ended = subprocess.run(command, cwd=folder, env=environment(**settings), capture_output=True, text=True)
    return ended.returncode, ended.stdout


def test_a_folder_that_users_share_is_said_and_is_not_fatal(tmp_path: Path) -> None:
    """By the service at the start, and by doctor."""
    (data := tmp_path / "data").mkdir()
    data.chmod(0o1777)  # as /tmp: to take it from the others would break their machine

    with Promptcdn(tmp_path) as service:
        assert service.get(URL.format(1)).status_code == 200
    code, doctor = said_by_doctor(tmp_path, PROMPTCDN_DATA_DIR=data)

    said = f"other users of this machine may use the folder {data}: it has mode 1777"
    assert (tmp_path / "log").read_text().count(said) == 1
    assert (code, f"BAD   permissions: {said}" in doctor) == (1, True)
    assert list(open_to_others(data)) == [str(data)]


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="root alone gives folders away")
@pytest.mark.parametrize("part", ["data", "store"])
def test_a_folder_of_another_user_is_said_and_is_not_fatal(tmp_path: Path, part: str) -> None:
    """By the service at the start, and by doctor."""
    (folder := tmp_path / part).mkdir()
    folder.chmod(0o775)
    os.chown(folder, 10001, 10001)
    # Without the right to change what belongs to others: so is every user but root.
    through = ("setpriv", "--bounding-set=-fowner", "--inh-caps=-fowner")
    settings = {"PROMPTCDN_DATA_DIR": tmp_path / "data", "PROMPTCDN_STORE": f"disk:{tmp_path / 'store'}"}

    service = Promptcdn(tmp_path, **settings)
    service.program = (*through, PROMPTCDN)
    with service:
        assert service.get(URL.format(1)).status_code == 200
    code, doctor = said_by_doctor(tmp_path, *through, **settings)

    said = f"other users of this machine may use the folder {folder}: it has mode 0775 and belongs to user 10001"
    assert (tmp_path / "log").read_text().count(said) == 1
    assert (code, f"BAD   permissions: {said}" in doctor) == (1, True)
    assert "→ give the service a folder of its own" in doctor
    assert list(open_to_others(folder)) == [str(folder)]
