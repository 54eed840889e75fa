"""What people in a chat are told, and who they are to the counters."""

import pytest

from promptcdn import problems
from promptcdn.faces.chats.members import member
from promptcdn.faces.chats.words import cut, late, missing, said
from promptcdn.problems import KINDS, Problem, RateLimited
from promptcdn.readers.clients import Client


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_every_problem_is_a_sentence(kind: problems.ProblemType) -> None:
    text = said(Problem(kind, "what is wrong with it"))

    assert text[0].isupper() or kind is problems.BAD_PARAMETER
    assert text.endswith(".")
    assert "PROMPTCDN_" not in text, "what the operator sets says nothing to people in a chat"


def test_a_rate_names_whose_it_is() -> None:
    own = RateLimited("x", policy="client", quota=1, window=60, retry_after=12)
    of_all = RateLimited("x", policy="kid", quota=1, window=60, retry_after=12)

    assert said(own) == "You have started as many new pictures as allowed for now: try again in 12 seconds."
    assert said(of_all).startswith("This service has started")


def test_what_is_late_names_its_seed() -> None:
    assert "with seed=7 again later" in late(14, 7)
    assert "after 14 minutes" in late(14, None)


def test_what_is_missing_is_counted() -> None:
    assert missing([], 4) == ""
    assert missing(["The budget is spent.", "x"], 4) == "2 of 4 pictures could not be made. The budget is spent."


@pytest.mark.parametrize(("text", "shown"), [("abc", "abc"), ("abcd", "ab…")])
def test_what_is_too_long_is_cut(text: str, shown: str) -> None:
    assert cut(text, 3) == shown


def test_a_member_is_a_client_without_a_name() -> None:
    one, same, other = (member("slack", "s" * 16, "T1", user) for user in ("U1", "U1", "U2"))

    assert one == same != other
    assert hash(one) == hash(same)
    assert len({str(one), str(other), str(member("slack", "another", "T1", "U1"))}) == 3
    assert "U1" not in str(one)
    assert one != Client(None)
    assert str(member("slack", "s", "T1", "1U")) != str(member("slack", "s", "T11", "U"))
