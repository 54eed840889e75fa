"""`promptcdn vendor`: pictures beside the documents, and URLs back as they were."""

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.documents.tree import Tree
from tests.support.ports import free_port
from tests.support.service import Promptcdn
from tests.upstream import Upstream

A, B, DARK = "{b}/?prompt=a&seed=7", "{b}/i.png?prompt=b&seed=7", "{b}/?prompt=a+dark&seed=7"
FIVE_KINDS = {
    "README.md": (
        f"\ufeff![a]({A}#only-light)\r\n![a](<{DARK}#only-dark>)\r\n\r\n[l]: {A} 'title'\r\n\r\n<{A}> and {A}.\r\n"
    ),
    "docs/page.html": (
        f"<picture><source media='(prefers-color-scheme: dark)'"
        f" srcset='{DARK.replace('&', '&amp;')} 1x, {DARK}&dpr=2 2x'>"
        f"\n<img src={A}></picture><meta property='og:image' content='{A}'>"
    ),
    "docs/notebook.ipynb": json.dumps({"cells": [{"cell_type": "markdown", "source": [f"![a]({A})\n", f"[b]({B})"]}]}),
    "docs/deep/page.rst": f".. image:: {A}\n   :target: {B}\n",
    "page.adoc": f"image::{A}[a,link={B}]\n\ntext image:{B}[a] link:{A}[b] {A}[c]\n",
}


def write_all(tree: Tree) -> None:
    for name, text in FIVE_KINDS.items():
        tree.write(name, text)


def paths(tree: Tree, name: str) -> list[str]:
    """The paths of pictures in a document."""
    return re.findall(r"[\w./-]+\.(?:webp|png)(?=[^?\w])", tree.read(name))


def test_documents_name_files_and_get_their_urls_back(tree: Tree) -> None:
    write_all(tree)
    before = tree.files()

    ended = tree.run("vendor", "--to", "docs/pictures")

    assert ended.exit_code == 0, ended.stderr
    files = {name for name in tree.files() if name.startswith("docs/pictures/")}
    for name in FIVE_KINDS:
        found = {os.path.normpath(Path(name).parent / path) for path in paths(tree, name)}
        assert found
        assert found <= files, name
    assert paths(tree, "docs/deep/page.rst")[0].startswith("../pictures/")
    assert tree.run("vendor", "--undo").exit_code == 0
    assert tree.documents() == before
    assert list(tree.files() - before.keys()) == ["promptcdn.lock"]


def test_what_is_no_link_as_a_path_stays_and_is_noted(tree: Tree) -> None:
    write_all(tree)

    ended = tree.run("vendor", "--to", "pictures")

    notes = re.findall(r"note: (\S+):\d+: this URL stays: no path can stand here", ended.stderr)
    assert notes == ["README.md:6", "README.md:6", "page.adoc:3", "docs/page.html:2"]
    assert tree.read("README.md").count("{b}") == 2
    assert tree.read("docs/page.html").count("{b}") == 1
    assert tree.read("page.adoc").count("{b}") == 1
    assert tree.read("docs/deep/page.rst").count("{b}") == 0


def test_a_picture_that_a_reader_would_still_fetch_is_a_finding(tree: Tree) -> None:
    tree.write("page.adoc", f":imagesdir: https://elsewhere.example\n\nimage::{A}[a]\n")
    tree.write("page.html", f"<base href='/a/'>\n<img src='{A}'>")
    before = tree.files()

    ended = tree.run("vendor", "--to", "pictures")

    assert ended.exit_code == 1
    assert "page.adoc:3:8: this URL stays: what :imagesdir: is here is not known" in ended.stderr
    assert "page.html:2:11: this URL stays: paths count from <base href> here" in ended.stderr
    assert tree.documents() == before


def test_dark_and_light_and_each_candidate_have_their_files(tree: Tree) -> None:
    tree.write("page.html", FIVE_KINDS["docs/page.html"])

    tree.run("vendor", "--to", "pictures")

    text = tree.read("page.html")
    dark, dark2, light = paths(tree, "page.html")
    assert f"srcset='{dark} 1x, {dark2} 2x'" in text
    assert f"<img src={light}>" in text
    assert len({dark, dark2, light}) == 3
    assert all((tree.folder / path).read_bytes()[:4] == b"RIFF" for path in (dark, dark2, light))


def test_a_fragment_stays_behind_the_path(tree: Tree) -> None:
    tree.write("README.md", f"![a]({A}#only-dark) ![a]({A})")

    tree.run("vendor", "--to", "pictures")

    (file,) = (tree.folder / "pictures").iterdir()
    assert tree.read("README.md") == f"![a](pictures/{file.name}#only-dark) ![a](pictures/{file.name})"


def test_urls_of_equal_pictures_have_files_of_their_own(tree: Tree) -> None:
    text = "![a]({b}/?prompt=equal&seed=7) ![a]({b}/?seed=7&prompt=equal) ![a]({b}/?prompt=equal&seed=7.0)"
    tree.write("README.md", text)

    tree.run("vendor", "--to", "pictures")

    assert len(set(paths(tree, "README.md"))) == 3
    assert len({path.read_bytes() for path in (tree.folder / "pictures").iterdir()}) == 1
    tree.run("vendor", "--undo")
    assert tree.read("README.md") == text


def test_the_spelling_of_each_author_comes_back(tree: Tree) -> None:
    host = tree.base.removeprefix("http://")
    text = f"![a](//{host}/?prompt=sp&amp;seed=7) ![a](<HTTP://{host}/?prompt=sp&seed=7>) <img src='http://{host}/?prompt=é&amp;seed=7'>\n"
    tree.write("README.md", text)

    tree.run("vendor", "--to", "pictures")
    assert host not in tree.read("README.md")
    tree.run("vendor", "--undo")

    assert (tree.folder / "README.md").read_text() == text


def test_a_second_run_changes_nothing(tree: Tree) -> None:
    write_all(tree)
    tree.run("vendor", "--to", "pictures")
    after = tree.files()
    for name in FIVE_KINDS:
        tree.write(name, FIVE_KINDS[name])
    again = tree.run("vendor")  # --to is known from the lock file
    once_more = tree.run("vendor", "--to", "pictures")

    assert (again.exit_code, once_more.exit_code) == (0, 0)
    assert tree.files() == after


def test_files_that_are_there_need_no_service(tree: Tree) -> None:
    """As a checkout with its pictures has them: the documents with URLs, the pictures and the lock file committed."""
    port = free_port()
    with Promptcdn(tree.folder.parent / "gone", PORT=port) as gone:
        tree.base = gone.url
        tree.write("README.md", f"![a]({A})")
        tree.run("vendor", "--to", "pictures")
        after = tree.files()
    tree.write("README.md", f"![a]({A})")

    ended = tree.run("vendor")

    assert (ended.exit_code, ended.stderr) == (0, "")
    assert tree.files() == after


def test_a_service_that_is_down_is_told_once_and_nothing_changes(tree: Tree) -> None:
    tree.base = f"http://127.0.0.1:{free_port()}"
    write_all(tree)
    before = tree.files()

    ended = tree.run("vendor", "--to", "pictures")

    assert (ended.exit_code, ended.stderr.count("cannot be asked")) == (1, 1)
    assert tree.documents() == before


def test_another_picture_than_the_lock_has_is_refused(tree: Tree) -> None:
    tree.write("README.md", f"![a]({A})")
    tree.run("lock")
    lock = tree.read("promptcdn.lock")
    if '"sha256"' not in lock:
        tree.run("vendor", "--to", "pictures")
        tree.run("vendor", "--undo")
        lock = tree.read("promptcdn.lock")
    tree.write("promptcdn.lock", re.sub('"sha256": "[0-9a-f]{64}"', f'"sha256": "{"0" * 64}"', lock))
    before = tree.files()

    ended = tree.run("vendor", "--to", "pictures")

    assert ended.exit_code == 1
    assert "this is another picture than the lock file has: promptcdn lock accepts that" in ended.stderr
    assert tree.files() == before


def test_each_file_has_the_digest_of_the_lock(tree: Tree) -> None:
    write_all(tree)

    tree.run("vendor", "--to", "pictures")

    entries = json.loads(tree.read("promptcdn.lock"))["pictures"].values()
    assert len(entries) == 4
    for entry in entries:
        content = (tree.folder / entry["file"]).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (entry["sha256"], entry["size"])


def test_a_file_that_was_damaged_is_downloaded_again(tree: Tree) -> None:
    tree.write("README.md", f"![a]({A})")
    tree.run("vendor", "--to", "pictures")
    (file,) = (tree.folder / "pictures").iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:-1])
    tree.write("README.md", f"![a]({A})")

    tree.run("vendor", "--to", "pictures")

    assert file.read_bytes() == content


def test_what_costs_is_said_and_agreed_to(tree: Tree) -> None:
    tree.write("README.md", "![a]({b}/?prompt=paid&seed=7)")
    settings = {
        "PROMPTCDN_SIZE": "512x512",
        "PROMPTCDN_ENGINE": "stable-diffusion-v1-6",
        "PROMPTCDN_BUDGET": "unlimited",
    }
    with (
        Upstream() as upstream,
        Promptcdn(tree.folder.parent / "paid", STABILITY_HOST=upstream.url, **settings) as paid,
    ):
        text = tree.read("README.md")
        tree.base = paid.url
        tree.write("README.md", text)
        before = tree.files()

        refused = tree.run("vendor", "--to", "pictures")
        assert refused.exit_code == 2
        assert re.search(r"1 picture: 0 stored, 1 to be made by \S+: [0-9.]+ credits?", refused.stderr)
        assert "nothing was paid: --yes agrees to that" in refused.stderr
        dry = tree.run("vendor", "--to", "pictures", "--dry-run")
        assert dry.exit_code == 0
        assert "+![a](pictures/paid-7-" in dry.stdout
        assert tree.files() == before
        assert upstream.ledger.calls() == []

        assert tree.run("vendor", "--to", "pictures", "--yes").exit_code == 0
        assert len(upstream.ledger.calls()) == 1
        assert tree.read("README.md").startswith("![a](pictures/paid-7-")


def test_the_diff_of_a_dry_run_is_taken_by_patch(tree: Tree, service: Promptcdn) -> None:
    service.get(A.replace("{b}", ""))
    tree.write("docs/a.md", f"\ufeffa\r\n![a]({A})")
    dry = tree.run("vendor", "--to", "pictures", "--dry-run")
    assert dry.exit_code == 0

    subprocess.run(["patch", "-p1", "--binary"], cwd=tree.folder, input=dry.stdout_bytes, check=True)

    taken = tree.files()
    tree.write("docs/a.md", f"\ufeffa\r\n![a]({A})")
    (tree.folder / "promptcdn.lock").unlink()
    tree.run("vendor", "--to", "pictures")
    assert tree.files() | taken == tree.files()


def test_a_picture_stays_where_a_document_has_it(tree: Tree) -> None:
    """Another folder for the same URL would take the file's own URL away from the first document."""
    tree.write("a.md", f"![a]({A})")
    tree.run("vendor", "a.md", "--to", "one")
    tree.write("b.md", f"![a]({A}) ![b]({B})")

    ended = tree.run("vendor", "b.md", "--to", "two")

    assert "note: pictures stay in one: --undo, and then --to, moves them" in ended.stderr
    assert [Path(path).parent.name for path in paths(tree, "b.md")] == ["one", "two"]
    tree.run("vendor", "--undo")
    assert (tree.read("a.md"), tree.read("b.md")) == (f"![a]({A})", f"![a]({A}) ![b]({B})")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--to: name the folder"),
        (("--to", "../elsewhere"), "allowed: a folder in "),
        (("--to", "a b"), "allowed: a path of letters"),
        (("-", "--to", "pictures"), "-: standard input is for promptcdn pin and check"),
        (("--undo",), "promptcdn.lock: there is no such file, and --undo needs what it says"),
    ],
)
def test_wrong_use_is_told(tree: Tree, words: tuple[str, ...], said: str) -> None:
    tree.write("README.md", f"![a]({A})")

    ended = tree.run("vendor", *words)

    assert ended.exit_code == 2
    assert said in ended.stderr


def test_a_document_outside_of_the_folder_of_the_lock_is_told(tree: Tree) -> None:
    """Whether it still names a picture could not be known when that is to be deleted."""
    tree.write("a.md", f"![a]({A})")
    tree.write("site/b.md", f"![a]({A})")

    ended = Tree(tree.folder / "site", tree.base).run("vendor", "../a.md", "b.md", "--to", "pictures")

    assert ended.exit_code == 1
    assert "../a.md: it lies outside of" in ended.stderr
    assert tree.read("a.md") == f"![a]({A})"
    assert tree.read("site/b.md").startswith("![a](pictures/")


def test_no_path_is_written_where_the_lock_file_cannot_be(tree: Tree) -> None:
    tree.write("README.md", f"![a]({A})")
    tree.write("promptcdn.lock", '{"version": 1, "pictures": {}}').chmod(0o444)

    ended = tree.run("vendor", "--to", "pictures")

    assert ended.exit_code == 1
    assert "promptcdn.lock: this file is read-only" in ended.stderr
    assert tree.read("README.md") == f"![a]({A})"


def test_a_pool_is_not_made_larger(tree: Tree) -> None:
    """A view of a URL without a seed has the next picture made, which nobody agreed to pay for."""
    settings = {"PROMPTCDN_SIZE": "512x512", "PROMPTCDN_ENGINE": "any", "PROMPTCDN_BUDGET": "unlimited"}
    folder = tree.folder.parent / "paid"
    with Upstream() as upstream:
        with Promptcdn(folder, STABILITY_HOST=upstream.url, **settings) as paid:
            tree.base = paid.url
            paid.get("/?prompt=pool")
            tree.write("README.md", "![a]({b}/?prompt=pool) ![a]({b}/?prompt=pool&w=64)")

            assert tree.run("vendor", "--to", "pictures").exit_code == 0

            paid.get("/?prompt=after&seed=7")
        assert len(upstream.ledger.calls()) == 2
