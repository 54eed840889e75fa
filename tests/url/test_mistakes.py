"""Seeds and prompts that nobody may have meant are allowed, and told apart."""

import time

import pytest

from promptcdn.url import seeds
from promptcdn.url.dialects import mistakes
from promptcdn.url.parse import parse, parse_path

STUCK = [
    ("7.png", "file's extension"),
    ("octocat.WEBP", "file's extension"),
    ("7.jpeg", "file's extension"),
    ("7)", "punctuation"),
    ("7/", "punctuation"),
    ("7,", "punctuation"),
    ("7.", "punctuation"),
    ("7%22", "punctuation"),
    ("(7", "punctuation"),
    ("%3C7", "punctuation"),
    ("7?utm_source=x", "another query"),
    ("7%26w=64", "another query"),
    ("7%23top", "another query"),
    ("undefined", "no value"),
    ("null", "no value"),
    ("None", "no value"),
    ("NaN", "no value"),
    ("[object+Object]", "no value"),
    ("{{seed}}", "template"),
    ("{{+seed+}}", "template"),
    ("${seed}", "template"),
    ("{seed}", "template"),
    ("%3Cseed%3E", "template"),
    ("$SEED", "template"),
    ("%25seed%25", "template"),
    ("%25s", "template"),
    ("__SEED__", "template"),
    ("1e3", "a number"),
    ("0x1F", "a number"),
    ("1,000", "a number"),
    ("7px", "a number"),
    ("٧", "a number"),
    ("Day", "seeds that change"),
    ("today", "seeds that change"),
    ("RANDOM", "seeds that change"),
]


# What a note tells to do.
CURES = [
    ("7?utm_source=x", 'is "7" with the beginning of another query stuck to it: write seed=7, or put & instead of the'),
    ("7;ref=x", "write seed=7, or put & instead of ;"),
    ("7%26w=64", "write seed=7, or write & as it is, and not %26"),
    ("7%23top", "write seed=7, or write # as it is"),
    ("a+b?x", "write seed=a+b, or"),
    ("7.png", "write seed=7, and where a tool appends it begin the URL with /i.png?"),
    ("7)", 'is "7" with a punctuation mark of the text around it stuck to it: write seed=7, or put another parameter'),
    ("(7).", "write seed=7, or put another parameter behind it, like &v=1"),
    ("%3C7", "write seed=7"),
    (")", "write a number or a word, or leave the seed out"),
    ("undefined", "look why the program that wrote this URL had no seed"),
    ("{{seed}}", "look at the blank's name in the template"),
    ("1e3", "write a number in the digits 0 to 9 alone"),
    ("Day", "write one of hour, day, week, month or random, in lower case"),
]

STUCK_TO_PROMPTS = [
    ("seed=7&prompt=a+lighthouse?utm_source=x", 'ends in "?utm_source=x", which looks like parameters: put & instead'),
    ("seed=7&prompt=a+lighthouse)", 'leave ")" off, or put another parameter behind the prompt, like &v=1'),
    ("prompt=a+lighthouse]", 'leave "]" off'),
    ("prompt=a+lighthouse%22", 'leave """ off'),
    ("prompt=a+lighthouse%3E", 'leave ">" off'),
    ("prompt=a+lighthouse/", 'leave "/" off'),
    ("prompt=a+lighthouse,", 'leave "," off'),
    ("prompt=a+lighthouse;ref=x", "put & instead of ;"),
    ("prompt=a+lighthouse%26seed=7", "write & as it is, and not %26"),
    ("prompt=a&negative_prompt=fog?ref=x", "put & instead of the second ?"),
    ("prompt=a+cat.png", 'leave ".png" off'),
    ("prompt=http://h/?prompt=a%26seed=7", "is a URL, taken as a prompt: promptcdn info URL shows its canonical"),
    ("prompt=/i.png?seed=7%26prompt=a", "is a URL, taken as a prompt"),
    ("prompt=https://example.org/page", "is a URL, taken as a prompt"),
]


def said(query: str) -> list[str]:
    return list(mistakes.notes(parse(query.encode())))


@pytest.mark.parametrize(("seed", "what"), STUCK)
def test_a_seed_with_something_stuck_to_it_is_warned_of(seed: str, what: str) -> None:
    """A seed with something stuck to it is a word that is warned of."""
    word, warning = said(f"prompt=a&seed={seed}")

    assert "is a word" in word
    assert warning.startswith(mistakes.MAYBE)
    assert what in warning


@pytest.mark.parametrize(("seed", "cure"), CURES)
def test_a_note_says_what_to_do_about_a_seed(seed: str, cure: str) -> None:
    assert cure in said(f"prompt=a&seed={seed}")[-1]


@pytest.mark.parametrize(("query", "cure"), STUCK_TO_PROMPTS)
def test_what_sticks_to_a_prompt_is_told_with_a_cure(query: str, cure: str) -> None:
    """What sticks to a prompt is told, with what to do."""
    (note,) = said(query)

    assert note.startswith(mistakes.MAYBE)
    assert cure in note


@pytest.mark.parametrize(
    ("raw", "cure"),
    [
        (
            b"a%20lighthouse&seed=7",
            'ends in "&seed=7", which looks like parameters: write ? before the first parameter',
        ),
        (b"a%20lighthouse%3Fseed=7", "write ? as it is, and not %3F"),
        (b"a%20lighthouse;seed=7", "put ? instead of ;"),
        (b"a%20lighthouse)", "put another parameter behind the prompt, like ?v=1"),
    ],
)
def test_what_sticks_to_a_prompt_in_a_path_is_told(raw: bytes, cure: str) -> None:
    """What sticks to a prompt in a path is told, with what to do there."""
    (note,) = mistakes.notes(parse_path(raw, b""))

    assert cure in note


def test_a_long_prompt_is_told_by_its_end() -> None:
    (note,) = said(f"prompt={'x' * 3900}?utm_source=y")

    assert len(note) < 300


@pytest.mark.parametrize("seed", ["octocat", "a b", "1e3x", "v1.5", "灯台", "wow!", "🦊", "nulls", "2026-11-23"])
def test_any_other_word_is_only_told_to_be_one(seed: str) -> None:
    (word,) = said(f"prompt=a&seed={seed}")

    assert word == f'the seed "{seed}" is a word: it stands for the number {seeds.of_word(seed)},' + (
        " and its letters' case matters"
    )


@pytest.mark.parametrize("seed", ["7", "007", "7.0", "day", "random", ""])
def test_numbers_and_keywords_are_no_words(seed: str) -> None:
    assert said(f"prompt=a&seed={seed}") == []


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("prompt=a+cat.png", "the prompt"),
        ("prompt=undefined&seed=7", "the prompt"),
        ("prompt={{+page.title+}}", "the prompt"),
        ("prompt=%3Cprompt%3E", "the prompt"),
        ("prompt=a&negative_prompt=null", "the negative_prompt"),
    ],
)
def test_a_prompt_that_nobody_wrote_is_warned_of(query: str, what: str) -> None:
    (warning,) = said(query)

    assert warning.startswith(f"{mistakes.MAYBE} {what} ")


@pytest.mark.parametrize(
    "prompt",
    [
        *(
            "a tower (tall)",
            "a png",
            "null and void",
            "a <b> c",
            "50%25 off",
            "why?",
            ".png",
            "a smile :)",
            "a -> b ->",
        ),
        *("Q%26A", "c%23 code", "a; b", 'the "end"', "a sign (left), a door (right)", "what is this? = a cat", "so."),
        "an ad for https://example.org on a wall",
    ],
)
def test_prompts_of_people_are_not(prompt: str) -> None:
    assert said(f"prompt={prompt}&seed=7") == []


def test_the_path_style_is_told_the_same() -> None:
    assert len(list(mistakes.notes(parse_path(b"a", b"seed=7)")))) == 2
    assert list(mistakes.notes(parse_path(b"a%20cat.png", b"seed=7"))) == []


@pytest.mark.parametrize(
    "piece", ["{", "{{", "}", "<", "%", "[", ".png", "a.", "_", "__", "$", "1 ", "1,", ")", "?a", ";", "a=", "(", ","]
)
def test_looking_takes_time_in_step_with_the_length(piece: str) -> None:
    def seconds(length: int) -> float:
        request = parse(f"prompt=x{(piece * length)[:length]}x".replace("%", "%25").replace("+", "").encode())
        began = time.process_time()
        for _ in range(20):
            list(mistakes.notes(request))
        return time.process_time() - began

    # Eight times the text in eight times the time; going back and forth would take sixty-four.
    assert min(seconds(4000 - 8) for _ in range(5)) < 24 * max(min(seconds(500) for _ in range(5)), 1e-4)
