"""URL → parameters, by tables: what is understood, what is the same, what is refused and how."""

import random
import time
from collections.abc import Callable
from dataclasses import fields
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn import problems
from promptcdn.url import keys
from promptcdn.url.parameters import BY_NAME, PARAMETERS
from promptcdn.url.parse import canonical_url, extra_slashes, parse, parse_delivery
from promptcdn.url.request import Asked, Control, Delivery
from promptcdn.url.resolving import resolve
from promptcdn.url.text import normalised, number
from tests.support.fakes import NO_FORMAT
from tests.support.offers import offers


def key(query: str) -> str:
    return keys.as_asked_key(parse(query.encode()).asked)


def refusal(query: bytes) -> problems.Problem:
    with pytest.raises(problems.Problem) as caught:
        parse(query)
    return caught.value


def refused(query: bytes) -> problems.Problem | None:
    """The refusal of any query at all, or `None` where it is understood."""
    try:
        assert len(keys.as_asked_key(parse(query).asked)) == 64
    except problems.Problem as problem:
        return problem
    return None


def test_every_field_of_a_request_has_its_row_in_the_table() -> None:
    names = {field.name for group in (Asked, Delivery, Control) for field in fields(group)}

    assert names == {row.name for row in PARAMETERS}


def test_a_url_says_what_it_says() -> None:
    request = parse(b"prompt=a+lighthouse&seed=7&width=1152&height=896&format=png&wait=2.5")

    assert request.asked == Asked("a lighthouse", seed=7, width=1152, height=896)
    assert request.delivery == Delivery("png")
    assert request.control == Control(wait=2.5)


# Word joiner, Arabic letter mark, and the embeddings, overrides and isolates that text from chats has.
BIDI = "\u2060\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

SAME = [
    ("prompt=a+lighthouse&seed=7", "seed=7&prompt=a%20lighthouse", "order, and the two ways to write a blank"),
    ("prompt=a+lighthouse&seed=7", "prompt=a+lighthouse&seed=007.0", "spellings of a number"),
    ("prompt=a+lighthouse&seed=7", "prompt=a+lighthouse&amp;seed=7", "an escaped ampersand"),
    ("prompt=a+lighthouse&seed=7", "prompt=a+lighthouse&amp;amp;amp;seed=7", "one escaped again and again"),
    ("prompt=a+lighthouse&seed=7", "%70rompt=%61+lighthouse&seed=%37", "needless escapes"),
    ("prompt=a+lighthouse&seed=7", "prompt=+a++lighthouse%0A&seed=7+", "white space"),
    ("prompt=a+lighthouse&seed=7", "prompt=a+lighthouse&seed=7&v=2&utm_source=x&utm_medium=%ff&fbclid=1", "ignored"),
    ("prompt=a+lighthouse&seed=7", "prompt=a+lighthouse&seed=7&format=png&wait=1&w=100", "delivery and control"),
    ("prompt=a+lighthouse&seed=7", "prompt=a+lighthouse&seed=7#gh-dark-mode-only", "a fragment"),
    ("prompt=a+lighthouse&seed=7", "&prompt=a+lighthouse&&seed=7&", "empty pairs"),
    ("prompt=a+lighthouse&seed=7", "prompt=a+lighthouse&seed=7&style_preset=", "an empty value is no value"),
    ("prompt=a+lighthouse&seed=7", "prompt=a+lighthouse&seed=7&guidance_preset=none", "guidance none is unset"),
    ("prompt=a+lighthouse&seed=7", "seed=&prompt=a+lighthouse&seed=7", "nor is it given twice"),
    ("prompt=a+lighthouse", "prompt=a+lighthouse&seed=random", "random is no seed"),
    ("prompt=100%25&seed=7", "prompt=100%&seed=7", "a malformed escape is a literal per cent"),
    ("prompt=x%25zz&seed=7", "prompt=x%zz&seed=7", "a malformed escape is a literal per cent"),
    ("prompt=caf%C3%A9", "prompt=cafe%CC%81", "NFC"),
    ("prompt=caf%C3%A9", "prompt=caf%c3%a9", "the case of escapes"),
    ("prompt=ab", "prompt=a%C2%ADb", "a soft hyphen is dropped"),
    ("prompt=ab", "prompt=a%E2%80%8B%EF%BB%BFb", "zero-width space and BOM are dropped"),
    *((f"prompt=ab&seed={letter}c", f"prompt=a{letter}b&seed=c{letter}", f"U+{ord(letter):04X}") for letter in BIDI),
    ("prompt=a+b", "prompt=a%C2%85b", "NEL is white space"),
    ("prompt=a+b", "prompt=a%E2%80%A8%E3%80%80b", "line separator and ideographic space are white space"),
    ("prompt=x&engine=e1", "prompt=x&model=e1", "an alias"),
    ("prompt=x&cfg_scale=7.5", "prompt=x&cfg_scale=007.50", "spellings of a decimal"),
    ("prompt=x&cfg_scale=0", "prompt=x&cfg_scale=-0.0", "no negative nought"),
    ("prompt=x&aspect_ratio=16:9", "prompt=x&aspect_ratio=016%3A09", "spellings of a ratio"),
    ("prompt=x&seed=7", "prompt=x&seed=7&format=.png", "a format as an extension"),
]


@pytest.mark.parametrize(("one", "other", "why"), SAME, ids=[row[2] for row in SAME])
def test_equivalent_urls_have_one_key(one: str, other: str, why: str) -> None:
    assert key(one) == key(other), why


DIFFERENT = [
    ("prompt=a&seed=7", "prompt=a&seed=8"),
    ("prompt=a&seed=octocat", "prompt=a&seed=Octocat"),
    ("prompt=007", "prompt=7"),
    ("prompt=a+b", "prompt=a%2Bb"),
    ("prompt=a", "prompt=A"),
    ("prompt=a", "prompt=a&rev=0"),
    ("prompt=a&seed=day", "prompt=a&seed=week"),
    ("prompt=a", "prompt=a&seed=0"),
    ("prompt=%F0%9F%91%A9%E2%80%8D%F0%9F%91%A9", "prompt=%F0%9F%91%A9%F0%9F%91%A9"),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_requests_have_different_keys(one: str, other: str) -> None:
    assert key(one) != key(other)


REFUSED = [
    (b"", "prompt", ""),
    (b"seed=7", "prompt", ""),
    (b"prompt=", "prompt", ""),
    (b"prompt=%20%09", "prompt", ""),
    (b"prompt=" + b"a" * 4001, "prompt", "a" * 100),
    (b"prompt=a&seed=7&seed=8", "seed", "8"),
    (b"prompt=a&seed=7&amp;seed=7", "seed", "7"),
    (b"prompt=a&engine=x&model=x", "model", "x"),
    (b"prompt=a&sede=7", "sede", "7"),
    (b"prompt=a&Seed=7", "Seed", "7"),
    (b"prompt=a&=7", "", "7"),
    (b"prompt=%ff%c3%28", "prompt", "\\xff\\xc3("),
    (b"prompt=%c0%af", "prompt", "\\xc0\\xaf"),
    (b"prompt=%ed%a0%80", "prompt", "\\xed\\xa0\\x80"),
    (b"prompt=a&%ff=1", "\\xff", ""),
    (b"prompt=a%00", "prompt", "a\\u0000"),
    (b"prompt=a%1c", "prompt", "a\\u001c"),
    (b"prompt=a%7f", "prompt", "a\\u007f"),
    ("prompt=a\u2061b".encode(), "prompt", "a\\u2061b"),
    ("prompt=a\u180eb".encode(), "prompt", "a\\u180eb"),
    ("prompt=a\ufff9b".encode(), "prompt", "a\\ufff9b"),
    ("prompt=a\U00013430b".encode(), "prompt", "a\\u13430b"),
    ("prompt=a\U000e0041b".encode(), "prompt", "a\\ue0041b"),
    (b"prompt=a&seed=-1", "seed", "-1"),
    (b"prompt=a&seed=7.5", "seed", "7.5"),
    (b"prompt=a&seed=4294967296", "seed", "4294967296"),
    (b"prompt=a&seed=" + b"9" * 5000, "seed", "9" * 100),
    (b"prompt=a&seed=" + b"x" * 101, "seed", "x" * 100),
    (b"prompt=a&width=1000", "width", "1000"),
    (b"prompt=a&width=192", "width", "192"),
    (b"prompt=a&width=wide", "width", "wide"),
    (b"prompt=a&height=1600", "height", "1600"),
    (b"prompt=a&aspect_ratio=16x9", "aspect_ratio", "16x9"),
    (b"prompt=a&aspect_ratio=0:9", "aspect_ratio", "0:9"),
    (b"prompt=a&aspect_ratio=9:1", "aspect_ratio", "9:1"),
    (b"prompt=a&aspect_ratio=16:9&width=1024", "aspect_ratio", "16:9"),
    (b"prompt=a&steps=0", "steps", "0"),
    (b"prompt=a&steps=151", "steps", "151"),
    (b"prompt=a&cfg_scale=7.125", "cfg_scale", "7.125"),
    (b"prompt=a&cfg_scale=35.01", "cfg_scale", "35.01"),
    (b"prompt=a&cfg_scale=1e1", "cfg_scale", "1e1"),
    (b"prompt=a&sampler=K_EULER", "sampler", "K_EULER"),
    (b"prompt=a&style_preset=oil", "style_preset", "oil"),
    (b"prompt=a&guidance_preset=fast", "guidance_preset", "fast"),
    (b"prompt=a&engine=a+b", "engine", "a b"),
    (b"prompt=a&rev=-1", "rev", "-1"),
    (b"prompt=a&init=abc", "init", "abc"),
    (b"prompt=a&strength=1.5", "strength", "1.5"),
    (b"prompt=a&upscale=3", "upscale", "3"),
    (f"prompt=a&format={NO_FORMAT}".encode(), "format", NO_FORMAT),
    (b"prompt=a&format=..png", "format", "..png"),
    (b"prompt=a&format=.", "format", "."),
    (b"prompt=a&w=0", "w", "0"),
    (b"prompt=a&w=2049", "w", "2049"),
    (b"prompt=a&dpr=4", "dpr", "4"),
    (b"prompt=a&fit=fill", "fit", "fill"),
    (b"prompt=a&q=101", "q", "101"),
    (b"prompt=a&wait=121", "wait", "121"),
    (b"prompt=a&sig=*", "sig", "*"),
    (b"prompt=a&exp=soon", "exp", "soon"),
]


@pytest.mark.parametrize(("query", "parameter", "value"), REFUSED, ids=[str(row[0][:50]) for row in REFUSED])
def test_bad_input_is_named_with_its_value_and_what_is_allowed(query: bytes, parameter: str, value: str) -> None:
    problem = refusal(query)

    assert problem.kind is problems.BAD_PARAMETER
    assert problem.parameter == parameter
    assert (problem.value or "").removesuffix("…") == value
    assert problem.allowed
    assert parameter in problem.detail


def test_an_unknown_parameter_is_told_what_it_might_have_been() -> None:
    assert "did you mean seed?" in refusal(b"prompt=a&sede=7").detail


def test_text_that_is_no_utf_8_gets_advice_on_per_cent_signs() -> None:
    """Text that is not UTF-8 is told how a per cent sign is written."""
    assert "%25" in refusal(b"prompt=50%ff").detail


@pytest.mark.parametrize("spelling", ["png", "PNG", "Png", ".png", ".PNG"])
def test_a_format_has_many_spellings(spelling: str) -> None:
    assert parse(f"prompt=a&format={spelling}".encode()).delivery.format == "png"


@pytest.mark.parametrize("path", ["//", "///", "//i.png", "//i.jpeg", "//prompt/a", f"//i/{'0' * 64}"])
def test_slashes_too_many_before_a_picture_are_passed_over(path: str) -> None:
    assert path.encode()[extra_slashes(path.encode()) :] == b"/" + path.encode().lstrip(b"/")


@pytest.mark.parametrize("path", ["/", "/i.png", "/prompt//a", "//metrics", "//readyz", "//info", "//x", "//i.png/x"])
def test_other_paths_are_taken_as_they_are(path: str) -> None:
    assert extra_slashes(path.encode()) == 0


def test_a_size_between_two_steps_is_told_the_nearest() -> None:
    assert "960 and 1024" in refusal(b"prompt=a&width=1000").detail


# Property Prepended_Concatenation_Mark: of category Cf, and letters that one sees.
PREPENDED = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
KEPT = [
    *(f"{mark}12" for mark in PREPENDED),
    "👩‍👩‍👧",
    "क्‍ष",
    "می‌خواهم",
    "a\u200eb",
    "a\u200fb",
    "🏴\U000e0067\U000e0062\U000e0065\U000e007f",
    "👍🏽",
    "❤️",
]


@pytest.mark.parametrize("text", KEPT)
def test_joiners_marks_and_emoji_sequences_stay(text: str) -> None:
    assert normalised(text) == text


@pytest.mark.parametrize("name", [row.name for row in PARAMETERS if row.group != "delivery"])
def test_a_permalink_takes_delivery_parameters_only(name: str) -> None:
    with pytest.raises(problems.Problem) as caught:
        parse_delivery(f"{name}=1".encode())

    assert caught.value.parameter == name


@pytest.mark.parametrize("query", ["upscale=3", "strength=1.01", "strength=0.555", "init=abc", f"mask={'A' * 64}"])
def test_what_is_no_source_of_a_picture_is_refused_by_name(query: str) -> None:
    with pytest.raises(problems.Problem) as caught:
        parse(f"prompt=a&{query}".encode())

    assert caught.value.kind is problems.BAD_PARAMETER
    assert caught.value.parameter == query.partition("=")[0]


@pytest.mark.parametrize(
    ("text", "spelled"),
    [("7", "7"), ("007", "7"), ("7.0", "7"), ("-0", "0"), ("-7.50", "-7.5"), ("0.10", "0.1"), ("000", "0")]
    + [(text, None) for text in ("", "+7", "7.", ".5", "1e3", "0x1", "٧", "７", "7 ", "--7", "7.0.0")],
)
def test_a_number_has_one_spelling(text: str, spelled: str | None) -> None:
    assert number(text) == spelled


texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"]), min_size=1, max_size=60)


@given(texts)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


ANY_ASKED = {
    "negative_prompt": texts.filter(lambda text: bool(normalised(text))),
    "seed": st.one_of(st.integers(0, 2**32 - 1), st.sampled_from(["day", "week", "octocat", "1e3"])),
    "steps": st.integers(1, 150),
    "cfg_scale": st.integers(0, 3500).map(lambda hundredths: hundredths / 100),
    "sampler": st.sampled_from(["ddim", "k_euler"]),
    "rev": st.integers(0, 999999),
    "width": st.integers(4, 24).map(lambda step: step * 64),
}


@given(texts, st.fixed_dictionaries({}, optional=ANY_ASKED), st.randoms(use_true_random=False))
def test_every_spelling_has_the_key_of_the_canonical_one(
    prompt: str, said: dict[str, object], chance: random.Random
) -> None:
    prompt = f"a {prompt}"
    pairs = [("prompt", prompt), *((name, str(value)) for name, value in said.items())]
    chance.shuffle(pairs)
    ways: list[Callable[[str], str]] = [quote_plus, quote, _escaped]
    quoted = [f"{name}={chance.choice(ways)(value)}" for name, value in pairs]
    spelled = chance.choice(["&", "&amp;", "&amp;amp;", "&&"]).join([*quoted, "v=2"])
    asked = parse(spelled.encode()).asked

    canonical = canonical_url(asked)

    assert parse(canonical.partition("?")[2].encode()).asked == asked
    assert key(spelled) == key(canonical.partition("?")[2])


asked = st.builds(
    lambda prompt, said: (
        parse(
            "&".join(
                f"{name}={quote_plus(str(value))}" for name, value in {"prompt": f"a {prompt}", **said}.items()
            ).encode()
        ).asked
    ),
    texts,
    st.fixed_dictionaries({}, optional=ANY_ASKED),
)


@given(asked, asked)
def test_any_two_requests_have_one_key_or_are_different(one: Asked, other: Asked) -> None:
    assert (keys.as_asked_key(one) == keys.as_asked_key(other)) == (one == other)

    defaults = offers("sketch", "sketch")
    seeded = [each.seeded(each.seed if isinstance(each.seed, int) else 1) for each in (one, other)]
    resolved = [resolve(each, defaults) for each in seeded]
    assert (keys.content_key(resolved[0]) == keys.content_key(resolved[1])) == (resolved[0] == resolved[1])


def _escaped(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_clear_refusal(raw: bytes) -> None:
    problem = refused(raw)

    assert problem is None or (problem.kind is problems.BAD_PARAMETER and problem.parameter is not None)


FRAGMENTS = [
    *BY_NAME,
    *("=", "&", "&amp;", "#", "%", "%00", "%ff", "%zz", "+", ";", "\u202e", "é", "e\u0301", "漢", "👩‍👩", "%e2%80%8b"),
    *("7", "007.0", "-1", "9" * 400, "1024", "16:9", "day", "octocat", "random", "png", "k_euler", "a" * 300, "%F3%A0"),
    *("utm_x", "amp;", "'\"<>|{}^`\\[]", "\r\n", "\x00", "\x7f", "prompt=a", "seed=7", "&prompt=x"),
]


def test_a_hundred_thousand_hostile_queries_break_nothing() -> None:
    chance = random.Random(20261124)
    understood = 0
    for _ in range(100_000):
        query = "".join(chance.choices(FRAGMENTS, k=chance.randint(1, 9)))
        problem = refused(query.encode())
        understood += problem is None
        assert problem is None or (problem.parameter is not None and problem.detail.isprintable())
    assert understood > 500


@pytest.mark.parametrize("name", ["seed", "cfg_scale", "width", "aspect_ratio"])
def test_reading_a_number_takes_time_in_step_with_its_length(name: str) -> None:
    def seconds(length: int) -> float:
        query = f"prompt=a&{name}={'0' * length}x".encode()
        began = time.process_time()
        for _ in range(3):
            refused(query)
        return time.process_time() - began

    # Eight times the text in eight times the time; going back and forth would take sixty-four.
    assert min(seconds(8000) for _ in range(5)) < 24 * max(min(seconds(1000) for _ in range(5)), 1e-4)
