"""Seeds that are not numbers."""

import pytest

from promptcdn.url import keys, seeds
from promptcdn.url.parse import parse


@pytest.mark.parametrize(
    ("word", "seed"), [("octocat", 181842428), ("Octocat", 1665847775), ("nan", 644771783), ("1e3", 2787809620)]
)
def test_a_word_is_a_frozen_seed(word: str, seed: int) -> None:
    assert seeds.of_word(word) == seed
    assert parse(f"prompt=a&seed={word}".encode()).asked.seed == seed


def test_a_word_and_a_period_of_the_same_name_are_two_seeds() -> None:
    assert seeds.of_word("2026-11-23") != seeds.of_period("2026-11-23")


def test_more_variants_keep_the_old_ones() -> None:
    form = keys.as_asked_form(parse(b"prompt=a+lighthouse").asked)

    assert seeds.pool(form, 16)[:8] == seeds.pool(form, 8)
    assert len(set(seeds.pool(form, 64))) == 64
