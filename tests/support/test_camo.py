"""The stand-ins for camo programs do what the programs do: against an origin of the test's own."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx2
import pytest

from tests.support.camo import YEAR, Asked, AtmosCamo, Cdn, GoCamo, Loopback, Reply, camo_target

PNG = {"content-type": "image/png"}


class Origin(Loopback):
    """Answers each path as it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.asked: list[Asked] = []
        self.replies: dict[str, Reply] = {}

    def _answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        return self.replies[asked.target]


class Camos:
    """An origin, and both programs before it."""

    def __init__(self, opened: ExitStack) -> None:
        self.origin = opened.enter_context(Origin())
        self.go = opened.enter_context(GoCamo())
        self.atmos = opened.enter_context(AtmosCamo())

    def serves(self, reply: Reply, path: str = "/picture") -> None:
        self.origin.replies[path] = reply

    def through(self, camo: Loopback, path: str = "/picture", method: str = "GET", **headers: str) -> httpx2.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx2.request(method, camo.url + camo_target(self.origin.url + path), headers=sent, timeout=30)


@pytest.fixture(scope="module")
def camos() -> Iterator[Camos]:
    with ExitStack() as opened:
        yield Camos(opened)


@pytest.mark.parametrize(
    ("status", "by_go", "by_atmos"),
    [
        *((200, 200, 200), (206, 206, 206), (400, 404, 400), (403, 404, 403), (404, 404, 404), (410, 404, 410)),
        *((429, 404, 429), (500, 502, 500), (502, 502, 502), (503, 502, 503), (504, 502, 504)),
    ],
)
def test_statuses(camos: Camos, status: int, by_go: int, by_atmos: int) -> None:
    camos.serves(Reply(status, PNG, b"x" * 20))

    assert camos.through(camos.go).status_code == by_go
    assert camos.through(camos.atmos).status_code == by_atmos


@pytest.mark.parametrize(
    ("media_type", "by_go", "by_atmos"),
    [
        *(("image/png", 200, 200), ("image/webp", 200, 200), ("image/avif", 200, 404), ("text/html", 400, 404)),
        *((None, 400, 404), ("image/svg+xml; charset=utf-8", 200, 200), ("application/problem+json", 400, 404)),
    ],
)
def test_content_types(camos: Camos, media_type: str | None, by_go: int, by_atmos: int) -> None:
    camos.serves(Reply(200, {"content-type": media_type} if media_type else {}, b"x"))

    assert camos.through(camos.go).status_code == by_go
    assert camos.through(camos.go, method="HEAD").status_code == by_go
    assert camos.through(camos.atmos).status_code == by_atmos


def test_what_they_send(camos: Camos) -> None:
    camos.serves(Reply(200, PNG, b"x"))
    camos.origin.asked.clear()
    reader = {"accept": "image/avif,*/*", "if_none_match": '"a"', "cookie": "a=b", "cache_control": "no-cache"}

    camos.through(camos.go, **reader)
    camos.through(camos.atmos, **reader)

    by_go, by_atmos = (asked.headers for asked in camos.origin.asked)
    assert (by_go["user-agent"], by_go["via"], by_go["accept"]) == ("go-camo", "go-camo", "image/*, image/svg+xml")
    assert (by_go["if-none-match"], by_go["cache-control"]) == ('"a"', "no-cache")
    assert not {"cookie", "accept-encoding"} & by_go.keys()
    assert by_atmos["user-agent"] == by_atmos["via"]
    assert by_atmos["via"].startswith("Camo Asset Proxy")
    assert (by_atmos["accept"], by_atmos["x-frame-options"]) == ("image/avif,*/*", "deny")
    assert not {"cookie", "if-none-match", "cache-control"} & by_atmos.keys()


def test_what_they_pass_on(camos: Camos) -> None:
    dropped = {
        "vary": "Accept",
        "age": "1",
        "link": "</a>",
        "content-location": "/b",
        "retry-after": "2",
        "x-request-id": "c",
        "promptcdn-status": "503",
        "access-control-allow-origin": "*",
        "cache-status": "d",
    }
    passed = {"cache-control": "max-age=5", "etag": '"e"', "last-modified": "Sun, 06 Nov 1994 08:49:37 GMT"}
    camos.serves(Reply(200, {**PNG, **dropped, **passed}, b"x"))

    for camo in (camos.go, camos.atmos):
        headers = camos.through(camo).headers
        assert {name: headers[name] for name in passed} == passed
        assert not dropped.keys() & set(headers)


def test_one_of_them_makes_a_year_of_silence_about_time(camos: Camos) -> None:
    camos.serves(Reply(200, PNG, b"x"))

    assert "cache-control" not in camos.through(camos.go).headers
    assert camos.through(camos.atmos).headers["cache-control"] == YEAR


def test_not_modified_passes(camos: Camos) -> None:
    camos.serves(Reply(304, {"etag": '"a"'}, length=False))

    assert camos.through(camos.go, if_none_match='"a"').status_code == 304


def test_redirects_are_filed_under_the_first_url(camos: Camos) -> None:
    camos.serves(Reply(200, {**PNG, "cache-control": YEAR}, b"last"), "/4")
    for hop in range(4):
        camos.serves(Reply(302, {"location": f"/{hop + 1}"}), f"/{hop}")
    camos.serves(Reply(308, {"location": "/4"}), "/moved")

    assert camos.through(camos.atmos, "/0").content == b"last"
    assert camos.through(camos.go, "/1").headers["cache-control"] == YEAR
    assert camos.through(camos.go, "/0").status_code == 404
    assert camos.through(camos.go, "/moved").content == b"last"
    assert camos.through(camos.atmos, "/moved").status_code == 404


def test_sizes(camos: Camos) -> None:
    large = bytes(AtmosCamo.MAX_SIZE + 1)
    with GoCamo(max_size=1000) as strict:
        camos.serves(Reply(200, PNG, large))
        assert camos.through(camos.go).status_code == 200
        assert camos.through(strict).status_code == 404
        assert camos.through(camos.atmos).status_code == 404
        camos.serves(Reply(200, PNG, large, length=False))
        assert len(camos.through(strict).content) == 1000
        assert len(camos.through(camos.atmos).content) == len(large)


def test_one_of_them_counts_the_body_into_its_four_seconds(camos: Camos) -> None:
    camos.serves(Reply(200, PNG, b"0123456789", pause=0.6))
    began = time.monotonic()

    assert camos.through(camos.go).status_code == 504
    assert time.monotonic() - began < 5.5
    assert camos.through(camos.atmos).content == b"0123456789"


def test_only_one_of_them_asks_by_other_methods(camos: Camos) -> None:
    camos.serves(Reply(200, PNG, b"x"))
    camos.origin.asked.clear()

    assert camos.through(camos.go, method="HEAD").status_code == 200
    assert camos.through(camos.atmos, method="HEAD").status_code == 200
    assert [asked.method for asked in camos.origin.asked] == ["HEAD"]


def test_neither_asks_itself(camos: Camos) -> None:
    assert camos.through(camos.go, via="go-camo").status_code == 404
    assert camos.through(camos.atmos, via="1.1 x, Camo Asset Proxy 2.3.0").status_code == 404


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("cache_control", "fresh", "stale"),
    [
        ("public, max-age=2, stale-while-revalidate=0", 2, 0),
        ("public, max-age=2, must-revalidate, stale-while-revalidate=0", 2, 0),
        ("public, max-age=2", 2, 10),
        ("public, max-age=5, stale-while-revalidate=600", 5, 600),
        ("public, max-age=31536000, immutable", 31536000, 10),
    ],
)
def test_a_cdn_keeps_what_it_may_whoever_asks(camos: Camos, cache_control: str, fresh: int, stale: int) -> None:
    clock = Clock()
    camos.serves(Reply(200, {**PNG, "cache-control": cache_control, "vary": "Accept"}, b"x"))
    with Cdn(camos.go.url, clock) as cdn:

        def view(**headers: str) -> str:
            return camos.through(cdn, **headers).headers["x-cache"]

        assert view() == "MISS"
        camos.origin.asked.clear()
        clock.now = fresh - 0.5
        assert view(accept="text/html") == "HIT"
        assert len(camos.origin.asked) == 0
        clock.now = fresh + 0.5
        assert view() == ("HIT" if stale else "MISS")
        assert len(camos.origin.asked) == 1
        clock.now += fresh + stale
        assert view() == "MISS"


@pytest.mark.parametrize("cache_control", ["no-store", "private, max-age=5", "no-cache, max-age=5", "max-age=0"])
def test_a_cdn_keeps_nothing_that_it_may_not(camos: Camos, cache_control: str) -> None:
    camos.serves(Reply(200, {**PNG, "cache-control": cache_control}, b"x"))
    with Cdn(camos.go.url) as cdn:
        assert [camos.through(cdn).headers["x-cache"] for _ in range(2)] == ["MISS", "MISS"]
