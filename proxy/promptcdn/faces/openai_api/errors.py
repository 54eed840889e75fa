"""Problems as clients of OpenAI's API know them: the error object, its codes, and whether to try again.

The official client raises an exception by the status, shows `message`, `code` and `param`, and tries 408, 409, 429 and
every 5xx again by itself, twice, unless `x-should-retry` says no (read in the packages openai 3.57 for Python and 6.49
for Node).
"""

from promptcdn import problems
from promptcdn.problems import Problem, ProblemType, UpstreamFailed

PREFIX = "/v1/"
# The client keeps to no longer `Retry-After`.
WAITED_FOR = 60

# What is refused for what the picture would show: the status and code that OpenAI has for that.
_POLICY = (problems.DENIED, problems.FILTERED, problems.REMOVED)
# Where another try surely costs nothing twice, and may help.
_AGAIN = (
    problems.REQUEST_TIMEOUT,
    problems.RATE_LIMITED,
    problems.UPSTREAM_UNREACHABLE,
    problems.UPSTREAM_BUSY,
    problems.STORE_UNAVAILABLE,
    problems.COUNTER_UNAVAILABLE,
    problems.SPOOL_FULL,
    problems.OVERLOADED,
    problems.DRAINING,
    problems.TOO_SLOW,
)
_CODES = {
    **dict.fromkeys(_POLICY, "content_policy_violation"),
    problems.BUDGET_SPENT: "insufficient_quota",
    problems.RATE_LIMITED: "rate_limit_exceeded",
}
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
    error = {"message": problem.detail, "type": _type(problem), "param": member, "code": code}
    return {"error": {**error, "promptcdn_code": problem.kind.code}}


def try_again(problem: Problem) -> bool:
    """Whether a client should send the same request again, after `Retry-After`."""
    charged = isinstance(problem, UpstreamFailed) and problem.charged
    soon = problem.retry_after is None or problem.retry_after <= WAITED_FOR
    return problem.kind in _AGAIN and not charged and soon


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
