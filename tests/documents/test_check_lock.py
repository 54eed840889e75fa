"""`promptcdn check` beside a lock file, vendored files and a running service."""

import json
import re
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from promptcdn.markdown.faults.locked import CODES as OF_THE_LOCK
from tests.documents.test_check import check
from tests.support.ports import free_port
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.support.serving import Quiet, serving
from tests.support.waiting import until

OPERATOR = "canary-of-the-operator"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promptcdn]:
    """One service for all tests, each of which has pictures of its own."""
    with Promptcdn(
        tmp_path_factory.mktemp("service"), PROMPTCDN_ADMIN_TOKEN=OPERATOR, PROMPTCDN_FASTPATH="off"
    ) as service:
        yield service


class Tree:
    """A folder of documents with the pictures of a service."""

    def __init__(self, folder: Path, service: Promptcdn) -> None:
        self.folder, self.service = folder, service
        self.lock_file = folder / "promptcdn.lock"

    def write(self, name: str, *targets: str) -> None:
        """A document with one picture a line, each made."""
        for target in targets:
            assert self.service.get(target).status_code == 200
        (self.folder / name).write_text("".join(f"![a]({self.service.url}{target})\n" for target in targets))

    def run(self, *words: str) -> None:
        """Another command, which has to succeed."""
        command = [PROMPTCDN, *words, "--base", self.service.url]
        ended = subprocess.run(command, cwd=self.folder, env=environment(), capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr

    def findings(self, *words: str) -> list[dict[str, Any]]:
        """What `check` finds."""
        ended = check(self.folder, *words, "--json", base=self.service.url)
        findings: list[dict[str, Any]] = json.loads(ended.stdout)["findings"]
        assert ended.returncode == bool(findings), ended.stderr
        return findings

    def found(self, *words: str) -> list[tuple[str, str, int]]:
        """The code, the file and the line of each finding."""
        return [(one["code"], one["file"], one["line"]) for one in self.findings(*words)]

    def change_entry(self, target: str, **members: object) -> None:
        """Another lock file."""
        lock = json.loads(self.lock_file.read_text())
        lock["pictures"][self.service.url + target].update(members)
        self.lock_file.write_text(json.dumps(lock, indent=1) + "\n")


@pytest.fixture
def tree(tmp_path: Path, service: Promptcdn) -> Tree:
    return Tree(tmp_path, service)


A, B = "/?prompt=a&seed=7&width=256&height=256", "/?prompt=b&seed=7&width=256&height=256"


def test_what_was_locked_is_right(tree: Tree) -> None:
    tree.write("a.md", A, B)
    tree.run("lock")

    ended = check(tree.folder, base=tree.service.url)

    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr == "0 findings in 2 pictures of 1 document, compared with the service\n"


def test_a_url_without_an_entry_is_told(tree: Tree) -> None:
    tree.write("a.md", A)
    tree.run("lock")
    tree.write("b.md", "/?prompt=b&seed=day", "/?prompt=b", B)

    assert tree.found("--ignore", "seedless") == [("unlocked", "b.md", 3)]
    assert tree.found("--ignore", "seedless", "b.md", "--offline") == [("unlocked", "b.md", 3)]


def test_a_url_that_is_broken_is_not_missed_in_the_lock(tree: Tree) -> None:
    tree.write("a.md", A)
    tree.run("lock")
    (tree.folder / "a.md").write_text(f"![a]({tree.service.url}{A})\n![a]({tree.service.url}/?promt=x&seed=7)\n")

    assert tree.found() == [("bad-url", "a.md", 2)]


def test_an_entry_that_no_document_names_is_told(tree: Tree) -> None:
    """With paths nobody knows whether another document names it."""
    tree.write("a.md", A, B)
    tree.run("lock")
    tree.write("a.md", B)

    (finding,) = tree.findings()

    assert (finding["code"], finding["file"], finding["url"]) == (
        "unused-entry",
        "promptcdn.lock",
        tree.service.url + A,
    )
    assert A in tree.lock_file.read_text().splitlines()[finding["line"] - 1]
    assert tree.found("a.md") == []


def test_drift_is_told_with_what_is_another(tree: Tree) -> None:
    tree.write("a.md", A, B)
    tree.run("lock")
    tree.change_entry(A, content_key="0" * 64)
    tree.change_entry(B, size=5, media_type="image/png")

    first, second = tree.findings()

    assert [(one["code"], one["line"]) for one in (first, second)] == [("drift", 1), ("drift", 2)]
    assert "the URL shows another picture" in first["message"]
    assert "media_type image/webp instead of image/png, size " in second["message"]
    assert tree.found("--offline") == []


def test_a_picture_that_is_lost_is_told_and_not_made(tree: Tree) -> None:
    lost = "/?prompt=lost&seed=7&width=256&height=256"
    tree.write("a.md", A, lost)
    tree.run("lock")
    key = json.loads(tree.lock_file.read_text())["pictures"][tree.service.url + lost]["content_key"]
    (tree.folder / "b.md").write_text(f"![a]({tree.service.url}/i/{key})\n")
    tree.run("lock")
    settings = environment(PROMPTCDN_DATA_DIR=tree.service.folder / "data", PROMPTCDN_PUBLIC_URL=tree.service.url)
    purged = subprocess.run([PROMPTCDN, "purge", key], env=settings, capture_output=True, text=True)
    assert purged.returncode == 0, purged.stderr
    until(lambda: "link" not in tree.service.client.head(lost).headers)  # the service still had it in memory

    assert tree.found() == [("not-stored", "a.md", 2), ("not-stored", "b.md", 1)]
    assert tree.service.get(f"/info{lost}").json()["state"] == "absent"


def test_a_picture_that_was_taken_down_is_told(tree: Tree) -> None:
    """By its URL and by its permalink; the other URLs are looked at all the same."""
    gone = "/?prompt=gone&seed=7&width=256&height=256"
    tree.write("a.md", gone, A)
    tree.run("lock")
    key = json.loads(tree.lock_file.read_text())["pictures"][tree.service.url + gone]["content_key"]
    (tree.folder / "b.md").write_text(f"![a]({tree.service.url}/i/{key})\n")
    tree.run("lock")
    tree.change_entry(A, size=5)
    tree.service.client.delete(f"/i/{key}", headers={"Authorization": f"Bearer {OPERATOR}"})

    assert tree.found() == [("removed", "a.md", 1), ("drift", "a.md", 2), ("removed", "b.md", 1)]


def test_a_service_that_is_down_is_told_once(tree: Tree) -> None:
    base = f"http://127.0.0.1:{free_port()}"
    tree.write("a.md", A, B)
    tree.run("lock")
    for path in (tree.lock_file, tree.folder / "a.md"):
        path.write_text(path.read_text().replace(tree.service.url, base))

    ended = check(tree.folder, base=base)

    assert ended.returncode == 1
    (line,) = ended.stdout.splitlines()
    assert line.startswith("promptcdn.lock:1:1: unreachable: 127.0.0.1:")
    assert check(tree.folder, "--offline", base=base).returncode == 0
    assert check(tree.folder, "--ignore", "unreachable", base=base).returncode == 0


def test_vendored_files_are_held_against_their_digests(tree: Tree) -> None:
    names = [f"/?prompt={name}&seed=7&width=256&height=256" for name in ("kept", "changed", "missing")]
    (tree.folder / "docs").mkdir()
    tree.write("docs/a.md", *names)
    tree.run("vendor", "--to", "docs/pictures")
    kept, changed, missing = (
        (tree.folder / "docs").glob(f"pictures/{name}-*") for name in ("kept", "changed", "missing")
    )
    assert tree.found() == []

    next(changed).write_bytes(b"another")
    next(missing).unlink()
    document = tree.folder / "docs" / "a.md"
    document.write_text(
        document.read_text() + f"![a]({next(kept).relative_to(document.parent)})\n![a](pictures/other.webp)\n"
    )
    document.write_text(document.read_text() + "![a](pictures/a-lighthouse-7-0123abcd.webp)\n")

    assert tree.found() == [
        ("changed-file", "docs/a.md", 2),
        ("missing-file", "docs/a.md", 3),
        ("unknown-file", "docs/a.md", 6),
    ]


def test_a_vendored_file_needs_a_description_too(tree: Tree) -> None:
    tree.write("a.md", A)
    tree.run("vendor", "--to", "pictures")
    (file,) = (tree.folder / "pictures").iterdir()
    (tree.folder / "a.md").write_text(f"text\n![](pictures/{file.name})\n![a tower](pictures/{file.name})\n")
    cell = {"cell_type": "markdown", "metadata": {}, "source": ["text\n", f"![](pictures/{file.name})"]}
    (tree.folder / "b.ipynb").write_text(json.dumps({"nbformat": 4, "metadata": {}, "cells": [cell]}, indent=1))

    assert tree.found() == [("missing-alt", "a.md", 2), ("missing-alt", "b.ipynb", 10)]


def test_a_vendored_tree_needs_no_service(tree: Tree) -> None:
    tree.write("a.md", A, B)
    tree.run("vendor", "--to", "pictures")

    ended = check(tree.folder, base=tree.service.url)

    assert ended.returncode == 0
    assert ended.stderr == "0 findings in 2 pictures of 1 document, without asking the service\n"


def test_a_lock_file_in_conflict_is_a_finding_among_others(tree: Tree) -> None:
    tree.write("a.md", A)
    tree.run("lock")
    text = tree.lock_file.read_text()
    tree.lock_file.write_text(text.replace(' "version"', '<<<<<<< HEAD\n "version"'))
    (tree.folder / "a.md").write_text(f"![]({tree.service.url}{A})\n")

    found = tree.found()

    line = tree.lock_file.read_text().splitlines().index("<<<<<<< HEAD") + 1
    assert found == [("missing-alt", "a.md", 1), ("bad-lock", "promptcdn.lock", line)]
    assert tree.found("promptcdn.lock") == [("bad-lock", "promptcdn.lock", line)]


@pytest.mark.parametrize("content", [b"\xff", b"[]", b'{"version": 1}', b'{"version": 1, "pictures": {"a": {}}}'])
def test_a_lock_file_that_is_none_is_a_finding(tree: Tree, content: bytes) -> None:
    tree.lock_file.write_bytes(content)

    assert tree.found() == [("bad-lock", "promptcdn.lock", 1)]


def test_a_lock_file_may_be_named_among_the_paths(tree: Tree) -> None:
    """A hook names each file that was changed."""
    tree.write("a.md", A)
    tree.write("b.md", B)
    tree.run("lock", "a.md")

    assert tree.found("promptcdn.lock") == []
    assert tree.found("promptcdn.lock", "b.md") == [("unlocked", "b.md", 1)]


def test_entries_of_another_service_are_left_alone(tree: Tree) -> None:
    tree.write("a.md", A)
    tree.run("lock")
    lock = json.loads(tree.lock_file.read_text())
    lock["pictures"]["https://elsewhere.example.org/?prompt=a&seed=7"] = lock["pictures"][tree.service.url + A]
    tree.lock_file.write_text(json.dumps(lock))

    assert tree.found() == []


def test_every_code_beside_the_lock_file_is_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "check.md").read_text()

    assert set(re.findall(r"(?m)^\| `([a-z][a-z-]+)` \|", page)) == set(OF_THE_LOCK)


class _Unwell(Quiet, BaseHTTPRequestHandler):
    """A service whose store does not answer."""

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(json.dumps({"code": "store_unavailable", "detail": "the store did not answer"}).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(503)
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_a_service_that_is_not_well_is_told_once(tree: Tree) -> None:
    """That says nothing about any of the pictures."""
    tree.write("a.md", A, B)
    tree.run("lock")
    with serving(_Unwell) as base:
        for path in (tree.lock_file, tree.folder / "a.md"):
            path.write_text(path.read_text().replace(tree.service.url, base))
        ended = check(tree.folder, base=base)

    assert ended.returncode == 1
    (line,) = ended.stdout.splitlines()
    assert line.startswith("promptcdn.lock:1:1: unreachable: the store did not answer; ")
