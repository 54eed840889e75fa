"""Whoever has not been allowed cannot spend, and whoever may read never notices."""

import random
import string
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest

from tests.support.service import Promptcdn
from tests.upstream import Upstream

SMALL: dict[str, object] = {"PROMPTCDN_SIZE": "512x512", "PROMPTCDN_ENGINE": "any"}
SEEDED = [
    "/?prompt=a&seed=1",
    "/i.png?prompt=a&seed=1",
    "/prompt/a?seed=1",
    "/?prompt=a&seed=1&w=256",
    "/?prompt=a&seed=month",
]
SEEDLESS = "/?prompt=a+pool"
MOMENT = {"date", "server-timing", "x-request-id", "cache-status"}


def lasting(answer: httpx2.Response) -> dict[str, str]:
    """The headers but those of the moment, to which the seconds left of a calendar period belong."""
    kept = {name: value for name, value in answer.headers.items() if name not in MOMENT}
    if "stale-if-error" in kept.get("cache-control", ""):
        del kept["cache-control"]
    return kept


def test_stored_pictures_are_read_when_none_may_be_made(tmp_path: Path) -> None:
    """What is stored is read as before when nothing may be made any more.

    Misses closed, the upstream dead, the budget spent, the rate at its least.
    """
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **SMALL) as service:
        before = {url: service.get(url) for url in SEEDED}
        service.get(SEEDLESS)
        key = before[SEEDED[0]].headers["link"][4:68]
        before[f"/i/{key}.avif"] = service.get(f"/i/{key}.avif")
        dead = upstream.url
    strict = {"PROMPTCDN_MISSES": "closed", "PROMPTCDN_BUDGET": "0/day", "PROMPTCDN_CLIENT_RATE": "1/day"}
    with Promptcdn(tmp_path, STABILITY_HOST=dead, PROMPTCDN_STEPS=50, **SMALL, **strict) as service:
        for url, was in before.items():
            answer = service.get(url)
            assert (answer.status_code, answer.content) == (200, was.content), url
            assert lasting(answer) == lasting(was), url
            assert service.get(url, **{"if-none-match": was.headers["etag"]}).status_code == 304
            assert lasting(service.client.head(url)) == lasting(answer)
        assert service.get(SEEDLESS).status_code == 200
        assert service.get("/?prompt=a&seed=2").json()["code"] == "misses_closed"


@pytest.mark.parametrize("fault", ["filter", "wrong_size", "html", "hang"])
def test_a_prompt_that_always_fails_costs_what_cooldowns_allow(tmp_path: Path, fault: str) -> None:
    settings = {"PROMPTCDN_UPSTREAM_TIMEOUT": "1", "PROMPTCDN_BUDGET": "unlimited", **SMALL}
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **settings) as service:
        url = f"/?prompt=fault:{fault}&seed=7"
        first = service.get(url).status_code
        answers = [service.get(url) for _ in range(100)]

        assert {answer.status_code for answer in answers} == {first}
        # Five seconds of rest, of which a hundred answers take far less.
        assert len(upstream.ledger.calls()) == 1


POISON: Mapping[str, str] = {
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "gopher",
    "x-forwarded-prefix": "/evil",
    "x-original-url": "/evil",
    "x-rewrite-url": "/evil",
    "x-http-method-override": "DELETE",
    "forwarded": "host=evil.example;proto=gopher",
    "x-host": "evil.example",
    "cookie": "session=evil",
    "authorization": "Bearer evil",
    "origin": "https://evil.example",
    "referer": "https://evil.example/",
    "range": "bytes=0-1",
    "accept-language": "tlh",
    "accept-encoding": "gzip, br",
    "cache-control": "no-cache",
    "pragma": "no-cache",
    "te": "trailers",
}


def test_no_request_header_changes_what_caches_keep(tmp_path: Path) -> None:
    """No header that a client sends changes a byte of what caches keep."""
    chance = random.Random(7)
    made_up = {"x-" + "".join(chance.choices(string.ascii_lowercase, k=8)): "evil.example" for _ in range(200)}
    with Promptcdn(tmp_path, **SMALL) as service:
        for url in (*SEEDED, "/?prompt=a&sede=7", "/nothing"):
            service.get(url)
            plain = service.get(url)
            for name, value in {**POISON, **made_up}.items():
                answer = service.get(url, **{name: value})
                assert (answer.status_code, answer.content) == (plain.status_code, plain.content), name
                assert lasting(answer) == lasting(plain), name
            evil = service.get(url, host="evil.example")
            assert lasting(evil) == lasting(plain)
            assert b"evil" not in evil.content


def test_each_junk_look_up_costs_one_look_and_makes_nothing(tmp_path: Path) -> None:
    """Look-ups of junk cost the store one look each, and make nothing."""
    with Promptcdn(tmp_path, PROMPTCDN_MISSES="closed", **SMALL) as service:
        junk = [f"/i/{number:064x}" for number in range(300)]
        assert {answer.status_code for answer in service.get_together(*junk)} == {404}
        assert {answer.status_code for answer in service.get_together(*junk)} == {404}
        stored = [path.name for path in (tmp_path / "data" / "store").rglob("*") if path.is_file()]
        assert stored == ["identity"]
