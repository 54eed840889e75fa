"""What bodies mean, as tables: the request of ours, what is ignored, what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.faces.openai_api.translation import edited, wanted
from promptcdn.problems import Problem
from promptcdn.url.parse import parse
from promptcdn.url.request import Asked

KEY = "0123456789abcdef" * 4
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    ["prompt", "model", "n", "size", "quality", "seed", "steps", "width", "init", "stream", "output_format", "x"]
)


def asked(**members: Any) -> Asked:
    return wanted({"prompt": "a", **members}).request.asked


@pytest.mark.parametrize(
    ("members", "query"),
    [
        ({}, ""),
        ({"seed": 7}, "&seed=7"),
        ({"seed": "007.0"}, "&seed=7"),
        ({"seed": "octocat"}, "&seed=octocat"),
        ({"seed": None, "negative_prompt": ""}, ""),
        ({"seed": -1}, ""),
        ({"model": "default"}, ""),
        ({"model": "sdxl"}, "&engine=sdxl"),
        ({"model": "sdxl#seed=7&negative_prompt=fog%26mist"}, "&engine=sdxl&seed=7&negative_prompt=fog%26mist"),
        ({"model": "#seed=7", "seed": 7}, "&seed=7"),
        ({"size": "auto"}, ""),
        ({"size": "1024x1024"}, "&width=1024&height=1024"),
        ({"size": "1792x1024"}, "&width=1536&height=896"),
        ({"size": "256x256"}, "&width=256&height=256"),
        ({"size": "100x100"}, "&width=256&height=256"),
        ({"size": "1000x1000"}, "&width=1024&height=1024"),
        ({"size": "1024x1024", "aspect_ratio": "16:9"}, "&aspect_ratio=16:9"),
        ({"size": "1024x1024", "model": "#aspect_ratio=16:9"}, "&aspect_ratio=16:9"),
        ({"quality": "standard"}, ""),
        ({"quality": "low"}, "&steps=15"),
        ({"quality": "hd"}, "&steps=50"),
        ({"quality": "hd", "steps": 20}, "&steps=20"),
        ({"cfg_scale": 5.50}, "&cfg_scale=5.5"),
        ({"prompt": "100% &seed=7 + #1"}, None),
    ],
)
def test_a_body_is_the_request_of_a_url(members: dict[str, Any], query: str | None) -> None:
    if query is None:
        assert asked(**members) == Asked(members["prompt"])
    else:
        assert asked(**members) == parse(f"prompt=a{query}".encode()).asked


@pytest.mark.parametrize(
    ("members", "member"),
    [
        ({"prompt": "  "}, "prompt"),
        ({"prompt": ["a"]}, "prompt"),
        ({"prompt": "a\u0007"}, "prompt"),
        ({"prompt": "\ud800"}, "prompt"),
        ({"n": 0}, "n"),
        ({"n": "1.5"}, "n"),
        ({"n": "1" * 6000}, "n"),
        ({"n": {}}, "n"),
        ({"size": "1024"}, "size"),
        ({"size": "1024x1024x1024"}, "size"),
        ({"quality": "best"}, "quality"),
        ({"response_format": "png"}, "response_format"),
        ({"output_format": "svg"}, "output_format"),
        ({"output_format": "webp", "output_compression": 101}, "output_compression"),
        ({"stream": True}, "stream"),
        ({"steps": 0}, "steps"),
        ({"model": "sdxl#sede=7"}, "model"),
        ({"model": "sdxl#prompt=b"}, "model"),
        ({"model": "sdxl#sig=x"}, "model"),
        ({"model": "sdxl#seed=7", "seed": 8}, "seed"),
        ({"model": "no model\n"}, "engine"),
        ({"init": "https://example.org/a.png"}, "init"),
    ],
)
def test_a_wrong_member_is_named(members: dict[str, Any], member: str) -> None:
    with pytest.raises(Problem) as refused:
        wanted({"prompt": "a", **members})

    assert (refused.value.kind.status, refused.value.parameter) == (400, member)


def test_a_number_may_be_written_in_many_ways() -> None:
    assert {wanted({"prompt": "a", "n": n}).count for n in (2, "2", 2.0, " 02 ")} == {2}


def test_what_is_ignored_is_named_and_its_value_is_not() -> None:
    notes = wanted({"prompt": "a", "user": "canary", "style": "vivid", "background": None, "\x1b[2J": 1}).notes

    assert notes == ("this service ignores ?[2J", "this service ignores style", "this service ignores user")


def test_of_many_unknown_members_some_are_named() -> None:
    notes = wanted({"prompt": "a", **{f"x{number:03}": 1 for number in range(100)}}).notes

    assert (len(notes), notes[-1]) == (21, "this service ignores 80 more members of the body")


@pytest.mark.parametrize(
    ("members", "delivery"),
    [
        ({}, "format=png"),
        ({"output_format": "jpg"}, "format=jpeg"),
        ({"output_format": "webp", "output_compression": 52}, "q=55"),
        ({"output_format": "webp", "output_compression": "0"}, "q=5"),
        ({"output_compression": 50}, "format=png"),
    ],
)
def test_the_file_is_as_the_output_says(members: dict[str, Any], delivery: str) -> None:
    assert wanted({"prompt": "a", **members}).request.delivery == parse(f"prompt=a&{delivery}".encode()).delivery


@pytest.mark.parametrize(
    "named",
    [
        KEY,
        KEY.encode(),
        f"/i/{KEY}",
        f"https://pictures.example.org/i/{KEY}.png?w=64",
        [f"/i/{KEY}.webp"],
        [{"image_url": f"/i/{KEY}"}],
    ],
)
def test_an_edit_names_its_picture_in_many_ways(named: Any) -> None:
    for member in ("image", "images", "image[]"):
        assert wanted(edited({"prompt": "a", member: named})).request.asked == Asked("a", init=KEY)


@pytest.mark.parametrize(
    "named",
    [None, "", "a.png", KEY[:63], f"{KEY}0", "https://example.org/a.png", b"\x89PNG", [KEY, KEY], {"file_id": "f"}, 7],
)
def test_an_edit_of_any_other_picture_is_refused(named: Any) -> None:
    with pytest.raises(Problem) as refused:
        edited({"prompt": "a", "image": named})

    assert refused.value.parameter == "image"


@given(st.dictionaries(NAMES | st.text(max_size=5), JSON, max_size=6))
def test_any_object_is_read_or_refused(members: dict[str, object]) -> None:
    for read in (wanted, lambda each: wanted(edited(each))):
        assert status(read, members) in (200, 400)


def status(read: Callable[[dict[str, object]], object], members: dict[str, object]) -> int:
    """The status of the answer to a body."""
    try:
        read(members)
    except Problem as problem:
        return problem.kind.status
    return 200
