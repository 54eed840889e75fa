"""Problems as clients of OpenAI's API know them: the error object, its codes, and whether to try again.

The official client raises an exception by the status, shows `message`, `code` and `param`, and tries 408, 409, 429 and
every 5xx again by itself, twice, unless `x-should-retry` says no (read in the packages openai 3.57 for Python and 6.49
for Node).
"""

from collections.abc import Sequence

from promptcdn import problems
from promptcdn.problems import Problem, ProblemType, UpstreamFailed

PREFIX = "/v1/"
# Seconds. Whoever is to wait longer is told so at once: some clients keep to no longer `Retry-After`.
WAITED_FOR = 60

# What is refused for what the picture would show: the status and code that OpenAI has for that.
_POLICY = (problems.DENIED, problems.FILTERED, problems.REMOVED)
# Where another try costs nothing twice, and may help.
_AGAIN = (
    problems.REQUEST_TIMEOUT,
    problems.RATE_LIMITED,
    problems.STORE_UNAVAILABLE,
    problems.COUNTER_UNAVAILABLE,
    problems.SPOOL_FULL,
    problems.OVERLOADED,
    problems.DRAINING,
    problems.TOO_SLOW,
    problems.WAITING_FOR_WORKER,
)
# The same where the upstream surely charged nothing. A picture in its cooldown may have been paid for.
_AGAIN_IF_FREE = (problems.UPSTREAM_UNREACHABLE, problems.UPSTREAM_BUSY)
_PERHAPS_CHARGED = (problems.UPSTREAM_GARBLED, problems.UPSTREAM_TIMEOUT)
_CODES = {
    **dict.fromkeys(_POLICY, "content_policy_violation"),
    problems.BUDGET_SPENT: "insufficient_quota",
    problems.RATE_LIMITED: "rate_limit_exceeded",
}
# litellm raises `ContentPolicyViolationError` where it finds these words in the message.
_REJECTED = "the request was rejected as a result of the safety system"
_STATUSES = {**dict.fromkeys(_POLICY, 400), problems.BUDGET_SPENT: 429}
# Our parameters by the members that they come from.
_MEMBERS = {"engine": "model", "width": "size", "height": "size", "q": "output_compression", "format": "output_format"}


class ApiProblem(Problem):
    """A problem for which OpenAI has a code of its own: `api_code`."""

    def __init__(self, kind: ProblemType, detail: str, *, api_code: str, parameter: str | None = None) -> None:
        super().__init__(kind, detail, parameter=parameter)
        self.api_code = api_code


def status(problem: Problem) -> int:
    """The HTTP status: ours, but for what OpenAI has another one for."""
    return _STATUSES.get(problem.kind, problem.kind.status)


def document(problem: Problem) -> dict[str, dict[str, str | None]]:
    """The error object. `promptcdn_code` is the code in docs/problems.md."""
    code = problem.api_code if isinstance(problem, ApiProblem) else _CODES.get(problem.kind, problem.kind.code)
    member = None if problem.parameter is None else _MEMBERS.get(problem.parameter, problem.parameter)
    # A detail about a parameter begins with its name.
    detail = problem.detail.replace(f"{problem.parameter}=", f"{member}=", 1) if member else problem.detail
    message = f"{_REJECTED}: {detail}" if problem.kind in _POLICY else detail
    error = {"message": message, "type": _type(problem), "param": member, "code": code}
    return {"error": {**error, "promptcdn_code": problem.kind.code}}


def try_again(problem: Problem) -> bool:
    """Whether a client should send the same request again, after `Retry-After`."""
    soon = problem.retry_after is None or problem.retry_after <= WAITED_FOR
    free = isinstance(problem, UpstreamFailed) and not problem.charged
    return soon and (problem.kind in _AGAIN or (free and problem.kind in _AGAIN_IF_FREE))


def may_cost_again(problem: Problem) -> bool:
    """Whether the failure may have been charged, so that the same again might be charged once more."""
    return problem.kind in (*_PERHAPS_CHARGED, *_AGAIN_IF_FREE) and not try_again(problem)


def worst(failures: Sequence[BaseException]) -> BaseException:
    """Which of the failures of several pictures their client is told: one after which the same again might be charged
    once more, if there is any."""
    return next((each for each in failures if isinstance(each, Problem) and may_cost_again(each)), failures[0])


def _type(problem: Problem) -> str:
    match status(problem):
        case 429 if problem.kind is problems.BUDGET_SPENT:
            return "insufficient_quota"
        case 429:
            return "requests"
        case failed if failed >= 500:
            return "server_error"
        case _:
            return "invalid_request_error"
