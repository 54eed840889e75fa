"""Headers by outcome, as the table of the design has them."""

import ast
from email.utils import formatdate
from pathlib import Path

import pytest

import promptcdn
from promptcdn import problems
from promptcdn.readers import filenames
from promptcdn.readers.cache_policies import Outcome, cache_control
from promptcdn.readers.rendition import CacheStatus, Rendition
from promptcdn.readers.response_headers import (
    ALWAYS,
    LOCATION_MAX,
    Addresses,
    checked,
    completed,
    image_proxy_headers,
    options_headers,
    picture_headers,
    problem_headers,
    unmade_headers,
)

KEY = "0123456789abcdef" * 4
NOW = 1_800_000_000
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
    headers = picture_headers(
        RENDITION, outcome, CacheStatus("memory"), Addresses("/?a", "/i/x"), NOW, seconds_left=3600
    )

    assert headers["cache-control"] == cache_control
    assert ("etag" in headers) == tagged
    assert ("last-modified" in headers) == tagged
    assert ("content-location" in headers) == (outcome not in (Outcome.SEEDED, Outcome.UNMADE, Outcome.PLACEHOLDER))


def test_every_outcome_has_its_row() -> None:
    assert {row[0] for row in TABLE} == set(Outcome)


def test_a_picture_says_what_it_is() -> None:
    headers = picture_headers(RENDITION, Outcome.SEEDED, CacheStatus("store"), Addresses(None, f"/i/{KEY}"), NOW)

    assert headers == {
        "date": formatdate(NOW, usegmt=True),
        "content-type": "image/webp",
        "content-length": "7",
        "cache-control": "public, max-age=31536000, immutable",
        "content-security-policy": "default-src 'none'; sandbox",
        "content-disposition": 'inline; filename="0123456789abcdef.webp"',
        "cache-status": "promptcdn; hit; detail=store",
        "repr-digest": "sha-256=:LOonTQvtw57Eq2up5Z7IiePtb7VqHPCIpk2bODN43Jc=:",
        "link": f'</i/{KEY}>; rel="canonical"',
        "etag": '"0123456789abcdef.2cea274d0bedc39e"',
        "last-modified": formatdate(1_700_000_000, usegmt=True),
    }


def test_a_period_that_is_over_still_gives_a_second() -> None:
    assert cache_control(Outcome.CALENDAR, -3).startswith("public, max-age=1,")


OWN = [
    (
        problems.RateLimited("too many", policy="client", quota=60, window=3600, retry_after=12),
        {"retry-after": "12", "ratelimit": '"client";r=0;t=12', "ratelimit-policy": '"client";q=60;w=3600'},
    ),
    (problems.MethodNotAllowed(["GET", "OPTIONS"]), {"allow": "GET, OPTIONS"}),
    (problems.unauthorized(), {"www-authenticate": "Bearer"}),
]


@pytest.mark.parametrize(("problem", "own"), OWN, ids=[row[0].kind.code for row in OWN])
def test_some_errors_have_headers_of_their_own(problem: problems.Problem, own: dict[str, str]) -> None:
    document = {"content-type": "application/problem+json", "cache-control": "no-store"}

    assert problem_headers(problem) == {**document, **own}
    assert problem_headers(problem.again()) == {**document, **own}


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
    ids=str,
)
def test_cache_status_says_what_our_cache_did(status: CacheStatus, text: str) -> None:
    assert str(status) == text


def test_a_content_location_too_long_for_a_head_is_the_permalink() -> None:
    headers = picture_headers(
        RENDITION, Outcome.SEEDLESS, CacheStatus("memory"), Addresses("/?prompt=" + "a" * 2000, "/i/x"), NOW
    )

    assert headers["content-location"] == "/i/x"


def test_the_largest_head_of_a_picture_stays_under_nginx_buffer() -> None:
    """Of 4 kB, beyond which nginx answers 502."""
    longest = Addresses("/?prompt=" + "a" * (LOCATION_MAX - 9), f"/i/{KEY}.webp?w=2048&h=2048&fit=cover&dpr=3&q=95")
    stem = filenames.stem("灯" * 4000, 2**32 - 1)
    own = picture_headers(
        RENDITION,
        Outcome.CALENDAR,
        CacheStatus(collapsed=True),
        longest,
        NOW,
        stem=stem,
        seconds_left=2678400,
        negotiated=True,
    )
    head = completed([(name.encode(), value.encode()) for name, value in own.items()], 200, "0" * 16, 99999.9, NOW)

    assert sum(len(name) + len(value) + 4 for name, value in head) < 3900


@pytest.mark.parametrize("value", ["a\r\nset-cookie: x", "é", "\x00"])
def test_no_value_can_break_a_head_apart(value: str) -> None:
    with pytest.raises(ValueError, match="link"):
        checked({"link": value})


@pytest.mark.parametrize("kind", problems.KINDS, ids=lambda kind: kind.code)
def test_an_error_is_kept_by_its_row_and_varies_where_it_is_kept(kind: problems.ProblemType) -> None:
    headers = problem_headers(problems.Problem(kind, "because"))

    assert headers["content-type"] == "application/problem+json"
    assert headers["cache-control"] == kind.cache_control
    assert ("vary" in headers) == (kind.cache_control != "no-store")
    assert ("retry-after" in headers) == (kind.retry_after is not None)


def test_retry_after_is_one_second_at_least() -> None:
    assert problem_headers(problems.Problem(problems.BUDGET_SPENT, "", retry_after=0))["retry-after"] == "1"


@pytest.mark.parametrize("kind", problems.KINDS, ids=lambda kind: kind.code)
def test_an_error_that_is_nobody_elses_is_kept_by_nobody(kind: problems.ProblemType) -> None:
    problem = problems.Problem(kind, "because")

    for headers in (
        problem_headers(problem, shared=False),
        image_proxy_headers(problem, "image/png", shared=False),
    ):
        assert headers["cache-control"] == "no-store"
        assert "vary" not in headers
        assert ("retry-after" in headers) == (kind.retry_after is not None)


@pytest.mark.parametrize("outcome", Outcome)
def test_a_picture_that_is_not_shared_is_kept_by_no_cache(outcome: Outcome) -> None:
    where, status = Addresses("/?a", "/i/x"), CacheStatus("memory")
    headers = picture_headers(RENDITION, outcome, status, where, NOW, negotiated=True, shared=False)

    assert (headers["cache-control"], headers["vary"]) == ("no-store", "Accept")
    assert unmade_headers("image/webp", negotiated=True, shared=False)["cache-control"] == "no-store"


def test_preflights_and_options_name_the_methods() -> None:
    assert options_headers(["GET", "HEAD"]) == {
        "cache-control": "no-store",
        "allow": "GET, HEAD",
        "access-control-allow-methods": "GET, HEAD",
        "access-control-allow-headers": "*, authorization",
        "access-control-max-age": "86400",
    }


def test_every_answer_gets_what_all_share_and_keeps_its_own_date() -> None:
    own = [(b"date", b"then"), (b"etag", b'"a"'), (b"content-type", b"image/webp")]

    whole = dict(completed(own, 200, "id", 1.26, 0))
    unchanged = dict(completed(own, 304, "id", 1.26, 0))

    assert whole == {
        **dict(own),
        **{name.encode(): value.encode() for name, value in ALWAYS.items()},
        b"x-request-id": b"id",
        b"server-timing": b'total;dur=1.3;desc="until the answer began"',
    }
    assert unchanged == {b"date": b"then", b"etag": b'"a"'}
    assert dict(completed([], 304, "id", 1, 0)) == {b"date": b"Thu, 01 Jan 1970 00:00:00 GMT"}


PACKAGE = Path(promptcdn.__file__).parent
NAMES = {
    *("cache-control", "etag", "last-modified", "vary", "date", "age", "content-location", "content-length", "link"),
    *(
        "content-type",
        "content-disposition",
        "connection",
        "retry-after",
        "allow",
        "www-authenticate",
        "ratelimit",
        "ratelimit-policy",
    ),
    *ALWAYS,
}


def named_in(path: Path) -> set[object]:
    """What a file has as keys of dictionaries, and what it assigns by such a key."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    keys = [key for node in nodes if isinstance(node, ast.Dict) for key in node.keys]
    keys += [node.slice for node in nodes if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)]
    return {key.value for key in keys if isinstance(key, ast.Constant)}


def test_no_other_file_builds_headers() -> None:
    """Commands answer nobody: their headers are those of requests."""
    paths = [path for path in PACKAGE.rglob("*.py") if PACKAGE / "cli" not in path.parents]
    found = {path.relative_to(PACKAGE).as_posix(): named_in(path) & NAMES for path in paths}

    assert [path for path, names in found.items() if names] == ["readers/response_headers.py"]
