"""The promises, by the upstream's ledger: what is paid, what is answered, what is stored."""

import signal
import socket
import struct
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote_plus

import httpx2
import pytest

from tests.support.service import Promptcdn
from tests.support.waiting import until
from tests.upstream import Upstream

BEGUN = "promptcdn_flights_begun_total "


def paid(upstream: Upstream) -> list[str]:
    return [call.request_id for call in upstream.ledger.calls()]


def digests(answers: list[httpx2.Response]) -> set[bytes]:
    assert {answer.status_code for answer in answers} == {200}
    return {answer.content for answer in answers}


def test_two_hundred_clients_of_one_new_key_cost_one_picture(tmp_path: Path) -> None:
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url) as service:
        upstream.always("slow=0.5")
        answers = service.get_together(*["/?prompt=one+key&seed=1"] * 200)

        assert len(digests(answers)) == 1
        assert len(paid(upstream)) == 1
        collapsed = [answer for answer in answers if answer.headers["cache-status"].endswith("; collapsed")]
        assert len(collapsed) == 199


def test_clients_of_a_seedless_url_cost_a_pool_at_most(tmp_path: Path) -> None:
    """Two hundred clients of a URL without a seed cost the pictures of its pool at most."""
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url) as service:
        seen: set[bytes] = set()
        for _ in range(10):
            answers = service.get_together(*["/?prompt=a+pool"] * 200)
            seen |= digests(answers)
            upstream.wait_until_idle()

        assert len(paid(upstream)) <= 8
        assert len(set(paid(upstream))) == len(paid(upstream))
        assert len(seen) >= 4


def begun(service: Promptcdn) -> int:
    """How many new pictures were begun so far."""
    (line,) = [line for line in service.get("/metrics").text.splitlines() if line.startswith(BEGUN)]
    return int(float(line.removeprefix(BEGUN)))


def leave_once_begun(service: Promptcdn, targets: list[str]) -> None:
    """One client for each target sends its request, and is gone with a reset once the pictures of all are begun."""
    host, port = service.url.removeprefix("http://").split(":")
    before = begun(service)
    with ExitStack() as clients:
        for target in targets:
            client = clients.enter_context(socket.create_connection((host, int(port))))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        until(lambda: begun(service) == before + len(targets))


def test_clients_that_come_back_find_their_pictures(tmp_path: Path) -> None:
    """Clients that leave find their pictures when they come back."""
    targets = [f"/?prompt=impatient&seed={seed}" for seed in range(60)]
    with (
        Upstream() as upstream,
        Promptcdn(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_BUDGET="unlimited") as service,
    ):
        upstream.always("slow=0.2")
        leave_once_begun(service, targets)
        upstream.wait_for_calls(60)
        upstream.wait_until_idle()

        answers = [service.get(target) for target in targets]

        assert len(digests(answers)) == 60
        assert len(paid(upstream)) == 60


def answered(service: Promptcdn, urls: list[str]) -> list[bytes]:
    answers = [service.get(url) for url in urls]
    assert {answer.status_code for answer in answers} == {200}
    return [answer.content for answer in answers]


XL, OLD = "stable-diffusion-xl-1024-v1-0", "stable-diffusion-v1-6"


@pytest.mark.parametrize("host_is_there", [True, False], ids=["the upstream lives", "the upstream is gone"])
def test_an_operator_who_changes_every_default_moves_no_url(tmp_path: Path, host_is_there: bool) -> None:
    urls = [
        "/?prompt=a&seed=1",
        "/?prompt=a&seed=octocat",
        "/?prompt=a&seed=1&aspect_ratio=16:9",
        f"/?prompt=a&seed=1&engine={OLD}",
        "/?prompt=a&seed=1&width=1152&height=896&steps=20",
        "/?prompt=a&seed=month",
        "/?prompt=a&seed=1&format=png",
    ]
    with Upstream() as upstream:
        before = {"PROMPTCDN_ENGINE": XL, "PROMPTCDN_ENGINES": f"{XL},{OLD}", "PROMPTCDN_STEPS": 30}
        with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **before) as service:
            first = answered(service, urls)
        ledger = paid(upstream)
        assert len(ledger) == len(urls) - 1

        after = {"PROMPTCDN_ENGINE": "another", "PROMPTCDN_ENGINES": "", "PROMPTCDN_SIZE": "512x512"}
        host = upstream.url if host_is_there else "grpc://127.0.0.1:9"
        with Promptcdn(tmp_path, STABILITY_HOST=host, PROMPTCDN_STEPS=10, PROMPTCDN_MEMORY=0, **after) as service:
            assert answered(service, urls) == first
            assert answered(service, urls) == first
            refused = service.get(f"/?prompt=b&seed=1&engine={OLD}")
            assert (refused.status_code, refused.json()["parameter"]) == (400, "engine")
        assert paid(upstream) == ledger


def test_sketches_give_way_to_real_pictures_when_a_host_is_set(tmp_path: Path) -> None:
    """The demo's pictures give way to real ones when a host is set."""
    url = "/?prompt=a&seed=1"
    with Promptcdn(tmp_path) as service:
        sketch = service.get(url).content
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url) as service:
        real = service.get(url).content
    with Promptcdn(tmp_path) as service:
        assert service.get(url).content == real

    assert sketch != real


def test_what_is_spent_is_spent_also_after_a_kill(tmp_path: Path) -> None:
    settings = {"PROMPTCDN_BUDGET": "25/month"}
    with Upstream() as upstream:
        upstream.always("slow=0.1")
        urls = [f"/?prompt=budget&seed={seed}" for seed in range(70)]
        with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **settings) as service:
            leave_once_begun(service, urls[:20])
            upstream.wait_for_calls(1)
            service.stop(signal.SIGKILL)
        upstream.wait_until_idle()
        assert 0 < len(paid(upstream)) <= 20

        with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **settings) as service:
            answers = service.get_together(*urls)
            statuses = Counter(answer.status_code for answer in answers)
            assert set(statuses) == {200, 503}
            assert len(paid(upstream)) <= 25
            refused = next(answer for answer in answers if answer.status_code == 503)
            assert refused.json()["code"] == "budget_spent"
            assert refused.headers["cache-control"] == "public, max-age=30, stale-while-revalidate=0"
            assert int(refused.headers["retry-after"]) > 0

            stored = [str(answer.url.raw_path, "ascii") for answer in answers if answer.status_code == 200]
            assert {answer.status_code for answer in service.get_together(*stored)} == {200}
            assert len(paid(upstream)) <= 25


FAULTS = [
    ("filter", 403, "filtered", "public, max-age=86400, stale-while-revalidate=0"),
    ("unavailable", 503, "upstream_unreachable", "public, max-age=5, stale-while-revalidate=0"),
    ("resource_exhausted", 503, "upstream_busy", "public, max-age=5, stale-while-revalidate=0"),
    ("unauthenticated", 502, "upstream_unauthorized", "public, max-age=5, stale-while-revalidate=0"),
    ("internal", 502, "upstream_garbled", "public, max-age=5, stale-while-revalidate=0"),
    ("out_of_credits", 503, "upstream_unpaid", "public, max-age=5, stale-while-revalidate=0"),
    ("html", 502, "upstream_garbled", "public, max-age=5, stale-while-revalidate=0"),
    ("truncated", 502, "upstream_garbled", "public, max-age=5, stale-while-revalidate=0"),
    ("wrong_size", 502, "upstream_garbled", "public, max-age=5, stale-while-revalidate=0"),
    ("wrong_seed", 502, "upstream_garbled", "public, max-age=5, stale-while-revalidate=0"),
    ("bomb", 502, "upstream_garbled", "public, max-age=5, stale-while-revalidate=0"),
    ("empty", 502, "upstream_garbled", "public, max-age=5, stale-while-revalidate=0"),
    ("hang", 504, "upstream_timeout", "public, max-age=5, stale-while-revalidate=0"),
]


def test_each_upstream_fault_is_a_clear_answer(tmp_path: Path) -> None:
    """Each fault of the upstream is a clear answer, and stores nothing."""
    with (
        Upstream() as upstream,
        Promptcdn(
            tmp_path, STABILITY_HOST=upstream.url, STABILITY_KEY="canary", PROMPTCDN_UPSTREAM_TIMEOUT=1
        ) as service,
    ):
        for fault, status, code, cache_control in FAULTS:
            url = f"/?prompt={quote_plus(f'fault:{fault}')}&seed=1"
            answer = service.get(url)
            assert (answer.status_code, answer.json()["code"]) == (status, code), fault
            assert answer.headers["cache-control"] == cache_control, fault
            assert answer.headers["vary"] == "Accept, User-Agent, Via", fault
            assert ("retry-after" in answer.headers) == (status > 500), fault
            assert "canary" not in answer.text, fault
            assert service.get("/info" + url[1:]).json()["state"] == ("blocked" if status == 403 else "absent"), fault
        assert not (tmp_path / "data" / "store" / "masters").exists()
    assert "canary" not in (tmp_path / "log").read_text()


def test_a_key_whose_paid_answer_was_no_good_has_a_cooldown(tmp_path: Path) -> None:
    url = f"/?prompt={quote_plus('fault:truncated')}&seed=1"
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url) as service:
        first, second = service.get(url), service.get(url)

        assert (first.status_code, second.status_code) == (502, 502)
        assert 1 <= int(second.headers["retry-after"]) <= 5
        assert len(paid(upstream)) == 1


def test_flights_under_way_are_stored_when_the_service_stops(tmp_path: Path) -> None:
    """Flights under way are finished and stored when the service stops."""
    targets = [f"/?prompt=late&seed={seed}" for seed in range(8)]
    with Upstream() as upstream:
        upstream.always("slow=1")
        with Promptcdn(tmp_path, STABILITY_HOST=upstream.url) as service:
            leave_once_begun(service, targets)
            upstream.wait_for_calls(8)
            service.stop(signal.SIGTERM)
        upstream.clear()
        with Promptcdn(tmp_path, STABILITY_HOST=upstream.url) as service:
            answers = [service.get(target) for target in targets]

        assert len(digests(answers)) == 8
        assert len(paid(upstream)) == 8


def test_when_the_service_stops_its_queue_costs_nothing(tmp_path: Path) -> None:
    """When the service stops, those who wait are told so, and those in the queue cost nothing."""
    with Upstream() as upstream, ThreadPoolExecutor(1) as clients:
        upstream.hold()
        with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_CONCURRENCY=1) as service:
            waiting = clients.submit(service.get_together, *(f"/?prompt=late&seed={seed}" for seed in range(5)))
            upstream.wait_for_calls(1)
            service.process.send_signal(signal.SIGTERM)
            answers = waiting.result(20)
            upstream.release()

        assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(503, "draining")}
        assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
        assert len(paid(upstream)) == 1
        assert len(list((tmp_path / "data" / "store" / "masters").glob("*/*/*"))) == 1


def test_the_grace_is_given_once(tmp_path: Path) -> None:
    with Upstream() as upstream:
        upstream.always("hang")
        with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_GRACE=2) as service:
            leave_once_begun(service, ["/?prompt=late&seed=1"])
            upstream.wait_for_calls(1)
            began = time.monotonic()
            service.stop(signal.SIGTERM)

            assert time.monotonic() - began < 2 * 2


def test_a_store_that_was_taken_away_is_no_reason_to_pay_again(tmp_path: Path) -> None:
    store = tmp_path / "data" / "store"
    with ExitStack() as opened:
        upstream = opened.enter_context(Upstream())
        settings = {"STABILITY_HOST": upstream.url, "PROMPTCDN_MEMORY": 0}
        # What was just made is held for a moment: this is a picture of an earlier process.
        with Promptcdn(tmp_path, **settings) as maker:
            first = maker.get("/?prompt=a&seed=1")
        service = opened.enter_context(Promptcdn(tmp_path, **settings))
        store.rename(store.with_name("elsewhere"))
        refused = service.get("/?prompt=a&seed=1")
        assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
        assert service.get("/readyz").status_code == 503
        store.with_name("elsewhere").rename(store)

        until(lambda: service.get("/?prompt=a&seed=1").status_code == 200, seconds=5)
        assert service.get("/?prompt=a&seed=1").content == first.content
        assert len(paid(upstream)) == 1


@pytest.mark.parametrize("memory", [268435456, 0])
def test_a_paid_picture_that_the_store_refused_is_stored_later(tmp_path: Path, memory: int) -> None:
    """A paid picture that the store refused is stored when the store is back."""
    url = "/?prompt=a&seed=1"
    masters = tmp_path / "data" / "store" / "masters"
    with Upstream() as upstream, ThreadPoolExecutor(1) as client:
        upstream.hold()
        with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_MEMORY=memory) as service:
            viewer = client.submit(service.get, url)
            upstream.wait_for_calls(1)
            masters.write_text("in the way")
            upstream.release()
            first = viewer.result(20)
            assert first.headers["cache-control"] == "public, max-age=60, stale-while-revalidate=0"
            assert first.headers["cache-status"] == "promptcdn; fwd=uri-miss; stored=?0"
            assert "etag" not in first.headers
            masters.unlink()
            while service.get(url).headers["cache-control"] != "public, max-age=31536000, immutable":
                pass
            assert service.get(url).content == first.content
        with Promptcdn(tmp_path, STABILITY_HOST=upstream.url) as service:
            assert service.get(url).content == first.content
        assert len(paid(upstream)) == 1
