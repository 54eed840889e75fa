"""What is said on the pipes between the service and a model's process."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.generators.local.process.frames import FILE_MAX, LINE_MAX, Garbled, head, parsed

SAID = st.dictionaries(st.text(max_size=20).filter(lambda name: name != "files"), st.text() | st.integers(), max_size=5)
FILES = st.dictionaries(st.sampled_from(["init", "mask", "picture"]), st.binary(max_size=9))


@given(SAID, FILES)
def test_a_line_is_read_as_it_was_written(said: dict[str, str | int], files: dict[str, bytes]) -> None:
    line = head(said, files)

    assert line.count(b"\n") == 1
    assert parsed(line) == (said, {name: len(file) for name, file in files.items()})


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_garbled(line: bytes) -> None:
    try:
        said, sizes = parsed(line)
    except Garbled:
        return
    assert isinstance(said, dict)
    assert all(0 <= size <= FILE_MAX for size in sizes.values())


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b"[]\n",
        b"null\n",
        b"[" * 50_000 + b"\n",
        b'{"a": "' + b"a" * LINE_MAX + b'"}\n',
        b'{"files": []}\n',
        b'{"files": {"other": 1}}\n',
        b'{"files": {"init": -1}}\n',
        b'{"files": {"init": true}}\n',
        b'{"files": {"init": 1.5}}\n',
        b'{"files": {"init": %d}}\n' % (FILE_MAX + 1),
    ],
)
def test_what_is_no_line_is_garbled(line: bytes) -> None:
    with pytest.raises(Garbled):
        parsed(line)
