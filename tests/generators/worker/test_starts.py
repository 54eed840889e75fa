"""When a worker is started, by tables; and what starting one is."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from promptcdn.generators.worker import Worker, jobs, starts
from promptcdn.generators.worker.boards import MemoryBoard
from promptcdn.generators.worker.jobs import Can, Job
from promptcdn.generators.worker.ledger import Ledger
from promptcdn.generators.worker.starting import Starter
from promptcdn.generators.worker.starting import Timings as StartingTimings
from promptcdn.generators.worker.starts import TIMINGS, due
from tests.support.fakes import ManualClock, order
from tests.support.serving import Quiet, serving
from tests.support.waiting import eventually

NOW = 1_000_000.0
HOUR = 3600.0
LONG_AGO = 0.0


@pytest.mark.parametrize(
    ("done", "last_call", "is_due"),
    [
        ([], LONG_AGO, True),
        ([], NOW - TIMINGS.silence + 1, False),
        ([], NOW - TIMINGS.silence, True),
        # One was started, and may still be on its way.
        ([NOW - TIMINGS.pause + 1], LONG_AGO, False),
        ([NOW - TIMINGS.pause], LONG_AGO, True),
        # After two in vain the pause is twice as long, and in the end as long as the longest.
        ([NOW - HOUR, NOW - TIMINGS.pause], LONG_AGO, False),
        ([NOW - HOUR, NOW - 2 * TIMINGS.pause], LONG_AGO, True),
        ([NOW - HOUR - number for number in range(10)], LONG_AGO, True),
        ([NOW - HOUR + 1 - number for number in range(10)], LONG_AGO, False),
        # The last one has called: it was not in vain.
        ([NOW - 100], NOW - 90, True),
        # It was made before the clock was set back, and counts as made now.
        ([NOW + HOUR], LONG_AGO, False),
        ([NOW + HOUR + number for number in range(20)], NOW - 90, False),
        # So many are allowed in a day.
        ([NOW - number * HOUR for number in range(1, 21)], NOW - 90, False),
        ([NOW - 24 * HOUR - 1, *(NOW - number * HOUR for number in range(1, 20))], NOW - 90, True),
    ],
)
def test_when_a_worker_is_started(done: list[float], last_call: float, is_due: bool) -> None:
    assert due(sorted(done), last_call, NOW, 20) is is_due


class Stage:
    """A board with one order that waits, and starters on it that look all the time."""

    def __init__(self) -> None:
        self.hands, self.board = ManualClock(), MemoryBoard()
        self.ledger = Ledger(self.board, clock=self.hands.clock)

    async def order(self) -> None:
        now = self.hands.clock.unix()
        job = jobs.asked_again(replace(Job(order()), placed=now), Job(order()).urgency, now)
        await self.ledger.change(job.order.content_key, lambda _: job)

    @contextlib.asynccontextmanager
    async def starter(self, how: str, most: int = 9):  # type: ignore[no-untyped-def]
        starter = Starter(self.ledger, how, most, StartingTimings(look=0.01, call=5.0))
        starter.start()
        yield starter
        await starter.close()


@pytest.fixture
def called() -> Iterator[tuple[str, list[str]]]:
    """An address, and the calls that came to it."""
    calls: list[str] = []

    class Starting(Quiet, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            calls.append(self.path)
            self.send_response(202 if "good" in self.path else 500)
            self.end_headers()

    with serving(Starting) as address:
        yield address, calls


@pytest.mark.anyio
async def test_a_command_starts_a_worker_once_nobody_has_called(tmp_path: Path) -> None:
    stage = Stage()
    async with stage.starter(f"touch '{tmp_path}/a worker'") as starter:
        await stage.order()
        await asyncio.sleep(0.1)
        assert not (tmp_path / "a worker").exists(), "a worker that is there calls within a minute"
        stage.hands.seconds += TIMINGS.silence
        await eventually((tmp_path / "a worker").exists)
        await eventually(lambda: starter.results["started"] == 1)

        assert stage.ledger.last_start == stage.hands.clock.unix()


@pytest.mark.anyio
async def test_a_worker_that_cannot_draw_the_order_stops_no_start(called: tuple[str, list[str]]) -> None:
    address, calls = called
    stage = Stage()
    async with stage.starter(f"{address}/good"):
        await stage.order()
        stage.hands.seconds += TIMINGS.silence
        await stage.ledger.see("gpu/able", can=Can(frozenset({"e"})))
        await asyncio.sleep(0.1)
        assert calls == []
        stage.hands.seconds += TIMINGS.silence
        await stage.ledger.see("gpu/another", can=Can(frozenset({"sdxl"})))
        await eventually(lambda: calls == ["/good"])


@pytest.mark.anyio
async def test_an_address_is_called_once_by_all_replicas(called: tuple[str, list[str]]) -> None:
    address, calls = called
    stage = Stage()
    async with stage.starter(f"{address}/good?key=canary") as one, stage.starter(f"{address}/good?key=canary") as two:
        await stage.order()
        stage.hands.seconds += TIMINGS.silence
        await eventually(lambda: one.results["started"] + two.results["started"] == 1)
        stage.hands.seconds += TIMINGS.pause - 1
        await asyncio.sleep(0.1)
        assert calls == ["/good?key=canary"]
        stage.hands.seconds += 1
        await eventually(lambda: len(calls) == 2)


@pytest.mark.anyio
@pytest.mark.parametrize("how", ["ADDRESS/bad?key=canary", "http://127.0.0.1:9/canary", "/no/such/canary", "false"])
async def test_a_start_that_fails_is_told_without_the_secret(
    how: str, called: tuple[str, list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage()
    async with stage.starter(how.replace("ADDRESS", called[0])) as starter:
        await stage.order()
        stage.hands.seconds += TIMINGS.silence
        await eventually(lambda: starter.results["failed"] == 1)

    assert "no worker was started by PROMPTCDN_WORKER_START" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.anyio
async def test_a_command_that_fails_after_a_while_has_started_nothing() -> None:
    """As one does that calls an API which refuses it."""
    stage = Stage()
    async with stage.starter("sh -c 'sleep 1.5; exit 3'") as starter:
        await stage.order()
        stage.hands.seconds += TIMINGS.silence
        await eventually(lambda: starter.results.total() == 1)

        assert starter.results["failed"] == 1


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("how", "good"),
    [("", True), ("https://example.org/canary", True), ("sh -c canary", True), ("/no/such/canary --as x", False)],
)
async def test_doctor_tells_a_program_that_is_not_there(how: str, good: bool) -> None:
    """Before an order waits, and without the command: there may be a secret in it."""
    checks = await Worker(how).checks(())

    assert all(check.good for check in checks) is good
    assert "canary" not in repr((checks, Worker(how)))


def test_a_day_is_24_hours() -> None:
    assert starts.of_the_day([NOW + HOUR, NOW - 1], NOW) == (NOW - 1, NOW)
    assert starts.of_the_day([NOW - 24 * HOUR, NOW - 24 * HOUR + 1, NOW], NOW) == (NOW - 24 * HOUR + 1, NOW)
