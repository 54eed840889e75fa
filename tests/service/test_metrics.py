"""Metrics: what Prometheus reads, by whom, how many series at the worst, and what a hit pays for being counted."""

import random
import re
import string
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from promptcdn.telemetry.metrics import METRICS
from tests.support.service import Promptcdn
from tests.upstream import Upstream

TOKEN = "canary-of-the-operator"  # noqa: S105
OPERATOR = {"authorization": f"Bearer {TOKEN}"}
IMAGE_PROXY = {"user-agent": "github-camo (1a2b3c4d)", "accept": "image/*"}
SMALL = "&engine=any&width=256&height=256"


def samples(answer: httpx2.Response) -> dict[str, float]:
    """Every series and its value, as it is written."""
    lines = (line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#"))
    return {series: float(value) for series, _, value in lines}


def scrape(service: Promptcdn) -> dict[str, float]:
    return samples(service.get("/metrics", **OPERATOR))


@pytest.fixture(scope="module")
def paid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Promptcdn, Upstream]]:
    """A service whose pictures cost."""
    folder = tmp_path_factory.mktemp("paid")
    settings = {"PROMPTCDN_BUDGET": "50/day, 9 credits/month", "PROMPTCDN_ENGINE": "any", "PROMPTCDN_PRICES": "any=0.5"}
    with Upstream() as upstream, Promptcdn(folder, STABILITY_HOST=upstream.url, **settings) as service:
        yield service, upstream


def test_everybody_may_read_them_where_no_token_is_set(tmp_path: Path) -> None:
    with Promptcdn(tmp_path) as service:
        answer = service.get("/metrics")

        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"


def test_with_a_token_they_are_the_operators(tmp_path: Path) -> None:
    with Promptcdn(tmp_path, PROMPTCDN_ADMIN_TOKEN=TOKEN) as service:
        refused = service.get("/metrics", authorization="Bearer guessed")

        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        assert refused.headers["cache-control"] == "no-store"
        assert refused.headers["www-authenticate"] == "Bearer"
        assert service.get("/metrics", **OPERATOR).status_code == 200


def test_a_picture_is_counted_by_where_it_came_from(tmp_path: Path) -> None:
    with Promptcdn(tmp_path) as service:
        for _ in range(3):
            service.get("/?prompt=a&seed=1&width=256&height=256")
        counted = scrape(service)

        assert counted['promptcdn_requests_total{audience="program",outcome="seeded",status="200"}'] == 3
        assert counted['promptcdn_request_duration_seconds_count{source="made"}'] == 1
        assert counted['promptcdn_request_duration_seconds_count{source="memory"}'] == 2
        assert counted["promptcdn_flights_begun_total"] == 1
        assert counted['promptcdn_encodes_total{media_type="image/webp"}'] == 1
        assert counted["promptcdn_memory_bytes"] > 1000
        assert not any(series.startswith("promptcdn_paid_total") for series in counted), "sketches cost nothing"


def test_what_is_paid_is_what_the_upstream_was_asked_for(paid: tuple[Promptcdn, Upstream]) -> None:
    service, upstream = paid
    upstream.ledger.path.write_text("")
    before = scrape(service).get('promptcdn_paid_total{engine="stability/any"}', 0)
    for prompt in ("good", "fault:filter", "fault:html", "fault:unavailable", "fault:unauthenticated", "good"):
        service.get(f"/?prompt={prompt}&seed=1{SMALL}")
    counted = scrape(service)
    calls = len(upstream.ledger.calls())

    assert calls >= 3
    # UNAVAILABLE once connected may have cost, though here it did not.
    assert counted['promptcdn_paid_total{engine="stability/any"}'] - before == calls + 1
    assert (
        counted['promptcdn_credits_total{engine="stability/any"}']
        == counted['promptcdn_paid_total{engine="stability/any"}'] / 2
    )
    assert counted['promptcdn_spent_pictures{engine="stability/any",period="day"}'] == calls + 1
    assert counted['promptcdn_budget_left{limit="50/day"}'] == 50 - calls - 1
    assert counted['promptcdn_budget_left{limit="9 credits/month"}'] == 9 - (calls + 1) / 2
    assert counted['promptcdn_generator_calls_total{generator="stability",result="filtered"}'] == 1
    assert counted['promptcdn_refusals_total{code="filtered"}'] == 1
    assert counted["promptcdn_keys_in_cooldown"] == 2


def test_a_refused_request_head_is_counted_too(tmp_path: Path) -> None:
    with Promptcdn(tmp_path) as service:
        service.get("/" + "a" * 9000)

        assert scrape(service)['promptcdn_refusals_total{code="uri_too_long"}'] == 1


def test_a_corrupt_object_and_a_store_that_is_gone_are_counted(tmp_path: Path) -> None:
    store = tmp_path / "data" / "store"
    with Promptcdn(tmp_path, PROMPTCDN_MEMORY=0) as service:
        service.get("/i.png?prompt=a&seed=1&width=256&height=256")
        master = next(store.glob("masters/*/*/*"))
        master.write_bytes(master.read_bytes()[:-1])
        service.get("/i.png?prompt=a&seed=1&width=256&height=256")
        store.rename(tmp_path / "unmounted")
        service.get("/i.png?prompt=a&seed=2&width=256&height=256")
        counted = scrape(service)

        assert counted["promptcdn_corrupt_objects_total"] == 1
        assert counted['promptcdn_store_operations_total{operation="get",result="unknown"}'] >= 1


def test_pictures_that_make_room_in_memory_are_counted(tmp_path: Path) -> None:
    with Promptcdn(tmp_path, PROMPTCDN_MEMORY=50_000) as service:
        for seed in range(4):
            service.get(f"/?prompt=a&seed={seed}&width=256&height=256")

        assert scrape(service)["promptcdn_memory_evictions_total"] >= 1


def test_hostile_requests_make_fewer_than_500_series(paid: tuple[Promptcdn, Upstream]) -> None:
    service, _ = paid
    chance = random.Random(7)
    agents = [
        "curl/8",
        "Googlebot/2.1",
        "github-camo",
        "Mozilla/5.0",
        *("".join(chance.sample(string.ascii_letters, 9)) for _ in "abc"),
    ]
    faults = (
        "empty",
        "html",
        "filter",
        "internal",
        "unavailable",
        "permission_denied",
        "resource_exhausted",
        "wrong_seed",
    )
    queries = [
        *(f"prompt=fault:{fault}+{chance.random()}&seed=1" for fault in faults),
        *(f"prompt={chance.random()}&seed={seed}" for seed in ("1", "day", "hour", "-1", "random", "1e99", "%ff")),
        *(f"prompt=a&{''.join(chance.sample(string.ascii_letters, 6))}=1" for _ in range(300)),
        *(f"prompt=a&width={chance.randrange(5000)}" for _ in range(300)),
        "prompt=",
        "prompt=a&prompt=b",
        "prompt=%00",
        "prompt=a&engine=made-up",
        "prompt=a&sig=x&kid=y&exp=1",
        "x" * 9000,
    ]
    paths = [
        "/",
        "/i.png",
        "/info",
        "/prompt/a",
        "/i/0",
        f"/i/{'0' * 64}",
        "/nothing/" + "y" * 40,
        "/healthz",
        "/metrics",
    ]
    for number, query in enumerate(queries):
        for path in paths if number % 20 == 0 else paths[:1]:
            headers = {"user-agent": chance.choice(agents), "accept": chance.choice(["*/*", "image/*", "text/html"])}
            method = chance.choice(["GET", "GET", "HEAD", "OPTIONS", "POST", "DELETE", "BREW"])
            service.client.request(method, f"{path}?{query}&wait=0", headers=headers)
    answer = service.get("/metrics")

    families = list(text_string_to_metric_families(answer.text))
    own = re.compile("disk_cache|worker|order")  # of parts that this service lacks
    here = {metric.name.removesuffix("_total") for metric in METRICS if not own.search(metric.name)}
    assert here <= {family.name for family in families}
    assert len(samples(answer)) < 500
