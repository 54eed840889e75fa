"""kill -9 and failing disks, at each call on a file that a command makes."""

import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.documents.tree import Tree
from tests.support.nth_call import Failure, failing_files
from tests.support.service import Promptcdn

A, B = "{b}/?prompt=a&seed=7", "{b}/?prompt=b&seed=7"
COMMANDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "pin": (("pin", "--seed", "7"),),
    "lock": (("lock",),),
    "vendor": (("vendor", "README.md", "docs", "--to", "docs/pictures"),),
    "undo": (("vendor", "README.md", "docs", "--to", "docs/pictures"), ("vendor", "--undo")),
}
_CHANGING = ("open", "ftruncate", "fsync", "chown", "chmod", "replace", "unlink", "mkdir", "rmdir")


def written(tree: Tree, before: tuple[tuple[str, ...], ...]) -> None:
    """Documents, after the commands that come before the one that is looked at."""
    tree.write("README.md", f"![a]({A.replace('&', '&amp;')})\r\n![b]({B})\r\n")
    tree.write("docs/a.html", f"<img src='{A}'>\n<img src='{B}'>")
    if not before:
        tree.write("seedless.md", "![c]({b}/?prompt=c)")
    for words in before:
        assert tree.run(*words).exit_code == 0


def put(tree: Tree, files: dict[str, bytes]) -> None:
    """These files and no others."""
    shutil.rmtree(tree.folder)
    tree.folder.mkdir()
    for name, content in files.items():
        tree.write(name, content)


def killed_at(number: int, tree: Tree, words: tuple[str, ...]) -> bool:
    """Runs a command in a child that kills itself before its n-th call that changes files; whether it came to that."""
    child = os.fork()
    if child == 0:
        failure = Failure(number)
        for name in _CHANGING:
            setattr(os, name, _killing(failure, getattr(os, name)))
        with failure:
            tree.run(*words)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def _killing(failure: Failure, function: Callable[..., object]) -> Callable[..., object]:
    def call(*given: object, **more: object) -> object:
        if failure.is_now("a call"):
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*given, **more)

    return call


@pytest.mark.skipif(sys.platform != "linux", reason="a child of this process runs the command")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_kill_at_any_call_leaves_whole_files(tree: Tree, service: Promptcdn, tmp_path: Path, command: str) -> None:
    """Each file is as it was or as it should be; run again, the command ends as if nothing had been, leftovers too."""
    for prompt in ("a", "b"):
        service.get(f"/?prompt={prompt}&seed=7")
    *before, last = COMMANDS[command]
    written(tree, tuple(before))
    start = tree.files()
    good = Tree(tmp_path / "good", tree.base)
    shutil.copytree(tree.folder, good.folder)
    assert good.run(*last).exit_code == 0
    end = good.files()
    number = 0
    while True:
        number += 1
        put(tree, start)
        was_killed = killed_at(number, tree, last)

        there = tree.files()
        for name, content in there.items():
            assert name.endswith(".promptcdn") or content in (start.get(name), end.get(name)), (number, name)
        for name in start.keys() & end.keys():
            assert name in there
        for name in ("README.md", "docs/a.html"):
            for path in (b"docs/pictures/", b"'pictures/"):
                assert path not in there[name] or sum(each.endswith(".webp") for each in there) >= 2, (
                    "a path to nothing"
                )
        assert sum(name.endswith(".promptcdn") for name in there) <= 8
        assert tree.run(*last).exit_code == 0
        assert tree.files() == end, number
        if not was_killed:
            break
    assert number > 6, "the calls were not counted"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_disk_that_fails_at_any_call_is_told(tree: Tree, service: Promptcdn, command: str) -> None:
    """With exit code 1 or 2 and no traceback; documents are whole, each path leads to a file, and the next run ends."""
    for prompt in ("a", "b"):
        service.get(f"/?prompt={prompt}&seed=7")
    *before, last = COMMANDS[command]
    written(tree, tuple(before))
    start = tree.files()
    tree.run(*last)
    end, number, quiet = tree.files(), 0, []
    while True:
        number += 1
        put(tree, start)
        frames = {name: _frame(content) for name, content in tree.documents().items()}
        failure = Failure(number)
        with failing_files(failure, tree.folder, "replace", "chmod", "ftruncate"), failure:
            ended = tree.run(*last)
        if failure.happened is None:
            break
        # Python looks whether a path is a loop of links, and takes no notice of failures of that look.
        if ended.exit_code == 0 and not failure.happened.startswith("stat "):
            quiet.append(failure.happened)
        there = tree.documents()
        assert {name: _frame(content) for name, content in there.items()} == frames, failure.happened
        assert all(
            (tree.folder / path).exists() for path in re.findall("docs/pictures/[^)]*", there["README.md"].decode())
        )
        assert tree.run(*last).exit_code == 0
        assert tree.files() == end, failure.happened
    assert number > 10
    assert quiet == [], "failures that nobody was told of"


def _frame(content: bytes) -> bytes:
    """What stands around the pictures."""
    return re.sub(rb"[^('\"]*(?:pictures/|[?]prompt)[^)'\"]*", b"", content)
