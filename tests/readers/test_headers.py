"""Headers by outcome, as the table of the design has them."""

from email.utils import formatdate

import pytest

from promptcdn import problems
from promptcdn.readers import headers as caching
from promptcdn.readers.headers import CacheStatus, Outcome, Rendition, Where

KEY = "0123456789abcdef" * 4
RENDITION = Rendition(KEY, b"picture", "image/webp", 1_700_000_000)

TABLE = [
    (Outcome.SEEDED, "public, max-age=31536000, immutable", True),
    (Outcome.UNSTORED, "public, max-age=60, stale-while-revalidate=0", False),
    (Outcome.CALENDAR, "public, max-age=3600, stale-while-revalidate=600, stale-if-error=86400", True),
    (Outcome.STAND_IN, "public, max-age=5, stale-while-revalidate=0", False),
    (Outcome.SEEDLESS, "no-store", False),
    (Outcome.AWAITED, "public, max-age=2, stale-while-revalidate=0", False),
    (Outcome.UNMADE, "public, max-age=60, stale-while-revalidate=0", False),
    (Outcome.PLACEHOLDER, "public, max-age=2, must-revalidate, stale-while-revalidate=0", False),
]


@pytest.mark.parametrize(("outcome", "cache_control", "tagged"), TABLE, ids=[row[0].name for row in TABLE])
def test_an_outcome_decides_how_long_a_picture_is_kept(outcome: Outcome, cache_control: str, tagged: bool) -> None:
    headers = caching.picture_headers(RENDITION, outcome, CacheStatus("memory"), Where("/?a", "/i/x"), 3600)

    assert headers["cache-control"] == cache_control
    assert ("etag" in headers) == tagged
    assert ("last-modified" in headers) == tagged
    assert ("content-location" in headers) == (outcome not in (Outcome.SEEDED, Outcome.UNMADE, Outcome.PLACEHOLDER))


def test_every_outcome_has_its_row() -> None:
    assert {row[0] for row in TABLE} == set(Outcome)


def test_a_picture_says_what_it_is() -> None:
    headers = caching.picture_headers(RENDITION, Outcome.SEEDED, CacheStatus("store"), Where(None, f"/i/{KEY}"))

    assert headers == {
        "content-type": "image/webp",
        "content-length": "7",
        "cache-control": "public, max-age=31536000, immutable",
        "content-security-policy": "default-src 'none'; sandbox",
        "cache-status": "promptcdn; hit; detail=store",
        "repr-digest": "sha-256=:LOonTQvtw57Eq2up5Z7IiePtb7VqHPCIpk2bODN43Jc=:",
        "link": f'</i/{KEY}>; rel="canonical"',
        "etag": '"0123456789abcdef.2cea274d0bedc39e"',
        "last-modified": formatdate(1_700_000_000, usegmt=True),
    }


def test_a_period_that_is_over_still_gives_a_second() -> None:
    assert caching.cache_control(Outcome.CALENDAR, -3).startswith("public, max-age=1,")


def test_an_error_has_its_own_headers_beside_those_of_all() -> None:
    own = {"ratelimit": '"client";r=0;t=12', "cache-control": "public"}
    problem = problems.Problem(problems.RATE_LIMITED, "too many", retry_after=12, headers=own)

    assert caching.problem_headers(problem) == {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        "retry-after": "12",
        "ratelimit": '"client";r=0;t=12',
    }


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (CacheStatus("memory"), "promptcdn; hit; detail=memory"),
        (CacheStatus("store"), "promptcdn; hit; detail=store"),
        (CacheStatus(), "promptcdn; fwd=uri-miss; stored"),
        (CacheStatus(collapsed=True), "promptcdn; fwd=uri-miss; stored; collapsed"),
        (CacheStatus(stored=False), "promptcdn; fwd=uri-miss; stored=?0"),
        (CacheStatus("memory", stored=False), "promptcdn; fwd=uri-miss; stored=?0"),
    ],
)
def test_cache_status_says_what_our_cache_did(status: CacheStatus, text: str) -> None:
    assert str(status) == text


def test_a_content_location_too_long_for_a_head_is_the_permalink() -> None:
    headers = caching.picture_headers(
        RENDITION, Outcome.SEEDLESS, CacheStatus("memory"), Where("/?prompt=" + "a" * 2000, "/i/x")
    )

    assert headers["content-location"] == "/i/x"


@pytest.mark.parametrize("value", ["a\r\nset-cookie: x", "é", "\x00"])
def test_no_value_can_break_a_head_apart(value: str) -> None:
    with pytest.raises(ValueError, match="link"):
        caching.checked({"link": value})


@pytest.mark.parametrize("kind", problems.KINDS, ids=lambda kind: kind.code)
def test_an_error_is_kept_by_its_row_and_varies_where_it_is_kept(kind: problems.ProblemType) -> None:
    headers = caching.problem_headers(problems.Problem(kind, "because"))

    assert headers["content-type"] == "application/problem+json"
    assert headers["cache-control"] == kind.cache_control
    assert ("vary" in headers) == (kind.cache_control != "no-store")
    assert ("retry-after" in headers) == (kind.retry_after is not None)


def test_only_what_is_kept_for_a_while_says_retry_after_at_least_a_second() -> None:
    assert caching.problem_headers(problems.Problem(problems.BUDGET_SPENT, "", retry_after=0))["retry-after"] == "1"


@pytest.mark.parametrize("kind", problems.KINDS, ids=lambda kind: kind.code)
def test_an_error_that_is_nobody_elses_is_kept_by_nobody(kind: problems.ProblemType) -> None:
    problem = problems.Problem(kind, "because")

    for headers in (
        caching.problem_headers(problem, shared=False),
        caching.shown_headers(problem, "image/png", shared=False),
    ):
        assert headers["cache-control"] == "no-store"
        assert "vary" not in headers
        assert ("retry-after" in headers) == (kind.retry_after is not None)


@pytest.mark.parametrize("outcome", Outcome)
def test_a_picture_in_a_format_that_is_nobody_elses_is_kept_by_nobody(outcome: Outcome) -> None:
    where, status = Where("/?a", "/i/x"), CacheStatus("memory")
    headers = caching.picture_headers(RENDITION, outcome, status, where, negotiated=True, shared=False)

    assert (headers["cache-control"], headers["vary"]) == ("no-store", "Accept")
    assert caching.unmade_headers("image/webp", negotiated=True, shared=False)["cache-control"] == "no-store"
