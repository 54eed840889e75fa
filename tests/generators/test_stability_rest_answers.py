"""What an answer over REST comes to, whatever it is."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn import problems
from promptcdn.generators import Made
from promptcdn.generators.http.reply import Reply
from promptcdn.generators.stability.rest import account, answers, statuses
from promptcdn.problems import ProblemType, UpstreamFailed

PICTURE = Made(b"bytes", seed_sent=8)
FILTERED = Made(b"", seed_sent=8, filtered=True)


def error(name: object) -> bytes:
    return json.dumps({"id": "0", "name": name, "errors": ["canary"]}).encode()


def read(status: int, body: bytes = b"bytes", headers: Mapping[str, str] | None = None) -> Made:
    return answers.read(Reply(status, headers or {}, body), seed=8, engine="core")


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        ({}, PICTURE),
        ({"finish-reason": "SUCCESS", "seed": "8"}, Made(b"bytes", 8, 8)),
        ({"finish-reason": "success", "seed": " 9 "}, Made(b"bytes", 8, 9)),
        ({"seed": "0"}, PICTURE),
        ({"seed": "none"}, PICTURE),
        ({"seed": "-1"}, PICTURE),
        ({"seed": "99999999999"}, PICTURE),
        ({"finish-reason": "CONTENT_FILTERED", "seed": "8"}, FILTERED),
        ({"finish-reason": "content_filtered"}, FILTERED),
    ],
)
def test_a_success_is_read_by_its_headers(headers: dict[str, str], outcome: Made) -> None:
    assert read(200, headers=headers) == outcome


@pytest.mark.parametrize(
    ("status", "name"), [(403, "content_moderation"), (422, "public_figure"), (400, "invalid_prompts")]
)
def test_a_refusal_of_what_is_asked_is_a_verdict(status: int, name: str) -> None:
    assert read(status, error(name)) == FILTERED


@pytest.mark.parametrize(
    ("status", "body", "kind", "charged"),
    [
        (500, error("content_moderation"), problems.UPSTREAM_GARBLED, True),
        (403, error("permission_denied"), problems.UPSTREAM_UNAUTHORIZED, False),
        (403, error(["content_moderation"]), problems.UPSTREAM_UNAUTHORIZED, False),
        (403, b"[]", problems.UPSTREAM_UNAUTHORIZED, False),
        (403, b"[" * 60_000, problems.UPSTREAM_UNAUTHORIZED, False),
        (403, error("content_moderation") + b" " * 70_000, problems.UPSTREAM_UNAUTHORIZED, False),
        (402, b"", problems.UPSTREAM_UNPAID, False),
        (400, error("payment_required"), problems.UPSTREAM_UNPAID, False),
        (500, error("payment_required"), problems.UPSTREAM_GARBLED, True),
        (422, error("invalid_language"), problems.UPSTREAM_REFUSED, False),
        (202, b"{}", problems.UPSTREAM_GARBLED, True),
        (204, b"", problems.UPSTREAM_GARBLED, True),
        (301, b"", problems.UPSTREAM_REFUSED, False),
    ],
)
def test_what_is_neither_is_a_failure(status: int, body: bytes, kind: ProblemType, charged: bool) -> None:
    with pytest.raises(UpstreamFailed) as caught:
        read(status, body)

    assert (caught.value.kind, caught.value.charged) == (kind, charged)
    assert "canary" not in caught.value.detail


@given(st.integers(200, 599), st.just(b"bytes") | st.binary(max_size=300) | st.text().map(error))
def test_every_answer_is_a_picture_a_verdict_or_a_failure(status: int, body: bytes) -> None:
    if isinstance(found := outcome(status, body), Made):
        assert found.filtered != (status == 200)
    else:
        assert found.charged or status >= 300


def outcome(status: int, body: bytes) -> Made | UpstreamFailed:
    try:
        return read(status, body)
    except UpstreamFailed as failure:
        return failure


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"credits": 0.6}', "0.6 credits"),
        (b'{"credits": 1250.5}', "1250.5 credits"),
        (b'{"credits": 0}', "0 credits"),
        (b'{"credits": true}', "the upstream has no answer"),
        (b'{"credits": "12"}', "the upstream has no answer"),
        (b"{}", "the upstream has no answer"),
        (b"<html>", "the upstream has no answer"),
    ],
)
def test_the_balance_is_a_number_or_unknown(body: bytes, detail: str) -> None:
    *_, balance = account.checks(Reply(200, {}, body), ())

    assert (balance.detail, balance.good) == (detail, detail != "0 credits")


def test_a_pause_that_the_service_names_goes_first() -> None:
    """Of a 429 without one it is known that the caller is shut out for a minute."""
    silent, named = Reply(429, {}, b""), Reply(429, {"retry-after": "3"}, b"")

    assert [statuses.failure(reply, "core").pause for reply in (silent, named)] == [60, 3]
