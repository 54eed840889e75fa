"""`promptcdn lock`: which picture each URL shows, in a file that branches can share."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from promptcdn.markdown.lock import Conflict, Entry, Lock, parsed, printed
from tests.documents.tree import Tree
from tests.support.ports import free_port
from tests.support.service import Promptcdn


def locked(tree: Tree) -> dict[str, Any]:
    pictures: dict[str, Any] = json.loads(tree.read("promptcdn.lock"))["pictures"]
    return pictures


def test_a_lock_has_what_each_url_answers_with(tree: Tree, service: Promptcdn) -> None:
    answer = service.get("/i.png?prompt=locked&seed=7&w=64")
    tree.write("README.md", "![a]({b}/i.png?prompt=locked&amp;seed=7&amp;w=64#only-dark)")

    ended = tree.run("lock")

    assert (ended.exit_code, ended.stdout) == (0, "1 URL locked: 1 new, 0 changed, 0 dropped\n")
    assert locked(tree) == {
        "{b}/i.png?prompt=locked&seed=7&w=64": {
            "content_key": answer.headers["link"].partition("/i/")[2][:64],
            "media_type": "image/png",
            "sha256": hashlib.sha256(answer.content).hexdigest(),
            "size": len(answer.content),
        }
    }


def test_a_lock_is_sorted_and_the_same_wherever_it_is_written(tree: Tree, service: Promptcdn) -> None:
    for prompt in "cab":
        service.get(f"/?prompt=sorted+{prompt}&seed=7")
        tree.write(f"{prompt}.md", f"![a]({{b}}/?prompt=sorted+{prompt}&seed=7)")
    tree.run("lock")
    other = Tree(tree.folder.parent / "other", tree.base)
    shutil.copytree(tree.folder, other.folder, ignore=shutil.ignore_patterns("*.lock"))

    other.run("lock", "b.md")
    other.run("lock", "c.md", "a.md")

    assert list(locked(tree)) == sorted(locked(tree))
    assert other.read("promptcdn.lock") == tree.read("promptcdn.lock")
    status = (tree.folder / "promptcdn.lock").stat()
    tree.run("lock")
    assert (tree.folder / "promptcdn.lock").stat().st_ino == status.st_ino, "it was written again"


def test_what_shows_many_pictures_is_left_out_and_told(tree: Tree) -> None:
    tree.write("README.md", "![a]({b}/?prompt=a) ![a]({b}/?prompt=a&seed=day)")

    ended = tree.run("lock")

    assert (ended.exit_code, locked(tree)) == (0, {})
    assert ended.stderr.splitlines() == [
        "1 URL without a seed left out: promptcdn pin writes seeds, and then lock again",
        "1 URL left out whose seed changes with the calendar (day, week …)",
    ]


def test_a_picture_that_is_not_made_is_told_and_not_made(tree: Tree, service: Promptcdn) -> None:
    tree.write("README.md", "![a]({b}/?prompt=not+locked&seed=7)")

    ended = tree.run("lock")

    assert (ended.exit_code, locked(tree)) == (1, {})
    assert "prompt=not+locked&seed=7: this picture is not made yet: promptcdn warm makes it" in ended.stderr
    assert service.get("/info?prompt=not+locked&seed=7").json()["state"] == "absent"


def test_another_picture_under_a_url_is_told(tree: Tree, service: Promptcdn) -> None:
    service.get("/?prompt=drifted&seed=7")
    tree.write("README.md", "![a]({b}/?prompt=drifted&seed=7)")
    tree.run("lock")
    good = tree.read("promptcdn.lock")
    (url,) = locked(tree)
    tree.write("promptcdn.lock", good.replace(locked(tree)[url]["sha256"], "0" * 64))

    ended = tree.run("lock")

    assert ended.stderr == f"changed: {tree.base}/?prompt=drifted&seed=7\n"
    assert ended.stdout == "1 URL locked: 0 new, 1 changed, 0 dropped\n"
    assert tree.read("promptcdn.lock") == good


def test_entries_are_dropped_where_all_documents_are_looked_at(tree: Tree, service: Promptcdn) -> None:
    for prompt in ("kept", "dropped"):
        service.get(f"/?prompt={prompt}&seed=7")
        tree.write(f"docs/{prompt}.md", f"![a]({{b}}/?prompt={prompt}&seed=7)")
    tree.run("lock")
    (tree.folder / "docs" / "dropped.md").unlink()
    tree.write("empty/a.md", "")

    tree.run("lock", "docs")
    Tree(tree.folder / "empty", tree.base).run("lock", "--lock-file", "../promptcdn.lock")
    assert len(locked(tree)) == 2
    tree.write("unreadable.md", b"\xff ![a](" + tree.base.encode() + b"/?prompt=dropped&seed=7)")
    assert tree.run("lock").exit_code == 1
    assert len(locked(tree)) == 2
    (tree.folder / "unreadable.md").unlink()
    ended = tree.run("lock")

    assert ended.stdout == "1 URL locked: 0 new, 0 changed, 1 dropped\n"
    assert list(locked(tree)) == ["{b}/?prompt=kept&seed=7"]


def test_entries_of_another_service_stay(tree: Tree, service: Promptcdn) -> None:
    """As where nobody said whose URLs are meant: then none is looked for."""
    service.get("/?prompt=kept&seed=7")
    tree.write("README.md", "![a]({b}/?prompt=kept&seed=7)")
    tree.run("lock")
    before = tree.files()
    address = tree.base
    tree.base = "http://127.0.0.1:1"

    ended = tree.run("lock")

    tree.base = address
    assert (ended.exit_code, ended.stdout) == (0, "1 URL locked: 0 new, 0 changed, 0 dropped\n")
    assert "no URL begins with http://127.0.0.1:1" in ended.stderr
    assert tree.files() == before


def test_a_dry_run_shows_a_new_lock_file_as_a_diff(tree: Tree, service: Promptcdn) -> None:
    service.get("/?prompt=dry&seed=7")
    tree.write("README.md", "![a]({b}/?prompt=dry&seed=7)")

    dry = tree.run("lock", "--dry-run")

    assert "promptcdn.lock" not in tree.files()
    subprocess.run(["patch", "-p1"], cwd=tree.folder, input=dry.stdout_bytes, check=True, capture_output=True)
    taken = tree.files()
    tree.run("lock")
    assert tree.files() == taken


def test_a_service_that_is_down_changes_nothing(tree: Tree, service: Promptcdn) -> None:
    service.get("/?prompt=up&seed=7")
    tree.write("README.md", "![a]({b}/?prompt=up&seed=7)")
    tree.run("lock")
    before = tree.files()
    port = free_port()
    after = {
        name: content.replace(tree.base.encode(), b"http://127.0.0.1:%d" % port) for name, content in before.items()
    }
    for name, content in after.items():
        tree.write(name, content)
    tree.base = f"http://127.0.0.1:{port}"

    ended = tree.run("lock")

    assert (ended.exit_code, ended.stderr.count("cannot be asked")) == (1, 1)
    assert tree.files() == after


def git(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *who, *words], cwd=folder, capture_output=True)


@pytest.mark.parametrize("style", ["merge", "diff3"])
def test_a_merge_conflict_is_told_and_settled(tree: Tree, service: Promptcdn, style: str) -> None:
    """By git itself: two branches lock other pictures."""
    folder = tree.folder
    git(folder, "init", "-b", "main")
    git(folder, "config", "merge.conflictStyle", style)
    branches = {"main": ["a", "m"], "one": ["b", "c"], "two": ["b2", "d"]}
    for branch, prompts in branches.items():
        git(folder, "checkout", "-b", branch, "main")
        for prompt in prompts:
            service.get(f"/?prompt=merge+{prompt}&seed=7")
            tree.write(f"{prompt}.md", f"![a]({{b}}/?prompt=merge+{prompt}&seed=7)")
        tree.run("lock")
        git(folder, "add", ".")
        git(folder, "commit", "-m", branch)
    merged = git(folder, "merge", "one")
    assert b"CONFLICT" in merged.stdout
    assert b"<<<<<<<" in tree.files()["promptcdn.lock"]
    before = tree.files()

    for command in (("vendor", "--to", "pictures"), ("vendor", "--undo")):
        refused = tree.run(*command)
        assert refused.exit_code == 2
        assert "promptcdn.lock: it has a merge conflict in it: promptcdn lock settles it" in refused.stderr
    assert tree.files() == before
    ended = tree.run("lock")

    assert ended.exit_code == 0
    assert "settled a merge conflict" in ended.stderr
    assert [url.partition("+")[2][:-7] for url in locked(tree)] == ["a", "b", "b2", "c", "d", "m"]
    settled = tree.files()
    (folder / "promptcdn.lock").unlink()
    tree.run("lock")
    assert tree.files() == settled


def test_of_a_conflict_the_side_that_has_a_file_is_taken() -> None:
    """By the file its URL is put back."""
    with_file, without = (printed(Lock({"u": Entry("k", "s", 1, "image/webp", file)})) for file in ("p/a.webp", None))
    begin, end = '{\n "pictures"', ' "version"'
    sides = [text.partition(end)[0] for text in (without, with_file)]
    text = f"<<<<<<< HEAD\n{sides[0]}=======\n{sides[1]}>>>>>>> one\n{end}{with_file.partition(end)[2]}"
    assert text.count(begin) == 2

    with pytest.raises(Conflict, match="promptcdn lock settles it") as raised:
        parsed(text)

    assert raised.value.both == Lock({"u": Entry("k", "s", 1, "image/webp", "p/a.webp")})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is no JSON: delete the file and run promptcdn lock"),
        ("[]", "it is no lock file of version 1"),
        ('{"version": 2}', "it is no lock file of version 1"),
        ('{"version": 1, "pictures": {"u": {"x": 1}}}', "an entry has other members"),
        ("<<<<<<< HEAD\n", "take one side with git checkout --ours"),
        ("<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> one\n", "take one side with git checkout --ours"),
    ],
)
def test_a_file_that_is_no_lock_file_is_wrong_use(tree: Tree, text: str, said: str) -> None:
    tree.write("promptcdn.lock", text)

    ended = tree.run("lock")

    assert ended.exit_code == 2
    assert said in ended.stderr
    assert tree.read("promptcdn.lock") == text


@pytest.mark.parametrize("file", ["/etc/x", "../x", "a/../../x", "a\\x", "C:x", ""])
def test_a_lock_file_leads_nowhere_else(file: str) -> None:
    text = printed(Lock({"u": Entry("k", "s", 1, "image/webp", file)}))

    with pytest.raises(ValueError, match="an entry has other members"):
        parsed(text)


def test_names_that_are_no_utf8_come_back() -> None:
    lock = Lock({}, {"caf\udce9.md": (("a", "b\ud83d"),)})

    text = printed(lock)

    assert text.encode()
    assert parsed(text) == lock


def test_nothing_is_counted_where_no_lock_file_can_be_written(tree: Tree, service: Promptcdn) -> None:
    service.get("/?prompt=locked&seed=7")
    tree.write("README.md", "![a]({b}/?prompt=locked&seed=7)")

    ended = tree.run("lock", "--lock-file", "nowhere/promptcdn.lock")

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "nowhere/promptcdn.lock: it could not be written" in ended.stderr


@pytest.mark.parametrize("member", ["content_key", "sha256", "size", "media_type", "file"])
def test_an_entry_with_a_member_of_another_type_is_told(member: str) -> None:
    entry = {"content_key": "a", "sha256": "b", "size": 1, "media_type": "image/webp", "file": "a.webp"}
    text = json.dumps({"version": 1, "pictures": {"https://h/?prompt=a": entry | {member: ["x"]}}})

    with pytest.raises(ValueError, match="an entry has other members than it should"):
        parsed(text)
