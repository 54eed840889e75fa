"""Every gRPC status, and what it means for us: the problem, and whether the call may have been charged.

Stability never documented them (Stability-AI/stability-sdk issue 277); the rows are what its servers were seen to
send, and "charged" wherever it is not sure that nothing was.
"""

import re
from dataclasses import dataclass

from grpc import StatusCode

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


@dataclass(frozen=True)
class Meaning:
    """One row of the table."""

    kind: ProblemType
    charged: bool


MEANINGS: dict[StatusCode, Meaning] = {
    StatusCode.DEADLINE_EXCEEDED: Meaning(UPSTREAM_TIMEOUT, charged=True),
    StatusCode.UNAVAILABLE: Meaning(UPSTREAM_UNREACHABLE, charged=True),  # the connection stood: it may have begun
    StatusCode.RESOURCE_EXHAUSTED: Meaning(UPSTREAM_BUSY, charged=False),
    StatusCode.INVALID_ARGUMENT: Meaning(UPSTREAM_REFUSED, charged=False),
    StatusCode.UNAUTHENTICATED: Meaning(UPSTREAM_UNAUTHORIZED, charged=False),
    StatusCode.PERMISSION_DENIED: Meaning(UPSTREAM_UNAUTHORIZED, charged=False),
    StatusCode.NOT_FOUND: Meaning(UPSTREAM_REFUSED, charged=False),
    StatusCode.UNIMPLEMENTED: Meaning(UPSTREAM_REFUSED, charged=False),
    StatusCode.FAILED_PRECONDITION: Meaning(UPSTREAM_REFUSED, charged=False),
    StatusCode.OUT_OF_RANGE: Meaning(UPSTREAM_REFUSED, charged=False),
    StatusCode.INTERNAL: Meaning(UPSTREAM_GARBLED, charged=True),
    StatusCode.UNKNOWN: Meaning(UPSTREAM_GARBLED, charged=True),
    StatusCode.ABORTED: Meaning(UPSTREAM_GARBLED, charged=True),
    StatusCode.DATA_LOSS: Meaning(UPSTREAM_GARBLED, charged=True),
    StatusCode.CANCELLED: Meaning(UPSTREAM_GARBLED, charged=True),
    StatusCode.ALREADY_EXISTS: Meaning(UPSTREAM_GARBLED, charged=True),
    StatusCode.OK: Meaning(UPSTREAM_GARBLED, charged=True),  # a stream that ended well, without a picture
}


# RESOURCE_EXHAUSTED means a rate, which passes in seconds, or an account, which passes when the operator pays. The text
# tells which. Users quote the hosted service's: "Your organization does not have enough balance to request this action
# (need $0.0033, have …)".
_RATE = re.compile(r"\brates?\b|too many|\bper (second|minute)|throttl|concurren", re.IGNORECASE)
_ACCOUNT = re.compile(r"credit|balance|quota|billing|payment|funds", re.IGNORECASE)


def is_filter(code: StatusCode, text: str) -> bool:
    """Whether the upstream refused the prompt itself ("Invalid prompts detected")."""
    return code is StatusCode.INVALID_ARGUMENT and "invalid prompt" in text.lower()


def is_unpaid(code: StatusCode, text: str) -> bool:
    """Whether the account cannot pay. A quota of calls per minute is a rate, and so is what says nothing."""
    return code is StatusCode.RESOURCE_EXHAUSTED and bool(_ACCOUNT.search(text)) and not _RATE.search(text)


def failure(code: StatusCode, text: str, engine: str, *, artifacts: bool, pause: float | None = None) -> UpstreamFailed:
    """What a call that ended with `code` raises; after `artifacts` had come it is charged in any case.

    `text` is the upstream's and only looked at: it may quote the key, or what the account holds. `pause` is the
    upstream's too.
    """
    meaning = MEANINGS[code]
    charged = meaning.charged or artifacts
    if code is StatusCode.RESOURCE_EXHAUSTED and "larger than max" in text:
        # Our own limit on a message, not theirs on calls (api.py makes the same split): a picture came.
        return UpstreamFailed(UPSTREAM_GARBLED, f"the picture of engine {engine} is too large", charged=True)
    if is_unpaid(code, text):
        return UpstreamFailed(UPSTREAM_UNPAID, "the upstream account cannot pay", charged=charged)
    detail = f"the upstream answered {code.name} for engine {engine}"
    return UpstreamFailed(meaning.kind, detail, charged=charged, pause=pause)
