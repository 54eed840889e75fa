"""Care for the upstream, against a real gRPC server: tries, deadlines, the breaker."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from promptcdn import problems
from promptcdn.generators.care.guarded import Guarded
from promptcdn.generators.stability import Stability
from promptcdn.problems import ProblemType, UpstreamFailed
from promptcdn.url.request import Resolved
from tests.upstream import Upstream
from tests.upstream.stability_rest import StabilityRest

pytestmark = pytest.mark.anyio

ORDER = Resolved("stability", "an-engine", "a lighthouse", 7, 64, 64, 30, 7.0)
KEY = "c0ffee" * 8


class Bench:
    """A guarded generator whose pauses are written down and not slept, and whose breaker goes by the test's clock."""

    def __init__(self, url: str, seconds: float = 20, fraction: float = 0.5) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        self.guarded = Guarded(
            Stability(url, "sk-canary"),
            seconds,
            clock=lambda: self.now,
            sleep=self._sleep,
            chance=lambda: fraction,
            access="STABILITY_KEY",
        )

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    async def picture(self) -> bytes:
        return (await self.guarded.generate(ORDER, KEY)).picture

    async def failure(self) -> UpstreamFailed:
        with pytest.raises(UpstreamFailed) as caught:
            await self.picture()
        return caught.value

    async def opened(self) -> None:
        """Until the breaker is open."""
        for _ in range(5):
            await self.failure()
        assert self.guarded.phase == "open"


@asynccontextmanager
async def bench_at(url: str, seconds: float = 20, fraction: float = 0.5) -> AsyncIterator[Bench]:
    bench = Bench(url, seconds, fraction)
    try:
        yield bench
    finally:
        await bench.guarded.close()


@pytest.fixture
async def bench(upstream: Upstream) -> AsyncIterator[Bench]:
    async with bench_at(upstream.url) as opened:
        yield opened


# Tries


@pytest.mark.parametrize("fault", ["rate_limited", "resource_exhausted"])
async def test_a_busy_upstream_is_tried_again_and_charges_once(upstream: Upstream, bench: Bench, fault: str) -> None:
    upstream.script(fault, fault)

    assert (await bench.picture()).startswith(b"\x89PNG")
    assert bench.pauses == [0.25, 0.5]
    assert len(upstream.seen) == 3
    assert len(upstream.ledger.calls()) == 1


async def test_after_three_tries_a_call_fails_and_was_not_charged(upstream: Upstream, bench: Bench) -> None:
    upstream.always("rate_limited")

    failure = await bench.failure()

    assert (failure.kind, failure.charged) == (problems.UPSTREAM_BUSY, False)
    assert len(upstream.seen) == 3
    assert upstream.ledger.calls() == []


async def test_a_dead_upstream_is_tried_again() -> None:
    with Upstream() as upstream:
        pass  # its port is free again
    async with bench_at(upstream.url) as bench:
        failure = await bench.failure()

    assert (failure.kind, failure.charged) == (problems.UPSTREAM_UNREACHABLE, False)
    assert len(bench.pauses) == 2


ONCE: list[tuple[str, ProblemType, bool]] = [
    ("unavailable", problems.UPSTREAM_UNREACHABLE, True),
    ("reset", problems.UPSTREAM_UNREACHABLE, True),
    ("internal", problems.UPSTREAM_GARBLED, True),
    ("no_picture", problems.UPSTREAM_GARBLED, True),
    ("invalid_argument", problems.UPSTREAM_REFUSED, False),
    ("not_found", problems.UPSTREAM_REFUSED, False),
    ("unimplemented", problems.UPSTREAM_REFUSED, False),
    ("unauthenticated", problems.UPSTREAM_UNAUTHORIZED, False),
    ("permission_denied", problems.UPSTREAM_UNAUTHORIZED, False),
    ("out_of_credits", problems.UPSTREAM_UNPAID, False),
]


@pytest.mark.parametrize(("fault", "kind", "charged"), ONCE, ids=[row[0] for row in ONCE])
async def test_what_may_be_charged_or_stays_is_tried_once(
    upstream: Upstream, bench: Bench, fault: str, kind: ProblemType, charged: bool
) -> None:
    """Also what no second try can mend."""
    upstream.always(fault)

    failure = await bench.failure()

    assert (failure.kind, failure.charged) == (kind, charged)
    assert "canary" not in str(failure.document())
    assert (len(upstream.seen), bench.pauses) == (1, [])


@pytest.mark.parametrize(
    ("asked", "named"), [("pushback=250", 0.25), ("retry_after=3", 3.0), ("retry_info=0.75", 0.75)]
)
async def test_jitter_comes_on_top_of_the_pause_that_was_asked_for(
    upstream: Upstream, bench: Bench, asked: str, named: float
) -> None:
    upstream.script(f"rate_limited {asked}")

    await bench.picture()

    assert bench.pauses == [named + 0.25]


@pytest.mark.parametrize(
    ("pause", "retry_after"), [("pushback=-1", 5), ("pushback=30000", 30), ("retry_after=12", 12), ("retry_info=9", 9)]
)
async def test_a_pause_that_is_too_long_to_wait_for_is_the_clients(
    upstream: Upstream, pause: str, retry_after: int
) -> None:
    upstream.always("rate_limited", pause)
    async with bench_at(upstream.url, seconds=18) as bench:
        assert (await bench.failure()).retry_after == retry_after

    assert (len(upstream.seen), bench.pauses) == (1, [])


# Deadlines


async def test_one_deadline_covers_all_tries(upstream: Upstream) -> None:
    upstream.script("rate_limited retry_after=3", "rate_limited retry_after=3")
    async with bench_at(upstream.url, seconds=20, fraction=0.0) as bench:
        await bench.picture()

    # gRPC rounds what is left up when it writes it down: its wire format has few digits.
    assert [round(left or 0) for left in upstream.seen] == [20, 17, 14]


async def test_no_try_begins_with_less_than_half_of_the_time(upstream: Upstream) -> None:
    upstream.always("rate_limited", "retry_after=3")
    async with bench_at(upstream.url, seconds=6) as bench:
        await bench.failure()

    assert len(upstream.seen) == 1


async def test_a_call_that_hangs_ends_at_the_deadline_and_is_the_last(upstream: Upstream) -> None:
    upstream.always("hang")
    async with bench_at(upstream.url, seconds=0.5) as bench:
        failure = await bench.failure()

    assert (failure.kind, failure.charged) == (problems.UPSTREAM_TIMEOUT, True)
    assert len(upstream.seen) == 1


async def test_who_is_cancelled_in_a_pause_makes_no_further_call(upstream: Upstream) -> None:
    upstream.always("rate_limited")
    paused = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        paused.set()
        await asyncio.Event().wait()

    guarded = Guarded(Stability(upstream.url, None), 20, sleep=sleep)
    call = asyncio.create_task(guarded.generate(ORDER, KEY))
    await paused.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await guarded.close()

    assert len(upstream.seen) == 1


# The breaker


@pytest.mark.parametrize(
    ("fault", "calls", "code", "retry_after"),
    [
        # Those of the last call before it opens are tried, too.
        ("rate_limited", 15, "upstream_busy", 5),
        ("unavailable", 5, "upstream_unreachable", 5),
        ("out_of_credits", 5, "upstream_unpaid", 60),
        ("unauthenticated", 5, "upstream_unauthorized", 60),
    ],
)
async def test_an_upstream_that_failed_five_times_is_not_called(
    upstream: Upstream, bench: Bench, fault: str, calls: int, code: str, retry_after: int
) -> None:
    upstream.always(fault)
    await bench.opened()
    assert code in bench.guarded.refuses

    failures = [await bench.failure() for _ in range(20)]

    answers = {(failure.kind.code, failure.charged, failure.retry_after) for failure in failures}
    assert answers == {(code, False, retry_after)}
    assert "canary" not in str(failures[0].document())
    assert len(upstream.seen) == calls


@pytest.mark.parametrize("fault", ["invalid_argument", "internal", "filter", "not_found"])
async def test_what_is_about_one_picture_does_not_open_it(upstream: Upstream, bench: Bench, fault: str) -> None:
    upstream.always(fault)
    for _ in range(8):
        try:
            await bench.picture()
        except UpstreamFailed:
            continue

    assert bench.guarded.phase == "closed"
    assert len(upstream.seen) == 8


async def test_half_open_lets_one_of_fifty_through_and_its_success_all(upstream: Upstream, bench: Bench) -> None:
    upstream.always("unavailable")
    await bench.opened()
    upstream.clear()
    upstream.hold()
    bench.now += 5
    calls = [asyncio.create_task(bench.guarded.generate(replace(ORDER, seed=seed), KEY)) for seed in range(1, 51)]
    await asyncio.to_thread(upstream.wait_for_calls, 1)
    probe, others = calls[0], calls[1:]
    await asyncio.wait(others)
    assert {type(call.exception()) for call in others} == {UpstreamFailed}
    assert len(upstream.ledger.calls()) == 1

    upstream.release()

    assert (await probe).picture
    assert bench.guarded.phase == "closed"
    assert await bench.picture()
    assert len(upstream.ledger.calls()) == 2


async def test_a_probe_that_fails_is_one_try_and_doubles_the_pause(upstream: Upstream, bench: Bench) -> None:
    upstream.always("rate_limited")
    await bench.opened()
    before = len(upstream.seen)
    bench.now += 5
    assert bench.guarded.phase == "half-open"

    await bench.failure()

    assert len(upstream.seen) == before + 1
    assert (await bench.failure()).retry_after == 10


async def test_a_probe_that_is_cancelled_makes_room_for_the_next(upstream: Upstream, bench: Bench) -> None:
    upstream.always("unavailable")
    await bench.opened()
    upstream.always("hang")
    bench.now += 5
    probe = asyncio.create_task(bench.picture())
    await asyncio.to_thread(upstream.wait_for_calls, 1)
    probe.cancel()
    await asyncio.wait([probe])
    upstream.clear()

    assert await bench.picture()


# What the operator sees


async def test_an_open_breaker_is_a_finding_and_a_closed_one_is_none(upstream: Upstream, bench: Bench) -> None:
    assert "breaker" not in {check.part for check in await bench.guarded.checks(())}
    upstream.always("unavailable")
    await bench.opened()

    found = {check.part: check for check in await bench.guarded.checks(())}

    assert not found["breaker"].good
    assert found["breaker"].detail == "no new pictures for 5 s: upstream_unreachable"
    bench.now += 5
    assert bench.guarded.refuses == ""


@pytest.mark.parametrize(
    ("fault", "words"), [("out_of_credits", "buy credits"), ("unauthenticated", "check STABILITY_KEY")]
)
async def test_what_only_the_operator_can_mend_is_an_error_in_the_log(
    caplog: pytest.LogCaptureFixture, upstream: Upstream, bench: Bench, fault: str, words: str
) -> None:
    """Without the upstream's own words, which may quote the key."""
    upstream.always(fault)

    await bench.failure()

    assert [words in line.message for line in caplog.records if line.levelno == logging.ERROR] == [True]
    assert "canary" not in caplog.text


async def test_an_order_for_another_upstream_says_nothing_of_this() -> None:
    """It is of an engine that is reached over gRPC, and REST is spoken: nothing is called, and the breaker stays."""
    with StabilityRest() as upstream:
        upstream.always("bad_gateway")
        async with bench_at(upstream.url) as bench:
            for _ in range(5):
                with pytest.raises(UpstreamFailed):
                    await bench.guarded.generate(replace(ORDER, engine="core"), KEY)
            bench.now += 6
            calls = len(upstream.forms)

            failure = await bench.failure()

            assert (failure.kind, failure.charged, failure.kind.status) == (problems.GENERATOR_MISSING, False, 503)
            assert ORDER.engine in failure.detail
            assert (bench.guarded.phase, len(upstream.forms)) == ("half-open", calls)
            upstream.clear()
            assert (await bench.guarded.generate(replace(ORDER, engine="core"), KEY)).picture
