"""Pictures whose orders wait for a worker while nobody waits for them: what readers and programs are told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fakes import picture
from tests.support.service import Promptcdn
from tests.support.waiting import until
from tests.support.workers import SETTINGS, Pretender

SIZE = "&width=256&height=256"
URL = f"/?prompt=a+lighthouse&seed=7{SIZE}"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Promptcdn]:
    """A service in which an order is waited for no longer than a second, and in which a client may start one."""
    settings = {**SETTINGS, "PROMPTCDN_UPSTREAM_TIMEOUT": 1, "PROMPTCDN_CLIENT_RATE": "1/day"}
    with Promptcdn(tmp_path, **settings) as running:
        yield running


def ordered(service: Promptcdn) -> str:
    """The content key of a picture whose order waits, and for which nobody waits."""
    assert service.get(URL).status_code == 503
    until(lambda: 'promptcdn_flights{generator="worker"} 0.0' in service.get("/metrics").text)
    return str(service.get(f"/info{URL}").json()["content_key"])


def state(service: Promptcdn) -> str:
    return str(service.get(f"/info{URL}").json()["state"])


def test_a_picture_whose_order_waits_is_being_made(service: Promptcdn) -> None:
    """Also while a worker has the order, and until the picture is stored."""
    assert state(service) == "absent"
    ordered(service)
    waiting, order = state(service), Pretender(service).order()
    drawn = state(service)
    Pretender(service).put(order["order"], picture((256, 256)))

    assert (waiting, drawn, state(service)) == ("generating", "generating", "stored")


def test_an_order_that_waits_is_not_counted_against_a_rate(service: Promptcdn) -> None:
    ordered(service)

    assert [service.get(URL).json()["code"] for _ in range(3)] == ["waiting_for_worker"] * 3
    assert service.get(f"/?prompt=two&seed=1{SIZE}").json()["code"] == "rate_limited"


def test_a_source_whose_order_waits_is_not_missing(service: Promptcdn) -> None:
    key = ordered(service)
    derived = service.get(f"{URL}&init={key}")

    assert (derived.status_code, derived.json()["code"]) == (503, "too_slow")
