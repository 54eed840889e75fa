"""Which files are read and written: links, rights, names, and files that are no text."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptcdn.documents.files import Document, Unusable, documents
from promptcdn.documents.writing import replace, temporary_name
from tests.documents.tree import Tree

TEXT, AFTER = "![a]({b}/?prompt=a)", "![a]({b}/?prompt=a&seed=7)"


def test_a_link_out_of_the_tree_is_told_and_not_followed(tree: Tree) -> None:
    """A file, a folder, and what globs and names lead to."""
    outside = Tree(tree.folder.parent / "outside", tree.base)
    outside.write("file.md", TEXT)
    outside.write("docs/a.md", TEXT)
    (tree.folder / "file.md").symlink_to("../outside/file.md")
    (tree.folder / "docs").symlink_to("../outside/docs")
    (tree.folder / "gone.md").symlink_to("nowhere.md")
    before = outside.files()

    for words in ((), (".",), (str(tree.folder),), ("file.md", "docs", "docs/a.md"), ("*.md", "**/*.md", "docs/*.md")):
        ended = tree.run("pin", "--seed", "7", *words)

        assert ended.exit_code == 1, words
        assert "file.md: this is a symbolic link out of" in ended.stderr
        assert "docs: this is a symbolic link out of" in ended.stderr or "docs/a.md: this is a symbolic" in ended.stderr
        assert outside.files() == before


def test_a_tree_may_be_reached_over_a_link(tree: Tree) -> None:
    """Which folder a command is to look at is whose choice it is that runs it."""
    tree.write("docs/a.md", TEXT)
    (tree.folder.parent / "link").symlink_to("tree")
    linked = Tree(tree.folder.parent / "link", tree.base)

    for words in (
        (str(linked.folder),),
        (str(linked.folder / "docs" / "a.md"),),
        (str(linked.folder / "docs" / "*.md"),),
    ):
        tree.write("docs/a.md", TEXT)
        assert linked.run("pin", "--seed", "7", *words).exit_code == 0
        assert tree.read("docs/a.md") == AFTER


def test_a_link_within_the_tree_is_one_document(tree: Tree) -> None:
    tree.write("docs/index.md", TEXT)
    (tree.folder / "README.md").symlink_to("docs/index.md")
    (tree.folder / "more").symlink_to("docs")

    ended = tree.run("pin", "--seed", "7")

    assert (ended.exit_code, ended.stdout) == (0, "seeds were written into 1 URL in 1 file\n")
    assert tree.read("docs/index.md") == AFTER
    assert (tree.folder / "README.md").readlink() == Path("docs/index.md")


def test_a_link_is_of_the_kind_that_its_file_is_of(tmp_path: Path) -> None:
    (tmp_path / "a.rst").write_text("")
    (tmp_path / "README.md").symlink_to("a.rst")

    assert [str(each.kind) for each in documents([str(tmp_path)]) if isinstance(each, Document)] == ["rst"]


def test_other_names_of_a_file_keep_what_they_have(tree: Tree) -> None:
    """A hard link may be in another tree; one in this tree is a document itself."""
    outside = tree.write("../outside.md", TEXT)
    (tree.folder / "a.md").hardlink_to(outside)
    (tree.folder / "b.md").hardlink_to(outside)

    assert tree.run("pin", "--seed", "7").exit_code == 0

    assert (tree.read("a.md"), tree.read("b.md")) == (AFTER, AFTER)
    assert outside.read_text() == TEXT.replace("{b}", tree.base)


def test_a_read_only_file_is_told_and_stays(tree: Tree) -> None:
    """To root too, who could write to it."""
    path = tree.write("a.md", TEXT)
    path.chmod(0o444)
    tree.write("b.md", TEXT)

    ended = tree.run("pin", "--seed", "7")

    assert ended.exit_code == 1
    assert "a.md: this file is read-only, so nothing was written to it" in ended.stderr
    assert (tree.read("a.md"), tree.read("b.md")) == (TEXT, AFTER)


def test_rights_stay_as_they_were(tree: Tree) -> None:
    path = tree.write("a.md", TEXT)
    path.chmod(0o2640)
    if os.getuid() == 0:
        os.chown(path, 1234, 2345)
        path.chmod(0o2640)
    if has_attributes := hasattr(os, "setxattr"):
        try:
            os.setxattr(path, "user.origin", b"a")
        except OSError:
            has_attributes = False
    before = path.stat()

    tree.run("pin", "--seed", "7")

    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert not has_attributes or os.getxattr(path, "user.origin") == b"a"


def test_a_new_file_has_the_rights_that_new_files_have(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()

    replace(tmp_path / "new", b"a", None)

    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_file_that_was_changed_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    for there, expected in ((b"edited", b"read"), (b"made meanwhile", None)):
        path.write_bytes(there)
        with pytest.raises(Unusable, match="this file was changed meanwhile"):
            replace(path, b"new", expected)
        assert path.read_bytes() == there
    path.unlink()
    with pytest.raises(Unusable, match="this file was changed meanwhile"):
        replace(path, b"new", b"read")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_became_a_link_meanwhile_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"read")
    (tmp_path / "a.md").symlink_to("outside")

    with pytest.raises(Unusable, match="this is a symbolic link"):
        replace(tmp_path / "a.md", b"new", b"read")

    assert (tmp_path / "outside").read_bytes() == b"read"


def test_two_commands_on_one_file_do_not_mix(tmp_path: Path) -> None:
    """The other holds the new content, which a link at its place could lead elsewhere."""
    import fcntl

    path = tmp_path / "a.md"
    path.write_bytes(b"read")
    temporary = tmp_path / temporary_name("a.md")
    with temporary.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Unusable, match="another promptcdn writes to this file"):
            replace(path, b"new", b"read")
    temporary.unlink()
    (tmp_path / "precious").write_bytes(b"precious")
    for link in (temporary.symlink_to, temporary.hardlink_to):
        link(tmp_path / "precious")
        with pytest.raises(Unusable):
            replace(path, b"new", b"read")
        temporary.unlink(missing_ok=True)

    assert (path.read_bytes(), (tmp_path / "precious").read_bytes()) == (b"read", b"precious")


@pytest.mark.parametrize(
    "name", ["a" * 252 + ".md", "é" * 126 + ".md", "🦊" * 60 + ".md", "a\nb\x1b[31m.md", "\udce9.md"]
)
def test_any_name_can_be_written_and_told(tree: Tree, name: str) -> None:
    tree.write(name, TEXT)
    tree.write("docs/a.md", TEXT).chmod(0o444)

    ended = tree.run("pin", "--seed", "7")
    assert (ended.exit_code, tree.read(name)) == (1, AFTER)
    (tree.folder / name).chmod(0o444)
    (tree.folder / name).write_bytes(b"![b](" + tree.base.encode() + b"/?prompt=b)")
    ended = tree.run("pin", "--seed", "7")

    told = [line for line in ended.stderr.splitlines() if "read-only" in line]
    assert len(told) == 2
    assert all(line.isprintable() for line in told)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"caf\xe9\n![a](%s/?prompt=a)", "line 1 is not UTF-8"),
        ("![a]({b}/?prompt=a)", "line 1 is not UTF-8"),  # as UTF-16, which PowerShell writes
        (b"caf\xe9 and no picture of ours", None),
        (b"\x00\xff" * 1000, None),
    ],
)
def test_a_file_that_is_not_utf8_matters_where_it_has_a_picture(
    tree: Tree, content: str | bytes, said: str | None
) -> None:
    whole = content.replace("{b}", tree.base).encode("utf-16") if isinstance(content, str) else content
    tree.write("a.md", whole.replace(b"%s", tree.base.encode()))
    before = tree.files()

    ended = tree.run("pin", "--seed", "7")

    assert ended.exit_code == (1 if said else 0)
    assert (said or "") in ended.stderr
    assert tree.files() == before


def test_what_is_no_regular_file_is_told_and_not_waited_for(tree: Tree) -> None:
    os.mkfifo(tree.folder / "pipe.md")

    ended = tree.run("pin", "--seed", "7")

    assert (ended.exit_code, ended.stderr.splitlines()[0]) == (1, "pipe.md: this is no regular file")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing.md", "there is no such file or folder"),
        ("*.rst", "no file matches this pattern"),
        ("a" * 300, "File name too long"),
        ("a.md/b.md", "there is no such file or folder"),
    ],
)
def test_a_name_of_nothing_is_told(tree: Tree, name: str, said: str) -> None:
    tree.write("a.md", TEXT)

    ended = tree.run("pin", name)

    assert ended.exit_code in (1, 2)
    assert said in ended.stderr


def test_a_file_of_another_extension_is_told_where_it_is_named(tree: Tree) -> None:
    tree.write("a.txt", TEXT)

    assert "a.txt: this is no document; allowed: .md, " in tree.run("pin", "a.txt").stderr
    assert "a.txt" not in tree.run("pin").stderr


def test_hidden_files_are_read_where_they_are_named(tree: Tree) -> None:
    for name in (".hidden.md", ".github/a.md", "node_modules/a/README.md"):
        tree.write(name, TEXT)

    assert tree.run("pin", "--seed", "7").stdout == "seeds were written into 0 URLs in 0 files\n"
    assert tree.run("pin", "--seed", "7", ".hidden.md", ".github", "node_modules").stdout.startswith(
        "seeds were written into 3"
    )


AS_NOBODY = """
import os, sys
from pathlib import Path
from promptcdn.documents.files import Unusable, documents
from promptcdn.documents.writing import replace
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
if sys.argv[1] == "list":
    print(*documents(sys.argv[2:]))
else:
    try:
        path = Path(sys.argv[2])
        replace(path, b"new", path.read_bytes())
    except Unusable as unusable:
        print(unusable)
"""


def as_nobody(tmp_path: Path, *words: object) -> str:
    """What a user without rights is told."""
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    run = [sys.executable, "-c", AS_NOBODY, *map(str, words)]
    return subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_who_has_no_rights_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    (folder / "secret").mkdir(parents=True)
    path = folder / "a.md"
    path.write_bytes(b"old")
    for mode, folder_mode, said in (
        (0o644, 0o755, "this file is read-only, so nothing was written to it"),
        (0o666, 0o755, "it could not be written: Permission denied"),
    ):
        path.chmod(mode)
        folder.chmod(folder_mode)
        assert as_nobody(tmp_path, "write", path) == f"{path}: {said}"
        assert path.read_bytes() == b"old"
    (folder / "secret").chmod(0o700)
    assert as_nobody(tmp_path, "list", folder) == f"{path} {folder / 'secret'}: Permission denied"
    assert as_nobody(tmp_path, "list", folder / "secret" / "b.md") == f"{folder / 'secret' / 'b.md'}: Permission denied"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_a_file_of_another_owner_becomes_the_writers_own(tmp_path: Path) -> None:
    """Where its folder and its rights allow that: only root could give it back."""
    tmp_path.chmod(0o777)
    path = tmp_path / "a.md"
    path.write_bytes(b"old")
    path.chmod(0o666)

    assert as_nobody(tmp_path, "write", path) == ""

    assert (path.read_bytes(), path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (b"new", 65534, 0o666)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB."""
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", tmp_path]).returncode:
        pytest.skip("no file system can be mounted here")
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=True)


def test_a_full_disk_is_told_and_leaves_all_as_it_was(small_disk: Path, tree: Tree) -> None:
    full = Tree(small_disk / "docs", tree.base)
    full.write("a.md", TEXT + "\n" + "a" * 20_000)
    full.write("b.md", TEXT)
    full.write("fill", b"a" * 20_000)
    before = full.files()
    with (small_disk / "rest").open("wb", buffering=0) as rest:
        while True:
            try:
                rest.write(b"a" * 4096)
            except OSError:
                break

    ended = full.run("pin", "--seed", "7")

    assert ended.exit_code == 1
    assert "a.md: it could not be written: No space left on device" in ended.stderr
    assert full.files() == before
    (small_disk / "rest").unlink()
    assert full.run("pin", "--seed", "7").exit_code == 0
    assert full.read("b.md") == AFTER


@pytest.mark.parametrize("words", [("pin", "--seed", "7"), ("check",), ("lock",), ("warm",), ("gallery",)])
def test_a_link_to_itself_is_told(tree: Tree, words: tuple[str, ...]) -> None:
    (tree.folder / "self.md").symlink_to("self.md")

    for named in ((), ("self.md",)):
        ended = tree.run(*words, *named)

        assert ended.exit_code == 1
        assert "self.md" in ended.output
        assert "this is a symbolic link to itself" in ended.output


def test_json_that_is_nested_too_deeply_is_told(tree: Tree) -> None:
    deep = "[" * 100_000
    tree.write("deep.ipynb", '{"{b}": ' + deep)
    assert "deep.ipynb: this is no notebook: its lists are nested too deeply" in tree.run("pin").stderr

    tree.write("promptcdn.lock", deep)
    assert "promptcdn.lock: it is no JSON" in tree.run("lock").stderr


def test_half_a_character_in_a_url_is_told(tree: Tree) -> None:
    """The JSON of a notebook may have one."""
    url = f"{tree.base}/?prompt=a" + "\\ud83d"
    tree.write("a.ipynb", '{"cells": [{"cell_type": "markdown", "source": ["![a](' + url + ')"]}]}')

    for words in (("lock",), ("warm",), ("gallery",), ("vendor", "--to", "pictures")):
        ended = tree.run(*words)
        assert ended.exit_code == 1, words
        assert "half of a character" in ended.stderr or "not UTF-8" in ended.stderr
    assert tree.run("pin", "--seed", "7").exit_code == 0
