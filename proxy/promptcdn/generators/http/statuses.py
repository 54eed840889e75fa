"""Every HTTP status that is no success, and what it means for us: the problem, and whether the call may have been
charged.

Sources: RFC 9110, and the error pages of OpenAI, Stability, Together and Hugging Face as of November 2026, which agree
on these rows. "Charged" wherever it is not sure that nothing was.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from promptcdn.generators.http import pauses
from promptcdn.generators.http.reply import Reply
from promptcdn.problems import (
    UPSTREAM_BUSY,
    UPSTREAM_GARBLED,
    UPSTREAM_REFUSED,
    UPSTREAM_TIMEOUT,
    UPSTREAM_UNAUTHORIZED,
    UPSTREAM_UNPAID,
    UPSTREAM_UNREACHABLE,
    ProblemType,
    UpstreamFailed,
)

_REDIRECT = "a redirect, which is not followed"


@dataclass(frozen=True)
class Meaning:
    """One row of the table."""

    kind: ProblemType
    charged: bool


MEANINGS: Mapping[int, Meaning] = {
    401: Meaning(UPSTREAM_UNAUTHORIZED, charged=False),
    402: Meaning(UPSTREAM_UNPAID, charged=False),
    403: Meaning(UPSTREAM_UNAUTHORIZED, charged=False),
    407: Meaning(UPSTREAM_UNREACHABLE, charged=False),  # a proxy on the way wants a password
    408: Meaning(UPSTREAM_TIMEOUT, charged=True),
    429: Meaning(UPSTREAM_BUSY, charged=False),
    500: Meaning(UPSTREAM_GARBLED, charged=True),
    501: Meaning(UPSTREAM_REFUSED, charged=False),
    502: Meaning(UPSTREAM_UNREACHABLE, charged=True),  # a gateway lost the server: that may have begun
    503: Meaning(UPSTREAM_BUSY, charged=True),
    504: Meaning(UPSTREAM_TIMEOUT, charged=True),
    520: Meaning(UPSTREAM_UNREACHABLE, charged=True),  # 520 to 524 are Cloudflare's
    521: Meaning(UPSTREAM_UNREACHABLE, charged=False),  # the server refused the connection
    522: Meaning(UPSTREAM_UNREACHABLE, charged=True),
    523: Meaning(UPSTREAM_UNREACHABLE, charged=False),  # no way to the server
    524: Meaning(UPSTREAM_TIMEOUT, charged=True),
}
# 300 to 499 and 500 to 599 without a row of their own. A redirect is not followed, so that nothing was made.
_REFUSED = Meaning(UPSTREAM_REFUSED, charged=False)
_FAILED = Meaning(UPSTREAM_GARBLED, charged=True)


def fault(reply: Reply) -> str:
    """What is wrong with an upstream that answers a question of `doctor` so; empty where nothing need be.

    One that does not know the question (404, 405, 501) may draw all the same.
    """
    if 300 <= reply.status < 400:
        return f"it answers {reply.status}, {_REDIRECT}"
    if is_page(reply):
        return "it answers with a web page, which no image API does"
    return f"it answers {reply.status}" if fails(reply.status) else ""


def fails(status: int) -> bool:
    """Whether an upstream that answers any question so does not work. 501 only says that it does not know it."""
    return status >= 500 and status != 501


def is_page(reply: Reply) -> bool:
    """Whether a web site answered in the place of an API."""
    return reply.status == 200 and reply.body.lstrip()[:1] == b"<"


def meaning(status: int) -> Meaning:
    """What an answer with that status, which is no success, means."""
    return MEANINGS.get(status) or (_REFUSED if 300 <= status < 500 else _FAILED)


def failure(status: int, headers: Mapping[str, str], what: str, *, unpaid: bool = False) -> UpstreamFailed:
    """What a call raises that was answered with `status`; `what` says for what, like `engine sdxl`.

    `unpaid`: the answer's own words say that the account cannot pay, whatever the status. They are looked at by the
    caller and never shown: they may quote the key or the prompt.
    """
    if unpaid:
        return UpstreamFailed(UPSTREAM_UNPAID, "the upstream account cannot pay", charged=False)
    row, pause = meaning(status), pauses.named(headers)
    # Who says when to come back refused the call on purpose.
    charged = row.charged and not (status == 503 and pause is not None)
    redirected = f", {_REDIRECT}: check the address of the upstream" if 300 <= status < 400 else ""
    return UpstreamFailed(
        row.kind, f"the upstream answered {status} for {what}{redirected}", charged=charged, pause=pause
    )
