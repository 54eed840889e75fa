"""What the end of an answer says: whether the account cannot pay, and how long to stay away."""

import math

import grpc
import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.generators.stability.grpc.pauses import named
from promptcdn.generators.stability.grpc.statuses import is_unpaid

UNPAID = [
    # The hosted service, as its users quote it.
    "Your organization does not have enough balance to request this action (need $0.0033341976000000003, "
    "have $0.0028124 in active grants, $0 in balance).",
    "Your organization does not have enough balance to request this action.",
    "your organization is out of credits",
    "Insufficient funds",
    "Monthly quota reached",
    "Payment required: cannot generate",
]
BUSY = [
    "",
    "Resource has been exhausted",
    "rate limit exceeded",
    "You have exceeded your rate limit; credits are not charged",
    "Quota exceeded for requests per minute",
    "too many requests for this billing plan",
    "Throttled",
    "Concurrency quota reached",
    "out of memory while generating",
]


@pytest.mark.parametrize("text", UNPAID)
def test_an_account_that_cannot_pay_is_known_by_the_words(text: str) -> None:
    assert is_unpaid(grpc.StatusCode.RESOURCE_EXHAUSTED, text)
    assert not is_unpaid(grpc.StatusCode.INTERNAL, text)


@pytest.mark.parametrize("text", BUSY)
def test_whatever_else_is_exhausted_passes_by_itself(text: str) -> None:
    assert not is_unpaid(grpc.StatusCode.RESOURCE_EXHAUSTED, text)


def details(*messages: RetryInfo | ErrorInfo) -> bytes:
    packed = []
    for message in messages:
        packed.append(Any())
        packed[-1].Pack(message)
    return bytes(Status(code=8, details=packed).SerializeToString())


IN_TWO = RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))

PAUSES: list[tuple[list[tuple[str, str | bytes]], float | None]] = [
    ([], None),
    ([("content-type", "application/grpc")], None),
    ([("grpc-retry-pushback-ms", "250")], 0.25),
    ([("grpc-retry-pushback-ms", "0")], 0.0),
    ([("grpc-retry-pushback-ms", "-1")], math.inf),
    ([("grpc-retry-pushback-ms", "soon")], math.inf),
    ([("retry-after", "12")], 12.0),
    ([("retry-after", "86400")], 3600.0),
    ([("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], None),
    ([("retry-after", "-3")], None),
    ([("grpc-status-details-bin", details(IN_TWO))], 2.5),
    ([("grpc-status-details-bin", details(ErrorInfo(reason="BUSY"), IN_TWO))], 2.5),
    ([("grpc-status-details-bin", details(ErrorInfo(reason="BUSY")))], None),
    ([("grpc-status-details-bin", details(RetryInfo(retry_delay=Duration(seconds=-5))))], 0.0),
    ([("grpc-status-details-bin", b"\xff\xff")], None),
    ([("retry-after", "1"), ("grpc-retry-pushback-ms", "4000"), ("grpc-status-details-bin", details(IN_TWO))], 4.0),
]


@pytest.mark.parametrize(("metadata", "pause"), PAUSES)
def test_the_pause_is_the_longest_that_the_upstream_names(
    metadata: list[tuple[str, str | bytes]], pause: float | None
) -> None:
    assert named(metadata) == pause


def test_an_answer_without_an_end_names_none() -> None:
    assert named(None) is None


@given(st.sampled_from(["grpc-retry-pushback-ms", "retry-after", "grpc-status-details-bin"]), st.text() | st.binary())
def test_whatever_it_says_a_pause_is_none_or_a_length_of_time(name: str, value: str | bytes) -> None:
    pause = named([(name, value)])

    assert pause is None or pause == math.inf or 0 <= pause <= 3600
