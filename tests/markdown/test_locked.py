"""What is found beside a lock file, by table."""

import pytest

from promptcdn.markdown import Kind, Ours, find
from promptcdn.markdown.faults.locked import Answer, Locked, Vendored, bad_lock
from promptcdn.markdown.lock import Entry, Lock

BASE = "https://pics.example.org"
TEXT = f"text ![a]({BASE}/?prompt=a&seed=7#dark)\n"
URLS = find(TEXT, Kind.MARKDOWN, Ours.of(BASE))
ENTRY = Entry("0" * 64, "a" * 64, 10, "image/webp")


def locked(*entries: Entry) -> Locked:
    return Locked(Lock({f"{BASE}/?prompt=a&seed=7": entry for entry in entries}), BASE)


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (Answer(ENTRY), None, ""),
        (Answer(Entry("1" * 64, "a" * 64, 10, "image/webp")), "drift", "another picture, 1111"),
        (
            Answer(Entry("0" * 64, "b" * 64, 10, "image/webp")),
            "drift",
            "another file than in the lock file: sha256 bbb",
        ),
        (
            Answer(Entry("0" * 64, "a" * 64, 11, "image/png")),
            "drift",
            "media_type image/png instead of image/webp, size",
        ),
        (Answer(), "not-stored", "not stored any more"),
        (Answer(code="not_found", reason="x"), "not-stored", "not stored any more"),
        (Answer(code="removed", reason="taken down by the operator"), "removed", "taken down by the operator"),
        (Answer(code="filtered", reason="the filter"), "refused", "shows no picture here: the filter"),
    ],
)
def test_an_answer_is_held_against_its_entry(answer: Answer, code: str | None, message: str) -> None:
    """A fragment is the document's alone."""
    found = list(locked(ENTRY).of_answers(URLS, {f"{BASE}/?prompt=a&seed=7": answer}))

    assert [(one.code, one.line, one.column) for one in found] == ([(code, 1, 11)] if code else [])
    assert all(message in one.message and one.cure for one in found)


def test_a_url_without_an_entry_or_an_answer_has_no_drift() -> None:
    assert list(locked().of_answers(URLS, {f"{BASE}/?prompt=a&seed=7": Answer()})) == []
    assert list(locked(ENTRY).of_answers(URLS, {})) == []
    assert [one.code for one in locked().of_document(URLS, (), "README.md")] == ["unlocked"]
    assert list(locked(ENTRY).of_document(URLS, (), "README.md")) == []


def test_files_are_vendored_by_folder_and_name() -> None:
    vendored = Vendored(("docs/pictures/a-7-01234567.webp",))
    text = """\
![known](pictures/a-7-01234567.webp)
![lost](pictures/b-7-89abcdef.png) ![another folder](b-7-89abcdef.png) ![another name](pictures/logo.png)
`![code](pictures/c-7-89abcdef.png)` ![upper](pictures/c-7-89ABCDEF.png)
"""

    named = vendored.named(text, Kind.MARKDOWN, "docs/a.md")

    assert [one.target for one in named] == ["docs/pictures/a-7-01234567.webp", "docs/pictures/b-7-89abcdef.png"]
    assert Vendored(()).named(text, Kind.MARKDOWN, "docs/a.md") == ()


def test_a_bad_lock_is_told_where_its_conflict_begins() -> None:
    found = bad_lock('{\n "pictures": {\n<<<<<<< HEAD\n', "it has a conflict: write it anew")

    assert (found.line, found.column, found.message, found.cure) == (3, 1, "it has a conflict", "write it anew")
    assert bad_lock("{", "it is no JSON: write it anew").line == 1
