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


def said(query: str) -> list[str]:
    return list(mistakes.notes(parse(query.encode())))


@pytest.mark.parametrize(("seed", "what"), STUCK)
def test_a_seed_with_something_stuck_to_it_is_warned_of(seed: str, what: str) -> None:
    """A seed with something stuck to it is a word that is warned of."""
    word, warning = said(f"prompt=a&seed={seed}")

    assert "is a word" in word
    assert warning.startswith(mistakes.MAYBE)
    assert what in warning


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


@pytest.mark.parametrize("prompt", ["a tower (tall)", "a png", "null and void", "a <b> c", "50% off", "why?", ".png"])
def test_prompts_of_people_are_not(prompt: str) -> None:
    assert said(f"prompt={prompt}&seed=7") == []


def test_the_path_style_is_told_the_same() -> None:
    assert len(list(mistakes.notes(parse_path(b"a", b"seed=7)")))) == 2
    assert list(mistakes.notes(parse_path(b"a%20cat.png", b"seed=7"))) == []


@pytest.mark.parametrize("piece", ["{", "{{", "}", "<", "%", "[", ".png", "a.", "_", "__", "$", "1 ", "1,"])
def test_looking_takes_time_in_step_with_the_length(piece: str) -> None:
    def seconds(length: int) -> float:
        request = parse(f"prompt=x{(piece * length)[:length]}x".replace("%", "%25").replace("+", "").encode())
        began = time.process_time()
        for _ in range(20):
            list(mistakes.notes(request))
        return time.process_time() - began

    # Eight times the text in eight times the time; going back and forth would take sixty-four.
    assert min(seconds(4000 - 8) for _ in range(5)) < 24 * max(min(seconds(500) for _ in range(5)), 1e-4)
