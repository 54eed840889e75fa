"""Problems as OpenAI's error object, as a table."""

import pytest

from promptcdn import problems
from promptcdn.faces.openai_api import errors
from promptcdn.problems import KINDS, Problem, ProblemType, RateLimited, UpstreamFailed

LATE = RateLimited("late", policy="api-key", quota=1, window=3600, retry_after=errors.WAITED_FOR + 1)
SOON = RateLimited("soon", policy="api-key", quota=1, window=3600, retry_after=errors.WAITED_FOR)


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (problems.FILTERED, 400, "content_policy_violation"),
        (problems.DENIED, 400, "content_policy_violation"),
        (problems.REMOVED, 400, "content_policy_violation"),
        (problems.BUDGET_SPENT, 429, "insufficient_quota"),
        (problems.RATE_LIMITED, 429, "rate_limit_exceeded"),
        (problems.MISSES_CLOSED, 403, "misses_closed"),
        (problems.UPSTREAM_TIMEOUT, 504, "upstream_timeout"),
    ],
)
def test_what_openai_has_a_word_for_has_that_word(kind: ProblemType, status: int, code: str) -> None:
    told = Problem(kind, "why")

    assert errors.status(told) == status
    assert errors.document(told)["error"]["code"] == code
    assert errors.document(told)["error"]["promptcdn_code"] == kind.code


def test_every_problem_has_a_type_that_openai_has() -> None:
    types = {kind.code: errors.document(Problem(kind, ""))["error"]["type"] for kind in KINDS}

    assert set(types.values()) == {"invalid_request_error", "server_error", "requests", "insufficient_quota"}
    assert types["budget_spent"] == "insufficient_quota"
    assert all(
        (kind.status >= 500) == (types[kind.code] == "server_error") for kind in KINDS if kind.code != "budget_spent"
    )


@pytest.mark.parametrize(("ours", "theirs"), [("engine", "model"), ("width", "size"), ("q", "output_compression")])
def test_the_member_is_named_as_it_was_sent(ours: str, theirs: str) -> None:
    error = errors.document(problems.bad_parameter(ours, "x", "y", "no such value"))["error"]

    assert error["param"] == theirs
    assert str(error["message"]).startswith(f'{theirs}="x": no such value')


@pytest.mark.parametrize(
    ("problem", "again"),
    [
        (problems.too_slow(), True),
        (Problem(problems.STORE_UNAVAILABLE, ""), True),
        (Problem(problems.DRAINING, ""), True),
        (SOON, True),
        (LATE, False),
        (Problem(problems.BUDGET_SPENT, ""), False),
        (Problem(problems.INTERNAL, ""), False),
        (UpstreamFailed(problems.UPSTREAM_BUSY, "", charged=False), True),
        (UpstreamFailed(problems.UPSTREAM_UNREACHABLE, "", charged=True), False),
        (UpstreamFailed(problems.UPSTREAM_BUSY, "", charged=False, pause=300), False),
        (Problem(problems.UPSTREAM_UNREACHABLE, "in its cooldown"), False),
        (UpstreamFailed(problems.UPSTREAM_TIMEOUT, "", charged=True), False),
    ],
)
def test_a_client_tries_again_where_that_costs_nothing_twice(problem: Problem, again: bool) -> None:
    assert errors.try_again(problem) is again


@pytest.mark.parametrize("place", [0, 1, 2])
def test_of_several_failures_the_one_that_cost_is_told(place: int) -> None:
    """Or the client tries again for one that cost nothing, and pays for the other once more."""
    free = UpstreamFailed(problems.UPSTREAM_BUSY, "", charged=False)
    charged = UpstreamFailed(problems.UPSTREAM_TIMEOUT, "", charged=True)
    failures = [free, free, free]
    failures[place] = charged

    assert errors.worst(failures) is charged
    assert errors.worst([free, Problem(problems.DENIED, "")]) is free
