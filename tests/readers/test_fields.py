"""How much of a header field counts: the beginning of what a client likes, the end of what proxies append."""

import pytest

from promptcdn.guard.authorisation import is_operator
from promptcdn.readers import fields
from promptcdn.readers.audience import Audience, audience
from promptcdn.readers.clients import TrustedProxies, client
from promptcdn.readers.conditions import Condition
from promptcdn.readers.fields import ENTRIES_MAX, FIELD_MAX
from promptcdn.readers.negotiation import picture_format

TRUSTED = TrustedProxies.parse("127.0.0.1, 10.0.0.0/8")
NOBODY = TrustedProxies()
TAG = '"0123456789abcdef.2cea274d0bedc39e"'
LONG = "x" * FIELD_MAX


@pytest.mark.parametrize(
    ("lines", "first", "last"),
    [
        ([], [], []),
        (["a, b"], ["a, b"], ["a, b"]),
        (["a", "b"], ["a", "b"], ["a", "b"]),
        ([f"a,{LONG}"], ["a"], [""]),
        ([f"{LONG},a"], [""], ["a"]),
        (["a", LONG, "b"], ["a", ""], ["", "b"]),
        ([LONG], [LONG], [LONG]),
        (["a"] * 100, ["a"] * ENTRIES_MAX, ["a"] * ENTRIES_MAX),
    ],
    ids=["none", "one", "two", "a long end", "a long beginning", "a long middle", "as long as may be", "many"],
)
def test_lines_count_up_to_the_bound_and_no_entry_is_cut(lines: list[str], first: list[str], last: list[str]) -> None:
    assert fields.first(lines) == first
    assert fields.last(lines) == last


def test_as_many_entries_count_as_the_bound_says() -> None:
    numbers = [str(number) for number in range(100)]

    assert fields.first_entries([",".join(numbers)]) == numbers[:ENTRIES_MAX]
    assert fields.last_entries([",".join(numbers[:50]), ",".join(numbers[50:])]) == numbers[-ENTRIES_MAX:]


@pytest.mark.parametrize(
    ("before", "known"),
    [('"a", ' * (ENTRIES_MAX - 1), True), ('"a", ' * ENTRIES_MAX, False), ("a" * FIELD_MAX + ",", False)],
    ids=["the last that counts", "one entry more", "beyond the characters"],
)
def test_a_tag_beyond_the_bound_is_not_looked_at(before: str, known: bool) -> None:
    assert (Condition.parse([before + TAG]).tag_of("0123456789abcdef" * 4) is not None) is known


@pytest.mark.parametrize("spoofed", ["198.51.100.1, ", "for=198.51.100.1, ", '"', 'for="', ",", "x", "\\"])
def test_of_forwarded_addresses_the_nearest_ones_count(spoofed: str) -> None:
    """However many a client sends."""
    sent = spoofed * (60_000 // len(spoofed))

    assert client("127.0.0.1", [], [f"{sent}, 203.0.113.9, 10.0.0.1"], TRUSTED) == client("203.0.113.9", [], [], NOBODY)
    charged = client("127.0.0.1", [f"{sent}, for=203.0.113.9, for=10.0.0.1"], [], TRUSTED)
    # An open quote hides what was appended: then the proxy is charged, and never whom the client names.
    assert charged in (client(peer, [], [], NOBODY) for peer in ("203.0.113.9", "127.0.0.1"))


def test_no_part_of_an_address_is_taken_for_one() -> None:
    """The cut would leave 1.2.3.4 of 201.2.3.4."""
    entries = "201.2.3.4" + ",10.0.0.1" * ((FIELD_MAX - len("1.2.3.4")) // len(",10.0.0.1"))
    padded = entries + " " * (FIELD_MAX + len("20") - len(entries))

    assert padded[-FIELD_MAX:].startswith("1.2.3.4,")
    assert client("127.0.0.1", [], [padded], TRUSTED) != client("1.2.3.4", [], [], NOBODY)


def test_no_part_of_a_media_range_is_taken_for_one() -> None:
    likes = "image/webp, image/png;q=0.5"
    accept = " " * (FIELD_MAX - len(likes) + 2) + likes

    assert accept[:FIELD_MAX].endswith("image/png;q=0")
    assert picture_format(accept.replace("image/webp", "text/plain"), Audience.IMG) == "webp"


def test_who_asks_is_told_by_the_beginning_of_what_they_say() -> None:
    assert audience({"user-agent": "x" * FIELD_MAX + "bot"}) is Audience.PROGRAM
    assert audience({"user-agent": "bot " + "x" * FIELD_MAX}) is Audience.CRAWLER


def test_a_token_is_compared_whole_and_one_too_long_is_none() -> None:
    assert not is_operator("Bearer " + "t" * 60_000, "t" * 40)
