"""Every gRPC status, and what it means for us: the problem, and whether the call may have been charged.

Stability never documented them (Stability-AI/stability-sdk issue 277); the rows are what its servers were seen to
send, and "charged" wherever it is not sure that nothing was.
"""

from dataclasses import dataclass

from grpc import StatusCode

from proxy.problems import (
    UPSTREAM_BUSY,
    UPSTREAM_GARBLED,
    UPSTREAM_REFUSED,
    UPSTREAM_TIMEOUT,
    UPSTREAM_UNREACHABLE,
    Kind,
    UpstreamFailed,
)


@dataclass(frozen=True)
class Meaning:
    """One row of the table."""

    kind: Kind
    charged: bool


MEANINGS: dict[StatusCode, Meaning] = {
    StatusCode.DEADLINE_EXCEEDED: Meaning(UPSTREAM_TIMEOUT, charged=True),
    StatusCode.UNAVAILABLE: Meaning(UPSTREAM_UNREACHABLE, charged=True),  # the connection stood: it may have begun
    StatusCode.RESOURCE_EXHAUSTED: Meaning(UPSTREAM_BUSY, charged=False),
    StatusCode.INVALID_ARGUMENT: Meaning(UPSTREAM_REFUSED, charged=False),
    StatusCode.UNAUTHENTICATED: Meaning(UPSTREAM_REFUSED, charged=False),
    StatusCode.PERMISSION_DENIED: Meaning(UPSTREAM_REFUSED, charged=False),
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


def is_filter(code: StatusCode, text: str) -> bool:
    """Whether the upstream refused the prompt itself ("Invalid prompts detected")."""
    return code is StatusCode.INVALID_ARGUMENT and "invalid prompt" in text.lower()


def failure(code: StatusCode, text: str, engine: str, *, artifacts: bool) -> UpstreamFailed:
    """What a call that ended with `code` raises; after `artifacts` had come it is charged in any case.

    `text` is the upstream's and only looked at: it may quote the key.
    """
    meaning = MEANINGS[code]
    if code is StatusCode.RESOURCE_EXHAUSTED and "larger than max" in text:
        # Our own limit on a message, not theirs on calls (api.py makes the same split): a picture came.
        return UpstreamFailed(UPSTREAM_GARBLED, f"the picture of engine {engine} is too large", charged=True)
    detail = f"the upstream answered {code.name} for engine {engine}"
    return UpstreamFailed(meaning.kind, detail, charged=meaning.charged or artifacts)
