"""The answer with pictures: in pieces, and the same as whole."""

import base64
import json

import pytest

from promptcdn.faces.openai_api.answers import Pictures

SIZES = [0, 1, 2, 3, 48 * 1024 - 1, 48 * 1024, 48 * 1024 + 1, 200_000]


@pytest.mark.parametrize("size", SIZES)
def test_the_pieces_are_the_whole_answer_and_its_length(size: int) -> None:
    files = (bytes(size), b"\xff" * size)
    answer = Pictures({"data": [{"b64_json": "\0"}, {"b64_json": "\0"}], "notes": ['灯台 " \\u0000 "\\u0000"']}, files)

    whole = b"".join(answer.pieces())
    read = json.loads(whole)
    assert len(whole) == answer.length
    assert tuple(base64.b64decode(each["b64_json"], validate=True) for each in read["data"]) == files
    assert max(map(len, answer.pieces())) <= 64 * 1024


def test_an_answer_without_files_is_one_piece() -> None:
    assert list(Pictures({"data": []}, ()).pieces()) == [b'{"data":[]}']
