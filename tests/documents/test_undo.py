"""`promptcdn vendor --undo`, after somebody went on working."""

from pathlib import Path

from tests.documents.test_vendor import DARK, A, B
from tests.documents.tree import Tree


def pictures(tree: Tree) -> list[str]:
    return [name for name in tree.files() if name.startswith("pictures/")]


def test_an_edited_document_keeps_its_edits(tree: Tree) -> None:
    tree.write("README.md", f"a ![a]({A.replace('&', '&amp;')})\n![b]({B})\n")
    tree.run("vendor", "--to", "pictures")
    first, second = tree.read("README.md").splitlines()
    tree.write("README.md", f"{second} more\n\n{first}\n{first}\n")

    assert tree.run("vendor", "--undo").exit_code == 0

    assert tree.read("README.md") == f"![b]({B}) more\n\na ![a]({A})\na ![a]({A})\n"


def test_a_picture_that_a_document_still_names_stays(tree: Tree) -> None:
    """Whichever documents were given, also those in hidden folders, which are read only where they are named."""
    for name in ("README.md", "docs/a.md", ".github/b.md"):
        tree.write(name, f"![a]({A})")
    tree.run("vendor", "README.md", "docs", ".github/b.md", "--to", "pictures")

    tree.run("vendor", "README.md", "--undo")
    assert len(pictures(tree)) == 1
    tree.run("vendor", "--undo")
    assert len(pictures(tree)) == 1
    assert tree.read(".github/b.md").startswith("![a](../pictures/")
    tree.run("vendor", ".github/b.md", "--undo")

    assert pictures(tree) == []
    assert {tree.read(name) for name in ("README.md", "docs/a.md", ".github/b.md")} == {f"![a]({A})"}


def test_undo_in_a_folder_leaves_the_files_of_others(tree: Tree) -> None:
    tree.write("README.md", f"![a]({A}) ![b]({B})")
    tree.write("docs/a.md", f"![a]({A}) ![d]({DARK})")
    tree.run("vendor", "--to", "pictures")

    Tree(tree.folder / "docs", tree.base).run("vendor", "--undo", "--lock-file", "../promptcdn.lock")

    assert tree.read("docs/a.md") == f"![a]({A}) ![d]({DARK})"
    assert len(pictures(tree)) == 2
    tree.run("vendor", "--undo")
    assert tree.read("README.md") == f"![a]({A}) ![b]({B})"
    assert pictures(tree) == []


def test_nothing_is_deleted_while_a_document_cannot_be_read(tree: Tree) -> None:
    tree.write("README.md", f"![a]({A})")
    tree.run("vendor", "--to", "pictures")
    (name,) = pictures(tree)
    tree.write(".hidden/latin.md", b"\xe9 ![a](../" + name.encode() + b")")

    tree.run("vendor", "--undo")

    assert tree.read("README.md") == f"![a]({A})"
    assert pictures(tree) == [name]


def test_a_file_that_somebody_changed_stays_and_is_told(tree: Tree) -> None:
    tree.write("README.md", f"![a]({A})")
    tree.run("vendor", "--to", "pictures")
    (name,) = pictures(tree)
    tree.write(name, b"a better one")

    ended = tree.run("vendor", "--undo")

    assert ended.exit_code == 1
    assert f"{name}: this file was changed, so it stays" in ended.stderr
    assert pictures(tree) == [name]
    assert tree.run("vendor", "--undo").exit_code == 0


def test_a_file_that_is_gone_has_its_url_put_back(tree: Tree) -> None:
    tree.write("README.md", f"![a]({A})")
    tree.run("vendor", "--to", "pictures")
    Path(tree.folder, *pictures(tree)).unlink()

    assert tree.run("vendor", "--undo").exit_code == 0

    assert tree.read("README.md") == f"![a]({A})"


def test_lock_keeps_what_undo_needs(tree: Tree) -> None:
    """Also of documents that it does not look at, and of URLs without a seed."""
    tree.write("README.md", "![a]({b}/?prompt=seedless)")
    tree.write(".github/b.md", f"![a]({A.replace('&', '&amp;')})")
    tree.run("vendor", "README.md", ".github/b.md", "--to", "pictures")

    tree.run("lock")
    tree.run("vendor", "README.md", ".github/b.md", "--undo")

    assert tree.read("README.md") == "![a]({b}/?prompt=seedless)"
    assert tree.read(".github/b.md") == f"![a]({A.replace('&', '&amp;')})"


def test_an_undo_that_is_tried_out_changes_nothing(tree: Tree) -> None:
    tree.write("README.md", f"![a]({A})")
    tree.run("vendor", "--to", "pictures")
    before = tree.files()

    ended = tree.run("vendor", "--undo", "--dry-run")

    assert f"+![a]({tree.base}/?prompt=a&seed=7)" in ended.stdout
    assert tree.files() == before


def test_a_name_that_is_no_utf8_is_vendored_and_comes_back(tree: Tree) -> None:
    text = f"![a]({A.replace('&', '&amp;')})\n"
    name = tree.write("caf\udce9.md", text).name

    assert tree.run("vendor", "--to", "pictures").exit_code == 0
    assert "pictures/" in tree.read(name)
    assert tree.run("vendor", "--undo").exit_code == 0

    assert tree.read(name) == text


def test_another_spelling_comes_back_after_an_edit(tree: Tree) -> None:
    host = tree.base.partition("//")[2]
    before = f"![a]({A}) ![b](//{host}/i.png?prompt=b&amp;seed=7)\n"
    tree.write("README.md", before)
    tree.run("vendor", "--to", "pictures")
    vendored = tree.read("README.md")
    tree.write("README.md", f"{vendored}more ![a]({pictures(tree)[0]})\n")

    tree.run("vendor", "--undo")

    assert tree.read("README.md").splitlines()[0] == before.strip()


def test_undo_leaves_no_entry_of_what_changes_with_the_calendar(tree: Tree) -> None:
    """`lock` makes none either, and `check` would say tomorrow that the URL shows another picture."""
    tree.write("README.md", f"![a]({A}) ![b]({{b}}/?prompt=undone&seed=day) ![c]({{b}}/?prompt=undone)")
    tree.run("vendor", "--to", "pictures", "--yes")

    tree.run("vendor", "--undo")
    undone = tree.read("promptcdn.lock")
    tree.run("lock")

    assert tree.read("promptcdn.lock") == undone
    assert undone.count("content_key") == 1
