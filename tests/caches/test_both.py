"""What nginx and Varnish make of our headers, with the files of docs/caches."""

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, quote_plus

import httpx2
import pytest

from tests.caches.conftest import Behind
from tests.support.caches import CacheServer, Nginx, Varnish
from tests.support.origin import Origin
from tests.support.service import Promptcdn
from tests.upstream import Upstream

AUDIENCES = {
    "browser": {"accept": "image/avif,image/webp,*/*;q=0.8", "user-agent": "Mozilla/5.0 Firefox/140.0"},
    "program": {"accept": "*/*", "user-agent": "curl/8.16.0"},
    "go-camo": {"accept": "image/*", "user-agent": "go-camo", "via": "go-camo"},
    "GitHub's camo": {"accept": "image/avif,image/webp,*/*;q=0.8", "user-agent": "github-camo (f1a6e15b)"},
}
BROWSER = AUDIENCES["browser"]


def url_of(front: CacheServer, prompt: str, seed: str = "&seed=1") -> str:
    """A URL that no other test and no other front asks for."""
    return f"/?prompt={quote_plus(f'{prompt} {front.url}')}{seed}"


def paid(upstream: Upstream, url: str) -> int:
    """How often a URL's prompt was paid for."""
    prompt = parse_qs(url.partition("?")[2])["prompt"][0]
    return sum(call.prompts[0][0] == prompt for call in upstream.ledger.calls())


def timed(get_together: Callable[..., list[httpx2.Response]], *urls: str) -> tuple[float, list[httpx2.Response]]:
    """The seconds until all answers are there, and the answers."""
    began = time.perf_counter()
    answers = get_together(*urls)
    took = time.perf_counter() - began
    assert {answer.status_code for answer in answers} == {200}
    return took, answers


def test_a_hundred_clients_of_a_new_picture_are_one_request(front: CacheServer, behind: Behind) -> None:
    url = url_of(front, "fault:slow=6")

    first = front.get_together(*[url] * 50)
    assert {answer.status_code for answer in first} == {200}
    assert len({answer.content for answer in first}) == 1
    assert len(behind.origin.asked_for(url)) == 1
    assert paid(behind.upstream, url) == 1

    again = front.get_together(*[url] * 50)
    assert {(answer.content, answer.headers["x-cache"]) for answer in again} == {(first[0].content, "HIT")}
    assert len(behind.origin.asked_for(url)) == 1


def test_a_reload_of_what_a_browser_has_is_a_304_of_the_cache(front: CacheServer, behind: Behind) -> None:
    url = url_of(front, "a reload")
    etag = front.get(url).headers["etag"]

    reloaded = front.get(url, **{"if-none-match": etag, "cache-control": "max-age=0"})

    assert (reloaded.status_code, reloaded.headers["etag"]) == (304, etag)
    assert reloaded.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert len(behind.origin.asked_for(url)) == 1


def test_head_of_what_was_never_made_stays_head_and_pays_nothing(front: CacheServer, behind: Behind) -> None:
    url = url_of(front, "never made")

    head = front.client.head(url)

    assert (head.status_code, head.headers["content-type"]) == (200, "image/webp")
    assert [asked.method for asked in behind.origin.asked_for(url)] == ["HEAD"]
    assert paid(behind.upstream, url) == 0
    assert front.get(url).content, "the answer to HEAD was kept for GET"


def test_the_longest_url_is_kept_like_any_other(front: CacheServer, behind: Behind) -> None:
    url = url_of(front, "北" * 885)
    assert 7900 < len(url) < 8192

    first, second = front.get(url), front.get(url)

    assert (first.status_code, second.status_code) == (200, 200)
    assert len(behind.origin.asked_for(url)) == 1


def test_what_a_client_says_of_its_address_is_not_passed_on(front: CacheServer, behind: Behind) -> None:
    url = url_of(front, "forged")

    front.get(url, **{"x-forwarded-for": "203.0.113.7", "forwarded": "for=203.0.113.7"})

    asked = behind.origin.asked_for(url)[0].headers
    assert asked["x-forwarded-for"] == "127.0.0.1"
    assert "forwarded" not in asked


def test_a_url_without_a_seed_goes_on_varying(front: CacheServer) -> None:
    url = url_of(front, "varying", seed="")
    seen: set[bytes] = set()
    deadline = time.monotonic() + 30

    while len(seen) < 3 and time.monotonic() < deadline:
        seen.add(front.get(url).content)

    assert len(seen) == 3


def test_nobody_waits_in_line_for_the_first_seedless_picture(front: CacheServer, behind: Behind) -> None:
    url = url_of(front, "fault:slow=3", seed="")

    together, answers = timed(front.get_together, *[url] * 6)

    one_flight = (
        max(float(answer.headers["server-timing"].split(";")[1].removeprefix("dur=")) for answer in answers) / 1000
    )
    assert together < 2 * one_flight
    assert paid(behind.upstream, url) == 1


def test_fifty_viewers_of_a_seedless_url_are_served_together(front: CacheServer, behind: Behind) -> None:
    url = url_of(front, "a pool", seed="")
    behind.service.get(url)  # not through the cache: it has to meet `no-store` first
    behind.upstream.wait_until_idle()

    straight, _ = timed(behind.service.get_together, *[url] * 50)
    together, _ = timed(front.get_together, *[url] * 50)

    # One by one is half a second each at nginx's lock: a hundred times as long.
    assert together < 10 * straight


@pytest.mark.parametrize(
    ("fault", "status"), [("filter", 403), ("internal", 502), ("truncated", 502), ("unavailable", 503)]
)
def test_an_error_is_asked_for_once_while_it_lasts(front: CacheServer, behind: Behind, fault: str, status: int) -> None:
    url = url_of(front, f"fault:{fault}")

    assert {front.get(url).status_code for _ in range(20)} == {status}
    assert len(behind.origin.asked_for(url)) == 1


@pytest.mark.parametrize("kind", [Nginx, Varnish])
def test_a_spent_budget_is_asked_for_once_while_it_lasts(tmp_path: Path, kind: type[Nginx] | type[Varnish]) -> None:
    with (
        Upstream() as upstream,
        Promptcdn(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_BUDGET="0/day") as service,
        Origin(service.url) as origin,
        kind(tmp_path / "front", origin.address) as front,
    ):
        answers = [front.get("/?prompt=a&seed=1") for _ in range(20)]

        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["code"] for answer in answers} == {"budget_spent"}
        assert len(origin.asked) == 1


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(AUDIENCES, 2)))
def test_no_audience_is_shown_an_error_meant_for_another(
    front: CacheServer, behind: Behind, first: str, second: str
) -> None:
    url = url_of(front, f"fault:filter {first} {second}")

    for audience in (first, second):
        shown = front.get(url, **AUDIENCES[audience])
        right = behind.service.get(url, **AUDIENCES[audience])
        assert (shown.status_code, shown.headers["content-type"]) == (right.status_code, right.headers["content-type"])
        assert shown.content == right.content
    assert len(behind.origin.asked_for(url)) == 2


SLACK = {"accept": "*/*", "user-agent": "Slack-ImgProxy 0.19 (+https://api.slack.com/robots)"}


def test_image_proxies_have_answers_of_their_own(front: CacheServer, behind: Behind) -> None:
    url = url_of(front, "a lighthouse")

    for _ in range(2):
        for audience in ("browser", "program", "go-camo", "GitHub's camo"):
            assert front.get(url, **AUDIENCES[audience]).status_code == 200

    askers = [asked.headers["user-agent"] for asked in behind.origin.asked_for(url)]
    # Past nginx they go each time; Varnish keeps what they were shown for them.
    theirs = ["go-camo", AUDIENCES["GitHub's camo"]["user-agent"]]
    assert askers == [BROWSER["user-agent"], *(theirs * 2 if isinstance(front, Nginx) else theirs[:1])]


def test_no_image_proxy_waits_behind_a_browser_or_behind_another(front: CacheServer, behind: Behind) -> None:
    url = url_of(front, "fault:slow=6 for all")
    before = len(behind.upstream.ledger.calls())
    proxies = [AUDIENCES["go-camo"], AUDIENCES["GitHub's camo"], SLACK]
    with ThreadPoolExecutor(4) as clients:
        browser = clients.submit(front.get, url, **BROWSER)
        behind.upstream.wait_for_calls(before + 1)
        shown = list(clients.map(lambda head: front.get(url, **head), proxies))

        # Each has its placeholder, long before there is a picture.
        assert not browser.done()
        assert [answer.headers["content-type"] for answer in shown] == ["image/png"] * 3
        assert {answer.status_code for answer in shown} == {200}
        assert browser.result().headers["content-type"] == "image/webp"
    assert paid(behind.upstream, url) == 1


def test_a_page_for_browsers_is_shown_to_nobody_else(front: CacheServer) -> None:
    """The playground and the refusal of the same URL, whoever comes first."""
    navigation = {"accept": "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}

    asked: list[dict[str, str]] = [navigation, {}, AUDIENCES["GitHub's camo"]]

    answers = [front.get("/", **headers) for headers in (*asked, *reversed(asked)) for _ in range(2)]

    kinds = [answer.headers["content-type"].partition(";")[0] for answer in answers[::2]]
    shown = ["text/html", "application/problem+json", "image/png"]
    assert kinds == [*shown, *reversed(shown)]
    assert kinds == [answer.headers["content-type"].partition(";")[0] for answer in answers[1::2]]
    assert "HIT" not in {answer.headers["x-cache"] for answer in answers}
