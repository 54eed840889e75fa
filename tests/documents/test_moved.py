"""Vendored pictures, after documents were moved or somebody wrote another path to them."""

import shutil

import pytest

from tests.documents.test_vendor import A
from tests.documents.tree import Tree


def vendored(tree: Tree) -> str:
    """Where the picture of `docs/a.md` is kept."""
    tree.write("docs/a.md", f"![a]({A})\n")
    assert tree.run("vendor", "--to", "docs/pictures").exit_code == 0
    (name,) = (name for name in tree.files() if name.startswith("docs/pictures/"))
    return name


def test_a_document_that_was_moved_gets_its_urls_back(tree: Tree) -> None:
    """Else the files would be deleted as those that no document names, and what their URLs were would be forgotten."""
    picture = vendored(tree)
    (tree.folder / "guide").mkdir()
    shutil.move(tree.folder / "docs/a.md", tree.folder / "guide/a.md")

    ended = tree.run("vendor", "--undo")

    assert (ended.exit_code, ended.stdout) == (0, "1 picture; URLs put back in 1 file\n")
    assert tree.read("guide/a.md") == f"![a]({A})\n"
    assert picture not in tree.files()


@pytest.mark.parametrize("path", ["/pictures/", "../img/"], ids=["from the root of a site", "for a page that is built"])
def test_a_path_that_somebody_wrote_gets_its_url_back(tree: Tree, path: str) -> None:
    name = vendored(tree).rpartition("/")[2]
    tree.write("docs/a.md", f"![a]({path}{name})\n")

    assert tree.run("vendor", "--undo").exit_code == 0

    assert tree.read("docs/a.md") == f"![a]({A})\n"


def test_check_tells_of_a_path_that_leads_to_no_picture(tree: Tree) -> None:
    picture = vendored(tree)
    name = picture.rpartition("/")[2]
    tree.write("docs/root.md", f"![a](/{name})\n")
    tree.write("guide/a.md", f"![a](pictures/{name})\n")

    ended = tree.run("check")

    where = f"guide/a.md:1:6: missing-file: the path leads to guide/pictures/{name}, and the picture is in {picture}"
    assert ended.stdout == f"{where}; run promptcdn vendor --undo, then promptcdn vendor\n"


def test_pictures_may_lie_beside_the_lock_file(tree: Tree) -> None:
    tree.write("README.md", f"![a]({A})\n")
    before = tree.files()

    assert tree.run("vendor", "--to", ".").exit_code == 0
    assert tree.run("vendor").exit_code == 0
    assert tree.run("check", "--offline").exit_code == 0
    assert tree.run("vendor", "--undo").exit_code == 0

    assert tree.documents() == before
    assert not [name for name in tree.files() if name.endswith(".webp")]


def test_a_file_is_no_folder_of_pictures(tree: Tree) -> None:
    """Told before anything is paid for."""
    tree.write("README.md", f"![a]({A})\n")
    tree.write("pictures", "mine")

    ended = tree.run("vendor", "--to", "pictures", "--yes")

    assert (ended.exit_code, ended.stderr) == (2, 'promptcdn: --to="pictures": this is no folder\n')
