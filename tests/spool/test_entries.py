"""What lies in the spool's folder is read by every later version, and written as it always was."""

from dataclasses import replace

import pytest

from promptcdn.generators import Made
from promptcdn.spool import entries
from promptcdn.spool.entries import Paid
from promptcdn.stores import Record, decoded, encoded
from promptcdn.url.order import Order
from promptcdn.url.request import Resolved
from tests.support.fakes import KEY

RESOLVED = Resolved("painter", "e", "a lighthouse", 7, 64, 64, 30, 7.0, negative_prompt="fog")
PAID = Paid(Order(KEY, RESOLVED, "ab" * 32), Made(b"a\npicture", 7, 8), 1_795_435_200, after=5)
GOLDEN = (
    b'{"promptcdn": 1, "sha256": "b2df54be303a6a0e8ec78013adc9b6154d0d2718faf089950a7ba18ae5d876a3", "length": 9, '
    b'"type": "application/octet-stream", "made_at": 1795435200, "resolved": {"as_asked_key": '
    b'"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "content_key": '
    b'"abababababababababababababababababababababababababababababababab", "resolved": {"generator": "painter", '
    b'"engine": "e", "prompt": "a lighthouse", "seed": 7, "width": 64, "height": 64, "steps": 30, "cfg_scale": 7.0, '
    b'"rev": 0, "negative_prompt": "fog"}, "seed_sent": 7, "seed_echo": 8, "filtered": false, "after": 5}, '
    b'"check": "31bff07e0148af64"}\na\npicture'
)


def test_an_entry_is_written_byte_for_byte_as_always() -> None:
    assert encoded(entries.written(PAID)) == GOLDEN


def test_the_golden_entry_is_read() -> None:
    assert entries.read(decoded(GOLDEN)) == PAID


def test_the_mark_of_a_picture_is_kept() -> None:
    marked = replace(PAID, mark="compositeSynthetic")

    assert entries.read(decoded(encoded(entries.written(marked)))) == marked


def of_an_older_version(**changes: object) -> Record:
    record = entries.written(PAID)
    fields = {name: value for name, value in record.resolved.items() if name != "after"}
    return replace(record, resolved={**fields, **changes})


@pytest.mark.parametrize(
    ("record", "after"),
    [
        (of_an_older_version(), 0),
        (of_an_older_version(again=False), 0),
        (of_an_older_version(again=True), 1),
    ],
    ids=["before purges were named", "nothing before", "another picture before"],
)
def test_an_entry_of_an_older_version_is_read(record: Record, after: int) -> None:
    assert entries.read(record) == replace(PAID, after=after)
