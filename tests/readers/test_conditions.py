"""What a client says it has, as RFC 9110 section 13 reads it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.readers.conditions import NOTHING, Condition
from promptcdn.readers.rendition import Rendition

KEY = "0123456789abcdef" * 4
RENDITION = Rendition(KEY, b"picture", "image/webp", 1_700_000_000)
ETAG = '"0123456789abcdef.2cea274d0bedc39e"'
OTHER_FORMAT = '"0123456789abcdef.ffffffffffffffff"'
OTHER_PICTURE = '"fedcba9876543210.2cea274d0bedc39e"'

TAGS = [
    ((ETAG,), True),
    ((f"W/{ETAG}",), True),
    ((f'"a", W/{ETAG}',), True),
    ((f'"with,comma", ,{ETAG}',), True),
    (('"a"', ETAG), True),
    (("*",), True),
    (('"other"',), False),
    ((OTHER_FORMAT,), False),
    ((ETAG.strip('"'),), False),
    (("",), False),
    ((), False),
]


@pytest.mark.parametrize(("lines", "met"), TAGS, ids=lambda value: str(value)[:40])
def test_tags_are_compared_weakly_over_lists_and_lines(lines: Sequence[str], met: bool) -> None:
    assert Condition.parse(lines).is_met_by(RENDITION, was_there=True) is met


@pytest.mark.parametrize(
    ("date", "met"),
    [
        ("Tue, 14 Nov 2023 22:13:20 GMT", True),
        ("Tue, 14 Nov 2023 22:13:19 GMT", False),
        ("Wed, 25 Nov 2026 07:00:00 GMT", True),
        ("Tuesday, 14-Nov-23 22:13:20 GMT", True),
        ("yesterday", False),
        ("Tue, 99 Nov 99999 22:13:20 GMT", False),
        (None, False),
    ],
)
def test_a_date_is_compared_where_there_is_no_tag(date: str | None, met: bool) -> None:
    assert Condition.parse((), date).is_met_by(RENDITION, was_there=True) is met


def test_where_accept_chooses_the_format_only_a_whole_tag_counts() -> None:
    condition = Condition.parse([ETAG], negotiated=True)

    assert condition.tag_of(KEY) is None
    assert condition.is_met_by(RENDITION, was_there=True)


def test_a_tag_goes_before_a_date() -> None:
    assert not Condition.parse(['"other"'], "Wed, 25 Nov 2026 07:00:00 GMT").is_met_by(RENDITION, was_there=True)


@pytest.mark.parametrize(
    ("lines", "tag"),
    [
        ((OTHER_FORMAT,), OTHER_FORMAT),
        ((f'"a", W/{OTHER_FORMAT}',), f"W/{OTHER_FORMAT}"),
        ((f"{OTHER_PICTURE}, {OTHER_FORMAT}",), OTHER_FORMAT),
        ((OTHER_PICTURE,), None),
        (("*",), None),
        (('"0123456789abcdef.2cea274d0bedc39e-gzip"',), None),
        (('"0123456789ABCDEF.2cea274d0bedc39e"',), None),
        ((), None),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_tag_of_any_rendition_is_found_as_it_was_sent(lines: Sequence[str], tag: str | None) -> None:
    assert Condition.parse(lines).tag_of(KEY) == tag


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        (Condition.parse([ETAG]), True),
        (Condition.parse(["*"]), False),
        (Condition.parse([], "Wed, 25 Nov 2099 07:00:00 GMT"), False),
    ],
    ids=["its tag", "a star", "a date"],
)
def test_only_its_tag_matches_a_picture_made_for_this_request(condition: Condition, met: bool) -> None:
    assert condition.is_met_by(RENDITION, was_there=False) is met


def test_who_has_nothing_is_always_sent_the_picture() -> None:
    assert not NOTHING.is_met_by(RENDITION, was_there=True)
    assert NOTHING.tag_of(KEY) is None


@given(st.lists(st.text(max_size=60), max_size=3), st.text(max_size=40) | st.none())
def test_no_text_breaks_a_condition(lines: list[str], date: str | None) -> None:
    condition = Condition.parse(lines, date)

    assert condition.is_met_by(RENDITION, was_there=True) in (True, False)
    assert condition.tag_of(KEY) is None or '"' in "".join(lines)
