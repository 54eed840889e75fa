"""Faults of the upstream in each of its protocols, and five audiences that look at each."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from tests.faults.conftest import Figures
from tests.faults.stage import paid, small
from tests.support.crowd import PROGRAM, Crowd, Reply
from tests.support.service import Promptcdn
from tests.support.tcp_faults import FaultyTcp, Name
from tests.upstream import Upstream
from tests.upstream.stability_rest import StabilityRest

_CHROME = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/143.0.0.0 Safari/537.36"}
CAMO = {"User-Agent": "github-camo (1a2b3c4d)", "Via": "1.1 github-camo (1a2b3c4d)", "Accept": "image/*"}
AUDIENCES: Mapping[str, Mapping[str, str]] = {
    "an image proxy": CAMO,
    "an img": {**_CHROME, "Accept": "image/avif,image/webp,*/*;q=0.8", "Sec-Fetch-Dest": "image"},
    "a navigation": {**_CHROME, "Accept": "text/html,image/webp,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"},
    "a crawler": {"User-Agent": "Googlebot/2.1", "Accept": "*/*"},
    "a program": PROGRAM,
}
# All but the crawler.
PAYING = len(AUDIENCES) - 1
SHORT, A_DAY = (f"public, max-age={seconds}, stale-while-revalidate=0" for seconds in (5, 86400))


@dataclass(frozen=True)
class Row:
    """What a fault is answered with, and whether each try of it is in the ledger."""

    fault: str
    status: int
    code: str
    charged: bool = True
    or_late: bool = False

    def as_late(self) -> "Row":
        """The same, where it was found out at the deadline only."""
        return replace(self, status=504, code="upstream_timeout", or_late=False)


# The last three are faults of the way to an upstream that is well.
GRPC_ROWS = [
    Row("hang", 504, "upstream_timeout"),
    Row("hang_mid", 504, "upstream_timeout"),
    Row("reset", 503, "upstream_unreachable"),
    Row("internal", 502, "upstream_garbled"),
    Row("no_picture", 502, "upstream_garbled"),
    Row("empty", 502, "upstream_garbled"),
    Row("html", 502, "upstream_garbled"),
    Row("truncated", 502, "upstream_garbled"),
    Row("wrong_size", 502, "upstream_garbled"),
    Row("filter", 403, "filtered"),
    Row("unauthenticated", 502, "upstream_unauthorized", charged=False),
    Row("resource_exhausted", 503, "upstream_busy", charged=False),
    Row("refused connection", 503, "upstream_unreachable", charged=False),
    Row("silent connection", 503, "upstream_unreachable", charged=False),
    # gRPC sees at once that a connection was reset, or now and then only when it writes to it again.
    Row("cut in mid-picture", 503, "upstream_unreachable", or_late=True),
]
# A silent way takes the request, as far as we can tell, and the upstream never hears of it.
REST_ROWS = [
    Row("hang", 504, "upstream_timeout"),
    Row("hang_mid", 504, "upstream_timeout"),
    Row("reset", 503, "upstream_unreachable"),
    Row("internal", 502, "upstream_garbled"),
    Row("bad_gateway", 503, "upstream_unreachable"),
    Row("reason_error", 502, "upstream_garbled"),
    Row("empty", 502, "upstream_garbled"),
    Row("html", 502, "upstream_garbled"),
    Row("json", 502, "upstream_garbled"),
    Row("huge", 502, "upstream_garbled"),
    Row("truncated", 502, "upstream_garbled"),
    Row("bomb", 502, "upstream_garbled"),
    Row("wrong_size", 502, "upstream_garbled"),
    Row("wrong_seed", 502, "upstream_garbled"),
    Row("filter", 403, "filtered"),
    Row("invalid_prompt", 403, "filtered", charged=False),
    Row("unauthenticated", 502, "upstream_unauthorized", charged=False),
    Row("out_of_credits", 503, "upstream_unpaid", charged=False),
    Row("rate_limited", 503, "upstream_busy", charged=False),
    Row("language", 502, "upstream_refused", charged=False),
    Row("redirect", 502, "upstream_refused", charged=False),
    Row("refused connection", 503, "upstream_unreachable", charged=False),
    Row("silent connection", 504, "upstream_timeout", charged=False),
    Row("cut in mid-picture", 503, "upstream_unreachable"),
]


WAYS: Mapping[str, tuple[Name, float]] = {
    "refused connection": ("refuse", 0),
    "silent connection": ("stall", 0),
    "cut in mid-picture": ("reset", 200_000),
}


@contextmanager
def faulty(folder: Path, upstream: Upstream | StabilityRest, row: Row) -> Iterator[Promptcdn]:
    """A service that meets the fault of `row`; the fault has happened when it ends."""
    # Those that never answer are waited for; the others may take what a busy machine makes them take.
    deadline = 1 if row.or_late or row.fault in ("hang", "hang_mid", "silent connection") else 20
    short = {"PROMPTCDN_UPSTREAM_TIMEOUT": deadline, "PROMPTCDN_PROXY_WAIT": 10, "STABILITY_KEY": "canary"}
    with FaultyTcp(int(upstream.host.partition(":")[2])) as chaos:
        with small(folder, upstream, **short, STABILITY_HOST=_through(chaos, upstream)) as service:
            if way := WAYS.get(row.fault):
                # One reset ends all calls on a connection of gRPC; more would hold up the next connection for long.
                once = way[0] == "reset" and isinstance(upstream, Upstream)
                chaos.commit(*way, times=1 if once else None)
            yield service
        assert chaos.committed[way[0]] if way else not chaos.committed


def _through(chaos: FaultyTcp, upstream: Upstream | StabilityRest) -> str:
    return f"{upstream.url.partition(':')[0]}://127.0.0.1:{chaos.port}"


def url(row: Row, who: str) -> str:
    fault = "fault:big=1" if row.fault == "cut in mid-picture" else "" if row.fault in WAYS else f"fault:{row.fault}"
    return f"/?prompt={quote_plus(f'for {who} {fault}')}&seed=1"


def asked(service: Promptcdn, row: Row, upstream: Upstream | StabilityRest) -> dict[str, Reply]:
    """What each audience is told of a new picture of its own, all at once: none of them is the first to fail."""
    crowd = Crowd(service.url)
    upstream.hold()
    with ThreadPoolExecutor(len(AUDIENCES)) as clients:
        asked = {who: clients.submit(crowd.answers, [url(row, who)], head) for who, head in AUDIENCES.items()}
        upstream.wait_for_calls(PAYING if row.charged else 0)
        upstream.release()
        return {who: reply.result()[0] for who, reply in asked.items()}


def require_told(row: Row, who: str, reply: Reply) -> None:
    """The row of the table of outcomes, as this audience sees it."""
    headers, picture = reply.headers, "image/" in AUDIENCES[who]["Accept"]
    if row.or_late and "504" in (str(reply.status), headers.get("promptcdn-status")):
        row = row.as_late()
    if who == "a crawler":
        assert (reply.status, reply.code, headers["cache-control"]) == (503, "hits_only", "no-store")
        return
    assert reply.status == (200 if who == "an image proxy" else row.status)
    assert headers.get("promptcdn-status") == (str(row.status) if who == "an image proxy" else None)
    assert headers["content-type"] == ("image/png" if picture else "application/problem+json")
    assert picture or reply.code == row.code
    assert headers["cache-control"] == (A_DAY if row.code == "filtered" else SHORT)
    assert headers["vary"] == "Accept, User-Agent, Via"
    assert ("retry-after" in headers) == (row.status >= 500)
    assert headers["x-content-type-options"] == "nosniff"
    assert ("content-security-policy" in headers) == picture
    assert not headers.keys() & {"etag", "last-modified", "repr-digest", "content-location", "link", "set-cookie"}
    assert b"canary" not in reply.body


@pytest.mark.parametrize("row", GRPC_ROWS, ids=lambda row: row.fault)
def test_each_audience_is_told_of_an_upstream_fault_in_its_way(
    tmp_path: Path, upstream: Upstream, figures: Figures, row: Row
) -> None:
    """A fault of the upstream is told to each audience in its own way, and stores nothing."""
    require_told_and_nothing_stored(tmp_path, upstream, figures, row)


@pytest.mark.parametrize("row", REST_ROWS, ids=lambda row: row.fault)
def test_each_audience_is_told_of_a_fault_over_rest_in_its_way(tmp_path: Path, figures: Figures, row: Row) -> None:
    """The same where the upstream speaks REST."""
    with StabilityRest() as upstream:
        require_told_and_nothing_stored(tmp_path, upstream, figures, row)


def require_told_and_nothing_stored(
    folder: Path, upstream: Upstream | StabilityRest, figures: Figures, row: Row
) -> None:
    with faulty(folder, upstream, row) as service:
        for who, reply in asked(service, row, upstream).items():
            require_told(row, who, reply)
        upstream.wait_until_idle()
        calls = paid(upstream)
        assert list(calls.values()) == [1] * (PAYING if row.charged else 0)

        if row.charged:
            again = asked(service, row, upstream)["a program"]
            assert (again.status, again.code) in [
                (one.status, one.code) for one in (row, row.as_late() if row.or_late else row)
            ]
            assert paid(upstream) == calls
        state = service.get("/info" + url(row, "a program")[1:]).json()["state"]
        assert state == ("blocked" if row.code == "filtered" else "absent")
    assert not list((folder / "data" / "store").glob("masters/*/*/*"))
    assert "canary" not in (folder / "log").read_text()
    figures(answers=len(AUDIENCES), paid=calls.total(), stored=0)
