"""A URL that ends too early is neither pinned nor warmed: what it asks for is not what its author wrote."""

import json

import pytest

from tests.documents.tree import Tree

CUT = {
    "a blank": "![a]({b}/?prompt=a cat)\n",
    "a blank in a definition": "![a][pic]\n\n[pic]: {b}/?prompt=a cat\n",
    "a parenthesis": "![a]({b}/?prompt=a(cat&w=64)\n",
    "a bracket of its own": "![a]({b}/?prompt=a)&w=64)\n",
    "a pipe in a table": "| a |\n| --- |\n| ![a]({b}/?prompt=a|b) |\n",
    "no quotes": "text <img alt=a src={b}/?prompt=cat> text\n",
    "a blank in srcset": '<img alt="a" srcset="{b}/?prompt=a cat 2x">\n',
}


@pytest.mark.parametrize("text", CUT.values(), ids=CUT)
def test_pin_leaves_a_url_that_is_cut(tree: Tree, text: str) -> None:
    """It says where it stands and what to do, and writes the seeds of the others."""
    tree.write("README.md", f"{text}\n![b]({{b}}/?prompt=b)\n")

    ended = tree.run("pin", "--seed", "7")

    assert ended.exit_code == 1
    assert tree.read("README.md") == f"{text}\n![b]({{b}}/?prompt=b&seed=7)\n"
    assert "README.md:" in ended.stderr
    assert "this URL is left out: " in ended.stderr


@pytest.mark.parametrize("text", CUT.values(), ids=CUT)
def test_warm_makes_nothing_of_a_url_that_is_cut(tree: Tree, text: str) -> None:
    tree.write("README.md", f"{text}\n![b]({{b}}/?prompt=b&seed=7&w=64)\n")

    ended = tree.run("warm", "--yes")

    assert ended.exit_code == 1
    assert ended.stdout.startswith("1 picture: ")
    assert "this URL is left out: " in ended.stderr


def test_a_notebook_is_read_by_its_cells_and_not_as_json(tree: Tree) -> None:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": [f"![a]({tree.base}/?prompt=a cat)\n"]},
        {"cell_type": "markdown", "metadata": {}, "source": [f"[a]({tree.base}/?prompt=b\n", '"title")']},
    ]
    tree.write("a.ipynb", json.dumps({"cells": cells}))

    ended = tree.run("pin", "--seed", "7")

    assert "prompt=a cat)" in tree.read("a.ipynb")
    assert "prompt=b&seed=7" in tree.read("a.ipynb")
    assert ended.stderr.count("this URL is left out") == 1


def test_standard_input_is_looked_at_in_the_same_way(tree: Tree) -> None:
    text = CUT["a blank"].replace("{b}", tree.base)

    pinned = tree.run("pin", "-", "--seed", "7", given=text.encode())
    warmed = tree.run("warm", "-", "--stdin-filename", "page.md", "--yes", given=text.encode())

    assert (pinned.exit_code, pinned.stdout) == (1, text)
    assert "standard input:1:" in pinned.stderr
    assert "page.md:1:" in warmed.stderr
