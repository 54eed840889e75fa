"""The operator's budget over real processes: by the upstream's ledger, never more than was allowed."""

import contextlib
import json
import signal
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import buckets
from tests.support.crowd import Crowd
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.upstream import Upstream

# So many waiters that nothing but the budget refuses.
FLIGHTS = 8
ENGINE = "stable-diffusion-v1-6"
ROOMY = {
    "PROMPTCDN_BUDGET": "25/day",
    "PROMPTCDN_ENGINE": ENGINE,
    "PROMPTCDN_CONCURRENCY": FLIGHTS,
    "PROMPTCDN_QUEUE": 1000,
}


def ask(service: Promptcdn, urls: list[str]) -> "Counter[tuple[int, str]]":
    """How often which status and code came, all asked at once; `(0, "")` where the process died meanwhile."""
    replies = Crowd(service.url).ask(urls)
    assert all(int(reply.headers["retry-after"]) > 0 for reply in replies if reply and reply.status != 200)
    return Counter((reply.status, reply.code) if reply else (0, "") for reply in replies)


@contextlib.contextmanager
def two_services(folder: Path, upstream: Upstream) -> Iterator[tuple[Promptcdn, Promptcdn]]:
    """Two processes on one data folder."""
    shared = {"STABILITY_HOST": upstream.url, "PROMPTCDN_DATA_DIR": folder / "data", **ROOMY}
    with Promptcdn(folder / "one", **shared) as one, Promptcdn(folder / "two", **shared) as two:
        yield one, two


def misses(name: str, count: int) -> list[str]:
    return [f"/?prompt={name}&seed={seed}" for seed in range(count)]


def test_two_processes_pay_for_exactly_the_budget_and_hits_go_on(tmp_path: Path) -> None:
    with Upstream() as upstream, two_services(tmp_path, upstream) as (one, two), ThreadPoolExecutor(4) as clients:
        stored = misses("stored", 5)
        assert ask(one, stored) == {(200, ""): 5}
        upstream.always("slow=0.3")

        first = clients.submit(ask, one, misses("one", 300))
        second = clients.submit(ask, two, misses("two", 300))
        upstream.wait_for_calls(6)
        hits = [clients.submit(ask, service, stored * 20) for service in (one, two)]

        assert first.result() + second.result() == {(200, ""): 20, (503, "budget_spent"): 580}
        assert [asked.result() for asked in hits] == [{(200, ""): 100}] * 2
        assert len(upstream.ledger.calls()) == 25


def test_a_process_killed_and_started_again_lets_no_more_through(tmp_path: Path) -> None:
    with Upstream() as upstream, ThreadPoolExecutor(2) as clients:
        upstream.always("slow=0.2")
        with two_services(tmp_path, upstream) as (one, two):
            first = clients.submit(ask, one, misses("one", 300))
            second = clients.submit(ask, two, misses("two", 300))
            upstream.wait_for_calls(10)
            one.stop(signal.SIGKILL)
            statuses = set(first.result() + second.result())
        assert statuses <= {(0, ""), (200, ""), (503, "budget_spent")}

        with two_services(tmp_path, upstream) as (one, two):
            again = ask(one, misses("three", 300)) + ask(two, misses("four", 300))
        assert set(again) <= {(200, ""), (503, "budget_spent")}
        assert 25 - FLIGHTS <= len(upstream.ledger.calls()) <= 25


def test_several_limits_are_kept_and_told(tmp_path: Path) -> None:
    settings = {
        "PROMPTCDN_BUDGET": "100/day, 2.5 credits/month",
        "PROMPTCDN_PRICES": f"{ENGINE}=0.5",
        "PROMPTCDN_ENGINE": ENGINE,
    }
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **settings) as service:
        assert ", budget 100/day, 2.5 credits/month, pictures in" in service.said[0]
        assert ask(service, misses("a", 9)) == {(200, ""): 5, (503, "budget_spent"): 4}
        assert "2.5 credits/month (0 left, 0.5 needed)" in service.get(misses("b", 1)[0]).json()["detail"]

        part = service.get("/readyz").json()["parts"]["budget"]
        assert part == {"ready": True, "detail": "95 of 100/day left, 0 of 2.5 credits/month left"}
        variables = environment(PROMPTCDN_DATA_DIR=tmp_path / "data", STABILITY_HOST=upstream.url, **settings)
        ended = subprocess.run([PROMPTCDN, "doctor", "--json"], cwd=tmp_path, capture_output=True, env=variables)
        found = {finding["part"]: finding for finding in json.loads(ended.stdout)}
        assert found["budget"]["good"] is False
        assert found["budget"]["detail"].startswith("95 of 100/day left, 0 of 2.5 credits/month left, counted in ")
        assert found["balance"]["detail"] == "1250 credits"
        assert len(upstream.ledger.calls()) == 5


def test_a_counter_that_does_not_answer_is_found_by_doctor(tmp_path: Path) -> None:
    settings = {"PROMPTCDN_DATA_DIR": tmp_path / "data", "PROMPTCDN_BUDGET": "5/day"}
    with Promptcdn(tmp_path, **settings):
        pass
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "budget.sqlite3")) as database:
        database.execute("DROP TABLE spent")

    ended = subprocess.run(
        [PROMPTCDN, "doctor"], cwd=tmp_path, capture_output=True, text=True, env=environment(**settings)
    )

    assert ended.returncode == 1
    assert "BAD   budget: the budget's counter does not answer" in ended.stdout


@pytest.mark.parametrize(("shared", "said"), [({}, True), ({"PROMPTCDN_REDIS_URL": "redis://127.0.0.1:9"}, False)])
def test_the_start_says_that_replicas_need_redis_for_a_budget(
    tmp_path: Path, shared: dict[str, str], said: bool
) -> None:
    """The start says so where other machines may use the bucket, too, and no Redis counts for all of them."""
    reached = buckets.environment("http://127.0.0.1:9")
    with Promptcdn(tmp_path, PROMPTCDN_BUDGET="5/day", PROMPTCDN_STORE="s3://pictures", **reached, **shared) as service:
        assert ("counted by this machine alone, replicas need PROMPTCDN_REDIS_URL" in service.said[0]) is said
        assert ("alone" in service.get("/readyz").json()["parts"]["budget"]["detail"]) is said


def test_a_budget_that_restarts_forget_is_no_fault(tmp_path: Path) -> None:
    """A place that forgets the counter is told at the start and by /readyz, and is no fault."""
    with Promptcdn(tmp_path, PROMPTCDN_BUDGET="5/day", K_SERVICE="pictures") as service:
        assert "budget 5/day (forgotten on restart: Cloud Run keeps no disk" in service.said[0]
        document = service.get("/readyz").json()
        assert document["ready"] is True
        assert document["parts"]["budget"]["detail"].startswith("5 of 5/day left; forgotten on restart: Cloud Run")
