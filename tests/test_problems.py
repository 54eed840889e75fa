"""The one table of errors."""

import re

import pytest

from promptcdn import problems
from promptcdn.problems import (
    KINDS,
    CounterUnavailable,
    Problem,
    SpoolFull,
    StoreUnavailable,
    Unavailable,
    UnreadableObject,
    UpstreamFailed,
)


def test_codes_are_unique_and_made_to_be_matched() -> None:
    codes = [kind.code for kind in KINDS]

    assert len(set(codes)) == len(codes)
    assert all(code.isidentifier() and code == code.lower() for code in codes)


def test_titles_are_unique_short_and_read_alone() -> None:
    titles = [kind.title for kind in KINDS]

    assert len(set(titles)) == len(titles)
    assert all(title[0].isupper() and title[-1] != "." and len(title) <= 60 for title in titles)
    assert not [title for title in titles if {"here", "it", "they"} & set(title.lower().split())]


def test_every_problem_says_what_to_do_and_reads_alone() -> None:
    advice = [kind.advice for kind in KINDS]

    assert len(set(advice)) == len(advice)
    assert all(
        each[0].islower() and each[-1] != "." and len(each) < 120 and not {"it", "they"} & set(each.split())
        for each in advice
    )


# Their details are of use to whoever sees the picture, and name no setting.
FOR_EVERYBODY = {"budget_spent", "draining", "hits_only", "overloaded", "too_slow"}


def test_error_pictures_say_what_a_reader_can_use() -> None:
    """The details of what only the operator can mend name settings, hosts and commands."""
    told = {kind.code for kind in KINDS if kind.for_readers}

    assert {kind.code for kind in KINDS if kind.status >= 500} == (told | FOR_EVERYBODY) - {
        "signature_required",
        "unauthorized",
    }
    assert not [each for kind in KINDS if re.search("[A-Z]+_|promptcdn", each := kind.for_readers)]


def test_a_401_says_which_header_to_send() -> None:
    problem = problems.unauthorized()

    assert "send the header Authorization: Bearer TOKEN" in problem.detail
    assert problem.kind is problems.UNAUTHORIZED


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_every_5xx_but_a_broken_service_says_when_to_try_again(kind: problems.ProblemType) -> None:
    assert (kind.retry_after is not None) == (kind.status > 500)


@pytest.mark.parametrize(
    ("raised", "code", "status", "retry_after"),
    [
        (StoreUnavailable, "store_unavailable", 503, 5),
        (CounterUnavailable, "counter_unavailable", 503, 5),
        (SpoolFull, "spool_full", 503, 5),
        (UnreadableObject, "unreadable_object", 500, None),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_the_code_names_the_part_that_is_unavailable(
    raised: type[Unavailable], code: str, status: int, retry_after: int | None
) -> None:
    problem = raised("the detail")

    assert (problem.kind.code, problem.kind.status, problem.retry_after) == (code, status, retry_after)


def test_only_the_operator_reads_the_cause() -> None:
    """The operator reads the cause and everybody else the detail."""
    problem = StoreUnavailable("the store does not answer", "the bucket b at 10.0.0.7 does not answer")

    assert str(problem) == "the bucket b at 10.0.0.7 does not answer"
    assert "10.0.0.7" not in str(problem.document())


def test_a_document_has_the_members_of_rfc_9457_and_ours() -> None:
    problem = problems.bad_parameter("seed", "x" * 200, "0 to 7", "out of range")

    assert problem.document() == {
        "type": "urn:promptcdn:problem:bad_parameter",
        "title": "Invalid parameter",
        "status": 400,
        "detail": f'seed="{"x" * 100}…": out of range; allowed: 0 to 7',
        "code": "bad_parameter",
        "parameter": "seed",
        "value": "x" * 100 + "…",
        "allowed": "0 to 7",
    }


@pytest.mark.parametrize(
    "problem",
    [
        Problem(problems.NOT_FOUND, "nothing", retry_after=3),
        UpstreamFailed(problems.UPSTREAM_TIMEOUT, "slow", charged=True),
        StoreUnavailable("silence"),
    ],
)
def test_each_waiter_gets_a_problem_of_its_own(problem: Problem) -> None:
    again = problem.again()

    assert again is not problem
    assert type(again) is type(problem)
    assert vars(again) == vars(problem)
    assert str(again) == str(problem)
