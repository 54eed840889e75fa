"""An upstream that fails, seen from outside: misses are refused, hits go on, and it is used again once it is back."""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import Promptcdn
from tests.upstream import Upstream


def readiness(service: Promptcdn) -> dict[str, Any]:
    """What /readyz says, once its status is found to agree."""
    answer = service.get("/readyz")
    said: dict[str, Any] = json.loads(answer.content)
    assert (answer.status_code == 200) == said["ready"]
    parts: dict[str, Any] = said["parts"]
    return {**parts, "ready": said["ready"]}


def test_a_dead_upstream_costs_no_hit_and_no_money(tmp_path: Path) -> None:
    stored = "/?prompt=stored&seed=1"
    with contextlib.ExitStack() as opened:
        with Upstream() as upstream:
            port = int(upstream.host.rpartition(":")[2])
            service = opened.enter_context(Promptcdn(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_BUDGET="10/day"))
            picture = service.get(stored).content

        misses = [service.get(f"/?prompt=dead&seed={seed}") for seed in range(5)]
        refused = service.get_together(*(f"/?prompt=refused&seed={seed}" for seed in range(40)))
        for miss in (*misses, *refused):
            assert (miss.status_code, miss.json()["code"]) == (503, "upstream_unreachable")
            assert miss.headers["cache-control"] == "public, max-age=5, stale-while-revalidate=0"
            assert 1 <= int(miss.headers["retry-after"]) <= 5
        assert {"is not called" in miss.json()["detail"] for miss in refused} == {True}
        parts = readiness(service)
        assert not parts["ready"]
        assert ": upstream_unreachable" in parts["generator"]["detail"]
        assert parts["budget"]["detail"].startswith("9 of 10")
        assert service.get(stored).content == picture

        with Upstream(port=port) as back:
            ends = time.monotonic() + 30
            # A key that was refused did not rest.
            while (answer := service.get("/?prompt=dead&seed=1")).status_code != 200:
                assert time.monotonic() < ends, answer.text
            assert len(back.ledger.calls()) == 1
            assert {answer.status_code for answer in service.get_together("/?prompt=a", "/?prompt=b")} == {200}
            assert readiness(service)["ready"]


@pytest.mark.parametrize(
    ("fault", "status", "code", "advice"),
    [
        ("out_of_credits", 503, "upstream_unpaid", "buy credits"),
        ("unauthenticated", 502, "upstream_unauthorized", "check STABILITY_KEY"),
    ],
)
def test_only_the_operator_learns_what_the_operator_has_to_mend(
    tmp_path: Path, fault: str, status: int, code: str, advice: str
) -> None:
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url) as service:
        upstream.always(fault)
        misses = [service.get(f"/?prompt=miss&seed={seed}") for seed in range(8)]

        assert {(miss.status_code, miss.json()["code"]) for miss in misses} == {(status, code)}
        assert [int(miss.headers["retry-after"]) > 50 for miss in misses] == [True] * 8
        assert len(upstream.seen) == 5
        log = (tmp_path / "log").read_text()
        assert advice in log
        for said in (*(miss.text for miss in misses), service.get("/readyz").text, log):
            assert "canary" not in said
            assert "0.0033" not in said
        assert advice not in "".join(miss.text for miss in misses)
        assert upstream.ledger.calls() == []


def test_everybody_who_waits_for_one_flight_gets_its_refusal(tmp_path: Path) -> None:
    with Upstream() as upstream, Promptcdn(tmp_path, STABILITY_HOST=upstream.url) as service:
        upstream.always("unavailable")
        for seed in range(5):
            service.get(f"/?prompt=miss&seed={seed}")
        answers = service.get_together(*["/?prompt=one&seed=1"] * 30)

        assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(503, "upstream_unreachable")}
        assert len(upstream.seen) == 5
