"""What one client may start, over the wire: hits and joiners are free, and only trusted proxies are believed."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.service.test_metrics import samples
from tests.support.service import Promptcdn
from tests.upstream import Upstream

FIVE = {"PROMPTCDN_CLIENT_RATE": "5/hour", "PROMPTCDN_BUDGET": "unlimited"}
LOOKS = r'promptcdn_store_operations_total\{operation="(get|look)"'
PROXY = {"PROMPTCDN_TRUSTED_PROXIES": "127.0.0.1"}


def statuses(answers: list[httpx2.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


def asked(service: Promptcdn, number: int, **headers: str) -> httpx2.Response:
    return service.get(f"/?prompt=new&seed={number}", **headers)


def start_five(service: Promptcdn, **headers: str) -> None:
    assert statuses([asked(service, number, **headers) for number in range(5)]) == {200: 5}


def by(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


def test_hundreds_of_spoofed_addresses_are_one_client(tmp_path: Path) -> None:
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **FIVE) as service:

        def spoofing(number: int) -> httpx2.Response:
            address = f"198.51.{number // 250}.{number % 250}"
            headers = {"X-Forwarded-For": address, "Forwarded": f"for={address}", "X-Real-IP": address}
            return asked(service, number, **headers)

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(spoofing, range(400)))

        assert statuses(answers) == {200: 5, 429: 395}
        assert len(upstream.ledger.calls()) == 5


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded"])
def test_behind_a_trusted_proxy_each_client_has_its_own_rate(tmp_path: Path, header: str) -> None:
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **FIVE, **PROXY) as service:
        equals = "for=" if header == "Forwarded" else ""
        start_five(service, **{header: f"{equals}1.1.1.1, {equals}203.0.113.9"})
        late = asked(service, 5, **{header: f"{equals}2.2.2.2, {equals}203.0.113.9"})
        others = [asked(service, number, **{header: f"{equals}198.51.100.{number}"}) for number in range(5, 15)]

        assert late.status_code == 429
        assert statuses(others) == {200: 10}


def test_a_client_over_its_rate_is_told_when_to_come_back(tmp_path: Path) -> None:
    """A client over its rate is told when to come back, and no cache keeps that answer."""
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **FIVE) as service:
        start_five(service)
        refused = asked(service, 5)

        seconds = int(refused.headers["retry-after"])
        assert refused.status_code == 429
        assert refused.json()["code"] == "rate_limited"
        assert refused.headers["cache-control"] == "no-store"
        assert 0 < seconds <= 3601
        assert refused.headers["ratelimit"] == f'"client";r=0;t={seconds}'
        assert refused.headers["ratelimit-policy"] == '"client";q=5;w=3600'


def test_a_client_known_to_be_over_its_rate_costs_few_looks(
    tmp_path: Path,
) -> None:
    """A client known to be over its rate is refused before anything but its picture is looked for."""
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **FIVE) as service:
        start_five(service)
        assert asked(service, 5).status_code == 429
        before = looks(service)
        again = [asked(service, number) for number in range(6, 26)]

        assert statuses(again) == {429: 20}
        # A binding, a rendition and a master each, no verdict; after five seconds the counter is asked once more.
        assert 3 * 20 <= looks(service) - before < 3 * 20 + 5


def looks(service: Promptcdn) -> float:
    """How often the store was asked for an object."""
    counted = samples(service.get("/metrics"))
    return sum(count for series, count in counted.items() if re.match(LOOKS, series))


def test_hits_are_never_refused_and_cost_nothing(tmp_path: Path) -> None:
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **FIVE) as service:
        for _ in range(20):
            assert asked(service, 0).status_code == 200
        start_five(service)
        assert asked(service, 5).status_code == 429
        for number in range(5):
            assert asked(service, number).status_code == 200
        assert service.client.head("/?prompt=new&seed=6").status_code == 200


def test_who_joins_a_flight_is_not_charged(tmp_path: Path) -> None:
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **FIVE, **PROXY) as service:
        upstream.hold()
        impatient = "/?prompt=new&seed=0&wait=0"
        answers = [service.get(impatient, **by("198.51.100.1"))]
        upstream.wait_for_calls(1)
        answers += [service.get(impatient, **by("198.51.100.2")) for _ in range(8)]
        upstream.release()

        assert {answer.json()["code"] for answer in answers} == {"too_slow"}
        then = [asked(service, number, **by("198.51.100.2")) for number in range(1, 7)]
        assert statuses(then) == {200: 5, 429: 1}


def test_a_crowd_at_one_new_picture_is_one_start(tmp_path: Path) -> None:
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **FIVE) as service:
        upstream.always("slow=0.5")
        crowd = service.get_together(*["/?prompt=new&seed=0"] * 100)
        then = [asked(service, number) for number in range(1, 6)]

        assert statuses(crowd) == {200: 100}
        assert statuses(then) == {200: 4, 429: 1}


def test_a_client_over_its_rate_may_join_a_flight(tmp_path: Path) -> None:
    """A client over its rate may join a flight, and spoils nothing for others."""
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **FIVE, **PROXY) as service:
        start_five(service, **by("198.51.100.2"))
        upstream.hold()
        with ThreadPoolExecutor(1) as thread:
            starter = thread.submit(asked, service, 9, **by("198.51.100.1"))
            upstream.wait_for_calls(6)
            joiner = service.get("/?prompt=new&seed=9&wait=0", **by("198.51.100.2"))
            refused = asked(service, 10, **by("198.51.100.2"))
            upstream.release()

        assert joiner.json()["code"] == "too_slow"
        assert refused.status_code == 429
        assert starter.result().status_code == 200
        assert len(upstream.ledger.calls()) == 6


def test_a_seedless_view_over_the_rate_gets_what_is_stored(tmp_path: Path) -> None:
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **FIVE) as service:
        assert service.get("/?prompt=a+pool").status_code == 200
        for number in range(4):
            assert asked(service, number).status_code == 200
        views = [service.get("/?prompt=a+pool") for _ in range(20)]
        upstream.wait_until_idle()

        assert statuses(views) == {200: 20}
        assert len(upstream.ledger.calls()) == 5


def test_a_restart_forgets_no_start(tmp_path: Path) -> None:
    with Upstream() as upstream:
        with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **FIVE) as service:
            start_five(service)
        with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **FIVE) as service:
            assert asked(service, 5).status_code == 429


def test_sketches_cost_nothing_and_have_no_rate(tmp_path: Path) -> None:
    with Promptcdn(tmp_path) as service:
        answers = [service.get(f"/?prompt=new&seed={number}&width=256&height=256") for number in range(70)]

        assert statuses(answers) == {200: 70}
