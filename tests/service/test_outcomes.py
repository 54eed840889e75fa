"""The design's table of outcomes, row by row: the status, every header that is there, and none that is not."""

import io
import json
import re
import resource
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from PIL import Image

from tests.support.http_linter import complaints
from tests.support.service import Promptcdn
from tests.upstream import Upstream

CHROME = {
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/143.0.0.0 Safari/537.36",
    "accept": "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    "sec-fetch-dest": "image",
    "sec-fetch-mode": "no-cors",
}
CAMO = {"user-agent": "github-camo (1a2b3c4d)", "via": "1.1 github-camo (1a2b3c4d)", "accept": "image/*"}
PROGRAM = {"user-agent": "curl/7.88.1", "accept": "*/*"}
CRAWLER = {"user-agent": "Googlebot/2.1", "accept": "*/*"}
PREFETCH = {**CHROME, "sec-purpose": "prefetch"}

YEAR = "public, max-age=31536000, immutable"
TOO_SLOW = "public, max-age=2, must-revalidate, stale-while-revalidate=0"
NO_STORE = "no-store"


def kept(seconds: int) -> str:
    return f"public, max-age={seconds}, stale-while-revalidate=0"


DATE = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")
SECONDS = re.compile("[1-9][0-9]*")
SEEDED_URL = re.compile(r"/\?prompt=[^ ]+&seed=[0-9]+(&w=64)?")
SANDBOX = {"content-security-policy": "default-src 'none'; sandbox"}
MISS = "promptcdn; fwd=uri-miss"

EVERY: Mapping[str, Any] = {
    "date": DATE,
    "content-length": re.compile("[0-9]+"),
    "x-content-type-options": "nosniff",
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "*",
    "cross-origin-resource-policy": "cross-origin",
    "timing-allow-origin": "*",
    "x-request-id": re.compile("[0-9a-f]{16}"),
    "server-timing": re.compile(r'total;dur=[0-9.]+;desc="until the answer began"'),
}
PICTURE: Mapping[str, Any] = {
    **EVERY,
    **SANDBOX,
    "content-type": "image/webp",
    "content-disposition": re.compile(r'inline; filename="(row-[0-9]+(-x+)?-[0-9]+|[0-9a-f]{16})\.[a-z]{3,4}"'),
    "repr-digest": re.compile(r"sha-256=:[A-Za-z0-9+/]{43}=:"),
    "link": re.compile(r'</i/[0-9a-f]{64}(\.[a-z]+)?(\?[a-z0-9=&]+)?>; rel="canonical"'),
}
TAGGED: Mapping[str, Any] = {
    **PICTURE,
    "etag": re.compile(r'"[0-9a-f]{16}\.[0-9a-f]{16}"'),
    "last-modified": DATE,
}


class Stage:
    """A service with an upstream that draws, and ways to bring it to whatever a row needs."""

    def __init__(self, upstream: Upstream, service: Promptcdn, poor: Promptcdn) -> None:
        self.upstream = upstream
        self.service = service
        self.poor = poor
        self._numbers = iter(range(10**6))

    def new(self, prompt: str = "", seed: str = "&seed=7") -> str:
        """A URL that nobody asked for yet; its prompt may name a fault that the upstream commits."""
        return f"/?prompt=row+{next(self._numbers)}+{prompt}{seed}"

    def get(self, url: str, head: Mapping[str, str] = PROGRAM) -> httpx2.Response:
        return self.service.client.get(url, headers=head)

    def head(self, url: str) -> httpx2.Response:
        return self.service.client.head(url, headers=PROGRAM)

    def made(self, seed: str = "&seed=7") -> str:
        """The URL of a picture that is stored."""
        url = self.new(seed=seed)
        assert self.get(url).status_code == 200
        return url

    def key(self, url: str) -> str:
        """The content key of a picture that is stored."""
        return self.get(url).headers["link"][4:68]

    def have(self, tag: str, url: str) -> httpx2.Response:
        return self.get(url, {**PROGRAM, "if-none-match": tag})

    def lost(self, seed: str = "&seed=7") -> tuple[str, str]:
        """The tag and the URL of a picture that is neither in the store nor in memory any more."""
        url = self.made(seed)
        tag, key = self.get(url).headers["etag"], self.key(url)
        gone = [path for folder in ("masters", "renditions") for path in self.store(folder).rglob(f"{key}*")]
        assert len(gone) == 2
        for path in gone:
            path.unlink()
        # A size that was stored at no time, and that memory does not hold.
        return tag, f"{url}&w=64"

    def store(self, folder: str) -> Path:
        return self.service.folder / "data" / "store" / folder

    def unstored(self) -> httpx2.Response:
        """The answer to a miss while no file may grow: the store refuses what it is given."""
        process, no_limit = self.service.process.pid, resource.RLIM_INFINITY
        resource.prlimit(process, resource.RLIMIT_FSIZE, (1024, no_limit))
        try:
            return self.get(self.new())
        finally:
            resource.prlimit(process, resource.RLIMIT_FSIZE, (no_limit, no_limit))

    def held(self, head: Mapping[str, str], wait: str = "") -> httpx2.Response:
        """The answer while the upstream takes its time."""
        self.upstream.hold()
        try:
            return self.get(self.new() + wait, head)
        finally:
            self.upstream.release()

    def in_cooldown(self, head: Mapping[str, str]) -> httpx2.Response:
        """The answer to the second try of what was paid for and no good."""
        url = self.new("fault:html")
        self.get(url)
        return self.get(url, head)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("outcomes")
    small: dict[str, object] = {"PROMPTCDN_SIZE": "512x512", "PROMPTCDN_ENGINE": "any", "PROMPTCDN_PROXY_WAIT": "2"}
    with Upstream() as upstream:
        paid: dict[str, object] = {**small, "STABILITY_HOST": upstream.url}
        with (
            Promptcdn(folder / "service", PROMPTCDN_BUDGET="unlimited", **paid) as service,
            Promptcdn(folder / "poor", PROMPTCDN_BUDGET="0/day", **paid) as poor,
        ):
            yield Stage(upstream, service, poor)


@dataclass(frozen=True)
class Row:
    """One row: what is asked, and what must come back, to the last header."""

    outcome: str
    ask: Callable[[Stage], httpx2.Response]
    headers: Mapping[str, Any]
    status: int = 200


PICTURES = [
    Row(
        "seeded, made just now",
        lambda stage: stage.get(stage.new()),
        {**TAGGED, "cache-control": YEAR, "cache-status": f"{MISS}; stored"},
    ),
    Row(
        "seeded, from memory",
        lambda stage: stage.get(stage.made()),
        {**TAGGED, "cache-control": YEAR, "cache-status": "promptcdn; hit; detail=memory"},
    ),
    Row(
        "seeded, from the store",
        lambda stage: stage.get(stage.made() + "&w=64"),
        {**TAGGED, "cache-control": YEAR, "cache-status": "promptcdn; hit; detail=store"},
    ),
    Row(
        "seeded, for an image proxy",
        lambda stage: stage.get(stage.made(), CAMO),
        {**TAGGED, "cache-control": YEAR, "cache-status": "promptcdn; hit; detail=memory"},
    ),
    Row(
        "seeded, for a crawler",
        lambda stage: stage.get(stage.made(), CRAWLER),
        {**TAGGED, "cache-control": YEAR, "cache-status": "promptcdn; hit; detail=memory"},
    ),
    Row(
        "seeded, in the format that Accept likes best",
        lambda stage: stage.get(stage.made() + "&format=auto", CHROME),
        {
            **TAGGED,
            "content-type": "image/avif",
            "cache-control": YEAR,
            "cache-status": "promptcdn; hit; detail=store",
            "vary": "Accept",
        },
    ),
    Row(
        "a permalink",
        lambda stage: stage.get(f"/i/{stage.key(stage.made())}"),
        {**TAGGED, "cache-control": YEAR, "cache-status": "promptcdn; hit; detail=memory"},
    ),
    Row(
        "seeded, made but not yet stored",
        lambda stage: stage.unstored(),
        {**PICTURE, "cache-control": kept(60), "cache-status": f"{MISS}; stored=?0"},
    ),
    Row(
        "calendar seed",
        lambda stage: stage.get(stage.new(seed="&seed=month")),
        {
            **TAGGED,
            "cache-control": re.compile(
                "public, max-age=[1-9][0-9]*, stale-while-revalidate=600, stale-if-error=86400"
            ),
            "cache-status": f"{MISS}; stored",
            "content-location": SEEDED_URL,
        },
    ),
    Row(
        "seedless, awaited",
        lambda stage: stage.get(stage.new(seed="")),
        {
            **PICTURE,
            "cache-control": kept(2),
            "cache-status": f"{MISS}; stored",
            "content-location": SEEDED_URL,
        },
    ),
    Row(
        "seedless, answered at once",
        lambda stage: stage.get(stage.made(seed="")),
        {
            **PICTURE,
            "cache-control": NO_STORE,
            "cache-status": "promptcdn; hit; detail=memory",
            "content-location": SEEDED_URL,
        },
    ),
    Row(
        "seedless, its location over 2 kB",
        lambda stage: stage.get(stage.new("x" * 1980, seed="")),
        {
            **PICTURE,
            "cache-control": kept(2),
            "cache-status": f"{MISS}; stored",
            "content-location": re.compile("/i/[0-9a-f]{64}"),
        },
    ),
    Row(
        "HEAD of what is stored",
        lambda stage: stage.head(stage.made()),
        {**TAGGED, "cache-control": YEAR, "cache-status": "promptcdn; hit; detail=memory"},
    ),
    *(
        Row(
            f"HEAD of what is not made{seed}",
            lambda stage, seed=seed: stage.head(stage.new(seed=seed)),  # type: ignore[misc]
            {
                **{name: value for name, value in EVERY.items() if name != "content-length"},
                **SANDBOX,
                "content-type": "image/webp",
                "cache-control": kept(60),
                "cache-status": MISS,
            },
        )
        for seed in ("&seed=7", "", "&seed=day")
    ),
    Row(
        "too slow, for an image proxy",
        lambda stage: stage.held(CAMO),
        {
            **EVERY,
            **SANDBOX,
            "content-type": "image/png",
            "cache-control": TOO_SLOW,
            "retry-after": "2",
            "vary": "Accept, User-Agent, Via",
            "promptcdn-status": "503",
        },
    ),
    *(
        Row(
            f"OPTIONS of {path}",
            lambda stage, path=path: stage.service.client.options(path),  # type: ignore[misc]
            {
                **EVERY,
                "content-length": "0",
                "cache-control": NO_STORE,
                "allow": "GET, HEAD, OPTIONS",
                "access-control-allow-methods": "GET, HEAD, OPTIONS",
                "access-control-allow-headers": "*, authorization",
                "access-control-max-age": "86400",
            },
        )
        for path in ("/?prompt=a", "/info", f"/i/{'0' * 64}", "/healthz")
    ),
    *(
        Row(
            path,
            lambda stage, path=path: stage.get(path),  # type: ignore[misc]
            {**EVERY, "cache-control": cache_control, "content-type": media_type},
        )
        for path, cache_control, media_type in (
            ("/info?prompt=a", NO_STORE, "application/json"),
            ("/readyz", NO_STORE, "application/json"),
            ("/healthz", NO_STORE, "text/plain; charset=utf-8"),
            ("/robots.txt", "public, max-age=86400", "text/plain; charset=utf-8"),
        )
    ),
]

UNCHANGED = {"date": DATE, "etag": TAGGED["etag"], "cache-control": YEAR}
NOT_MODIFIED = [
    Row(
        "the tag of what is stored",
        lambda stage: (lambda url: stage.have(stage.get(url).headers["etag"], url))(stage.made()),
        UNCHANGED,
    ),
    Row("any tag, of what is stored", lambda stage: stage.have("*", stage.made()), UNCHANGED),
    Row(
        "its date",
        lambda stage: stage.get(stage.made(), {**PROGRAM, "if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"}),
        UNCHANGED,
    ),
    Row("the tag of what was lost", lambda stage: stage.have(*stage.lost()), UNCHANGED),
    Row(
        "the tag of a calendar seed's picture that was lost",
        lambda stage: stage.have(*stage.lost("&seed=month")),
        {**UNCHANGED, "cache-control": re.compile("public, max-age=.*"), "content-location": SEEDED_URL},
    ),
    Row(
        "a calendar seed's",
        lambda stage: stage.have("*", stage.made(seed="&seed=week")),
        {**UNCHANGED, "cache-control": re.compile("public, max-age=.*"), "content-location": SEEDED_URL},
    ),
    Row(
        "with a format that Accept chose",
        lambda stage: stage.get(stage.made() + "&format=auto", {**CHROME, "if-none-match": "*"}),
        {**UNCHANGED, "vary": "Accept"},
    ),
    Row("a permalink's", lambda stage: stage.have("*", f"/i/{stage.key(stage.made())}.png"), UNCHANGED),
    Row(
        "a HEAD's",
        lambda stage: stage.service.client.head(stage.made(), headers={"if-none-match": "*"}),
        UNCHANGED,
    ),
]


@dataclass(frozen=True)
class Refusal:
    """One row of errors: how it comes about for somebody, and what they are told."""

    code: str
    ask: Callable[[Stage, Mapping[str, str]], httpx2.Response]
    status: int
    cache_control: str = NO_STORE
    retry_after: bool = False


def met(fault: str) -> Callable[[Stage, Mapping[str, str]], httpx2.Response]:
    """A miss whose call meets a fault of the upstream, after one that met none: failures in a row open the breaker."""

    def ask(stage: Stage, head: Mapping[str, str]) -> httpx2.Response:
        stage.made()
        return stage.get(stage.new(f"fault:{fault}"), head)

    return ask


def to(path: str) -> Callable[[Stage, Mapping[str, str]], httpx2.Response]:
    return lambda stage, head: stage.get(path, head)


REFUSALS = [
    Refusal("bad_parameter", to("/?prompt=a&sede=7"), 400),
    Refusal("bad_parameter", to("/"), 400),
    Refusal("bad_parameter", to("/?prompt=a&seed=1&width=1000"), 400),
    Refusal("bad_parameter", to("/?prompt=a&seed=1&upscale=2"), 400),
    Refusal("not_found", to(f"/?prompt=a&seed=1&init={'0' * 64}"), 404),
    Refusal("not_found", to(f"/i/{'0' * 64}"), 404),
    Refusal("not_found", to("/favicon.ico"), 404),
    Refusal("uri_too_long", to(f"/?prompt={'a' * 8190}"), 414),
    Refusal("filtered", met("filter"), 403, kept(86400)),
    Refusal("upstream_unreachable", met("unavailable"), 503, kept(5), retry_after=True),
    Refusal("upstream_busy", met("resource_exhausted"), 503, kept(5), retry_after=True),
    Refusal("upstream_unpaid", met("out_of_credits"), 503, kept(5), retry_after=True),
    Refusal("upstream_unauthorized", met("unauthenticated"), 502, kept(5), retry_after=True),
    Refusal("upstream_refused", met("not_found"), 502, kept(5), retry_after=True),
    Refusal("upstream_garbled", met("html"), 502, kept(5), retry_after=True),
    Refusal("upstream_garbled", met("wrong_size"), 502, kept(5), retry_after=True),
    Refusal("upstream_garbled", lambda stage, head: stage.in_cooldown(head), 502, kept(5), retry_after=True),
    Refusal(
        "budget_spent",
        lambda stage, head: stage.poor.client.get(stage.new(), headers=head),
        503,
        kept(30),
        retry_after=True,
    ),
]


def shown_as(refusal: Refusal, document: bool, promptcdn_status: bool) -> dict[str, Any]:
    """The headers of an error as a document or as a picture."""
    return {
        **EVERY,
        "cache-control": refusal.cache_control,
        "content-type": "application/problem+json" if document else "image/png",
        **({} if document else SANDBOX),
        **({"vary": "Accept, User-Agent, Via"} if "public" in refusal.cache_control else {}),
        **({"retry-after": SECONDS} if refusal.retry_after else {}),
        **({"promptcdn-status": str(refusal.status)} if promptcdn_status else {}),
    }


def matches(answer: httpx2.Response, status: int, expected: Mapping[str, Any]) -> None:
    assert answer.status_code == status, answer.text[:300]
    # The framework closes connections now and then, which is a matter of the connection and not of the answer.
    headers = {name: value for name, value in answer.headers.items() if name != "connection"}
    assert set(headers) == set(expected)
    for name, value in expected.items():
        if isinstance(value, re.Pattern):
            assert value.fullmatch(headers[name]), (name, headers[name])
        else:
            assert headers[name] == value, name


def ids(rows: list[Any]) -> list[str]:
    return [getattr(row, "outcome", None) or f"{row.code}-{index}" for index, row in enumerate(rows)]


@pytest.mark.parametrize("row", PICTURES, ids=ids(PICTURES))
def test_a_picture_says_how_long_it_may_be_kept(stage: Stage, row: Row) -> None:
    answer = row.ask(stage)

    matches(answer, row.status, row.headers)
    if answer.request.method == "GET":
        assert len(answer.content) == int(answer.headers["content-length"])
        assert complaints(answer) == []


@pytest.mark.parametrize("row", NOT_MODIFIED, ids=ids(NOT_MODIFIED))
def test_who_has_the_picture_is_told_so_and_no_more(stage: Stage, row: Row) -> None:
    before = len(stage.upstream.ledger.calls())
    answer = row.ask(stage)

    matches(answer, 304, row.headers)
    assert answer.content == b""
    assert complaints(answer) == []
    assert len(stage.upstream.ledger.calls()) <= before + 1  # the picture itself


@pytest.mark.parametrize("refusal", REFUSALS, ids=ids(REFUSALS))
def test_a_program_gets_an_error_as_a_document(stage: Stage, refusal: Refusal) -> None:
    answer = refusal.ask(stage, PROGRAM)

    matches(answer, refusal.status, shown_as(refusal, document=True, promptcdn_status=False))
    document = json.loads(answer.content)
    assert (document["status"], document["code"]) == (refusal.status, refusal.code)
    assert complaints(answer) == []


@pytest.mark.parametrize("refusal", REFUSALS, ids=ids(REFUSALS))
def test_a_browser_gets_an_error_as_a_picture_with_its_status(stage: Stage, refusal: Refusal) -> None:
    answer = refusal.ask(stage, CHROME)

    matches(answer, refusal.status, shown_as(refusal, document=False, promptcdn_status=False))
    assert len(answer.content) < 10_000
    assert complaints(answer) == []


@pytest.mark.parametrize("refusal", REFUSALS, ids=ids(REFUSALS))
def test_an_image_proxy_gets_an_error_as_a_picture_with_200(stage: Stage, refusal: Refusal) -> None:
    answer = refusal.ask(stage, CAMO)

    matches(answer, 200, shown_as(refusal, document=False, promptcdn_status=True))
    assert len(answer.content) < 10_000
    assert complaints(answer) == []


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("/?prompt=a&sede=7", Refusal("bad_parameter", to(""), 400)),
        (f"/i/{'0' * 64}", Refusal("not_found", to(""), 404)),
        ("/nothing", Refusal("not_found", to(""), 404)),
        (f"/?prompt={'a' * 8190}", Refusal("uri_too_long", to(""), 414)),
    ],
    ids=lambda value: value.code if isinstance(value, Refusal) else value[:20],
)
def test_head_of_an_error_is_get_without_its_body(stage: Stage, path: str, refusal: Refusal) -> None:
    answer = stage.head(path)

    matches(answer, refusal.status, shown_as(refusal, document=True, promptcdn_status=False))
    assert answer.content == b""
    assert answer.headers["content-length"] == stage.get(path).headers["content-length"]


def test_a_tag_says_nothing_of_a_format_that_accept_chose(stage: Stage) -> None:
    tag, url = stage.lost()
    before = len(stage.upstream.ledger.calls())
    answer = stage.get(f"{url}&format=auto", {**CHROME, "if-none-match": tag})

    assert answer.status_code == 200
    # What memory has of the picture stands in for what the store lost.
    assert len(stage.upstream.ledger.calls()) == before


def test_head_of_what_is_not_made_says_that_its_format_varies(stage: Stage) -> None:
    assert stage.head(stage.new() + "&format=auto").headers["vary"] == "Accept"


@pytest.mark.parametrize("head", [CRAWLER, PREFETCH], ids=["a crawler", "a prefetch"])
@pytest.mark.parametrize("seed", ["&seed=7", "", "&seed=hour"])
def test_nothing_new_is_made_for(stage: Stage, head: Mapping[str, str], seed: str) -> None:
    before = len(stage.upstream.ledger.calls())
    answer = stage.get(stage.new(seed=seed), head)

    refusal = Refusal("hits_only", met(""), 503, retry_after=True)
    matches(answer, 503, shown_as(refusal, document=head is CRAWLER, promptcdn_status=False))
    assert len(stage.upstream.ledger.calls()) == before


def test_a_program_named_chrome_waits_and_gets_the_true_status(stage: Stage) -> None:
    answer = stage.held({"user-agent": CHROME["user-agent"], "accept": "*/*"}, "&wait=0.5")

    refusal = Refusal("too_slow", met(""), 503, TOO_SLOW, retry_after=True)
    matches(answer, 503, shown_as(refusal, document=True, promptcdn_status=False))
    assert complaints(answer) == []


def test_a_browser_whose_wait_is_over_sees_a_placeholder(stage: Stage) -> None:
    answer = stage.held(CHROME, "&wait=0.5&w=320&h=200&fit=cover")

    refusal = Refusal("too_slow", met(""), 503, TOO_SLOW, retry_after=True)
    matches(answer, 503, shown_as(refusal, document=False, promptcdn_status=False))
    assert Image.open(io.BytesIO(answer.content)).size == (320, 200)


def test_any_tag_is_no_tag_of_what_was_not_there(stage: Stage) -> None:
    answer = stage.have("*", stage.new())

    assert (answer.status_code, answer.headers["cache-status"]) == (200, f"{MISS}; stored")


def test_a_method_that_does_nothing_is_told_which_do(stage: Stage) -> None:
    for path in ("/?prompt=a", "/info", f"/i/{'0' * 64}", "/healthz"):
        answer = stage.service.client.post(path, headers=PROGRAM)

        refusal = Refusal("method_not_allowed", met(""), 405)
        matches(answer, 405, {**shown_as(refusal, True, False), "allow": "GET, HEAD, OPTIONS"})
        assert complaints(answer) == []


def test_a_head_that_is_too_large_has_headers_like_all_answers(stage: Stage) -> None:
    host, port = stage.service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 70_000 + b"\r\n\r\n")
        head = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")[0].decode()

    lines = head.split("\r\n")
    assert lines[0].split()[1] == "431"
    names = {line.partition(":")[0].lower() for line in lines[1:]}
    assert names == set(EVERY) | {"cache-control", "content-type", "connection"}
