"""docs/compatibility.md: what a version had, later ones have; and every promise on the page has its test."""

import json
import re
from typing import Any

import pytest

from promptcdn.markdown.lock import parsed, printed
from tests.shipped.names import FROZEN, lost, names
from tests.support.topology import ROOT

PAGE = (ROOT / "docs" / "compatibility.md").read_text()


def test_no_name_that_people_rely_on_is_gone() -> None:
    """Parameters, settings, commands, options, metrics, labels, problems, paths, fields and Python names stay."""
    before = json.loads(FROZEN.read_text())

    assert list(lost(before, names())) == []


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ({"a": ["x", "y"], "b": {"c": "1"}}, []),
        ({"a": ["z", "y", "x"], "b": {"c": "1", "d": "2"}, "e": []}, []),
        ({"a": ["x"], "b": {"c": "1"}}, ["/a: y is gone"]),
        ({"a": ["x", "y"]}, ["/b is gone"]),
        ({"a": ["x", "y"], "b": {}}, ["/b/c is gone"]),
        ({"a": ["x", "y"], "b": {"c": "2"}}, ["/b/c was 1, and is 2"]),
    ],
)
def test_a_version_may_add_and_not_take_away(now: Any, told: list[str]) -> None:
    assert list(lost({"a": ["x", "y"], "b": {"c": "1"}}, now)) == told


def test_a_lock_file_of_an_earlier_version_is_read() -> None:
    """With every member that version 1 has, and written again as it was."""
    lock = parsed(LOCK_FILE)

    assert (
        lock.pictures["https://pictures.example.org/?prompt=a+lighthouse&seed=7"].file == "pictures/a-lighthouse-7.webp"
    )
    assert printed(lock) == LOCK_FILE


LOCK_FILE = """\
{
 "pictures": {
  "https://pictures.example.org/?prompt=a+lighthouse&seed=7": {
   "content_key": "9af82f3822d720125e424b568b405137e77092fe3b43d77c351c08e7bae1c7b9",
   "file": "pictures/a-lighthouse-7.webp",
   "height": 256,
   "media_type": "image/webp",
   "seed": 7,
   "sha256": "0271178a26f3da4d22bdb0fe30a37fe95f56d9e194da0d949b6f41a05caf20db",
   "site": true,
   "size": 1234,
   "width": 256
  }
 },
 "spellings": {
  "README.md": [
   [
    "pictures/a-lighthouse-7.webp",
    "https://pictures.example.org/?prompt=a%20lighthouse&seed=7"
   ]
  ]
 },
 "version": 1
}
"""


def test_every_promise_names_a_test() -> None:
    """`tests/test_house.py` sees that the tests that a page names exist."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| what", "| ---"))]

    assert len(rows) > 10
    assert [row for row in rows if not re.search(r"`test_\w+`", row)] == []
