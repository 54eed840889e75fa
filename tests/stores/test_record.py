"""The file of an object: a header line in JSON, then the bytes, and no change goes unseen."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.stores import Corrupt, Name, Record, decoded, encoded
from tests.support.fakes import KEY, record

RECORDS = st.builds(
    Record,
    st.binary(max_size=300),
    st.sampled_from(["image/png", "image/webp", "application/json"]),
    st.integers(0, 2**40),
    st.dictionaries(st.text(), st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)),
)


def is_found_out(data: bytes) -> bool:
    try:
        decoded(data)
    except Corrupt:
        return True
    return False


@given(RECORDS)
def test_what_is_read_is_what_was_written(written: Record) -> None:
    assert decoded(encoded(written)) == written


def test_the_header_is_one_line_of_json_for_other_tools() -> None:
    line, _, body = encoded(record(b"two\nlines")).partition(b"\n")
    header = json.loads(line)

    assert header.pop("check")
    assert header == {
        "promptcdn": 1,
        "sha256": hashlib.sha256(b"two\nlines").hexdigest(),
        "length": 9,
        "type": "image/png",
        "made_at": 1_795_435_200,
        "resolved": {"generator": "painter", "prompt": "a lighthouse", "seed": 7},
    }
    assert body == b"two\nlines"


def test_a_prompt_of_many_scripts_stays_readable_in_the_file() -> None:
    written = Record(b"", "image/png", 0, {"prompt": 'ein Leuchtturm, 灯台, "🌊"'})

    assert "ein Leuchtturm, 灯台" in encoded(written).decode()
    assert decoded(encoded(written)) == written


def test_each_flipped_bit_of_header_and_body_is_found_out() -> None:
    whole = encoded(record(bytes(range(64))))
    flipped = (
        whole[:place] + bytes([whole[place] ^ (1 << bit)]) + whole[place + 1 :]
        for place in range(len(whole))
        for bit in range(8)
    )

    assert [data for data in flipped if not is_found_out(data)] == []


def test_each_prefix_of_a_file_is_corrupt() -> None:
    whole = encoded(record())

    assert [length for length in range(len(whole)) if not is_found_out(whole[:length])] == []


def test_bytes_behind_the_end_are_corrupt() -> None:
    assert is_found_out(encoded(record()) + b"\0")


@pytest.mark.parametrize(
    "junk",
    [
        b"\n",
        b"\0" * 4096,
        b"\xff\xfe\n",
        b"<html>not an object</html>\n",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b"1\n",
        b'"check"\n',
        b'{"check": "0"}\n',
        b"[" * 100_000,
    ],
    ids=lambda junk: repr(junk[:12]),
)
def test_junk_is_corrupt(junk: bytes) -> None:
    assert is_found_out(junk)


def test_a_name_lies_two_folders_deep_so_that_folders_stay_small() -> None:
    assert Name("masters", KEY).path == f"masters/01/23/{KEY}"
    assert Name("renditions", f"{KEY}.webp").path == f"renditions/01/23/{KEY}.webp"


@pytest.mark.parametrize("leaf", ["", "../../etc/passwd", KEY.upper(), KEY[1:], KEY + "0", f"{KEY}/a", f"{KEY}\n"])
def test_only_a_key_in_hex_becomes_a_path(leaf: str) -> None:
    with pytest.raises(AssertionError):
        Name("masters", leaf)
