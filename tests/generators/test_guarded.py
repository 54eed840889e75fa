"""Care for the upstream, against a real gRPC server: tries, deadlines, the breaker."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from promptcdn import problems
from promptcdn.generators.care.guarded import Guarded
from promptcdn.generators.stability import Stability
from promptcdn.problems import ProblemType, UpstreamFailed
from promptcdn.url.request import Resolved
from tests.upstream import Upstream

ORDER = Resolved("stability", "an-engine", "a lighthouse", 7, 64, 64, 30, 7.0)
KEY = "c0ffee" * 8


class Bench:
    """A guarded generator whose pauses are written down and not slept, and whose breaker goes by the test's clock."""

    def __init__(self, url: str, seconds: float = 20, chance: float = 0.5) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []
        self.guarded = Guarded(
            Stability(url, "sk-canary"), seconds, clock=lambda: self.now, sleep=self._sleep, chance=lambda: chance
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
        assert self.guarded.state == "open"


def at(bench: Bench, work: Callable[[Bench], Awaitable[None]]) -> None:
    async def lived() -> None:
        try:
            await work(bench)
        finally:
            await bench.guarded.close()

    asyncio.run(lived())


# Tries


@pytest.mark.parametrize("fault", ["rate_limited", "resource_exhausted"])
def test_a_busy_upstream_is_tried_again_and_charges_once(fault: str) -> None:
    async def work(bench: Bench) -> None:
        assert (await bench.picture()).startswith(b"\x89PNG")

    with Upstream() as upstream:
        upstream.script(fault, fault)
        bench = Bench(upstream.url)
        at(bench, work)

        assert bench.pauses == [0.25, 0.5]
        assert len(upstream.seen) == 3
        assert len(upstream.ledger.calls()) == 1


def test_after_three_tries_it_is_given_up_and_nothing_was_charged() -> None:
    async def work(bench: Bench) -> None:
        failure = await bench.failure()
        assert (failure.kind, failure.charged) == (problems.UPSTREAM_BUSY, False)

    with Upstream() as upstream:
        upstream.always("rate_limited")
        at(Bench(upstream.url), work)

        assert len(upstream.seen) == 3
        assert upstream.ledger.calls() == []


def test_a_dead_upstream_is_tried_again() -> None:
    async def work(bench: Bench) -> None:
        failure = await bench.failure()
        assert (failure.kind, failure.charged) == (problems.UPSTREAM_UNREACHABLE, False)

    with Upstream() as upstream:
        pass  # its port is free again
    bench = Bench(upstream.url)
    at(bench, work)

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
def test_what_may_be_charged_or_does_not_pass_by_itself_is_tried_once(
    fault: str, kind: ProblemType, charged: bool
) -> None:
    async def work(bench: Bench) -> None:
        failure = await bench.failure()
        assert (failure.kind, failure.charged) == (kind, charged)
        assert "canary" not in str(failure.document())

    with Upstream() as upstream:
        upstream.always(fault)
        bench = Bench(upstream.url)
        at(bench, work)

        assert (len(upstream.seen), bench.pauses) == (1, [])


@pytest.mark.parametrize(("said", "named"), [("pushback=250", 0.25), ("retry_after=3", 3.0), ("retry_info=0.75", 0.75)])
def test_the_pause_that_the_upstream_names_is_kept_and_the_jitter_comes_on_top(said: str, named: float) -> None:
    async def work(bench: Bench) -> None:
        await bench.picture()

    with Upstream() as upstream:
        upstream.script(f"rate_limited {said}")
        bench = Bench(upstream.url, chance=0.5)
        at(bench, work)

        assert bench.pauses == [named + 0.25]


@pytest.mark.parametrize(
    ("pause", "retry_after"), [("pushback=-1", 5), ("pushback=30000", 30), ("retry_after=12", 12), ("retry_info=9", 9)]
)
def test_a_pause_that_is_too_long_to_wait_for_is_the_clients(pause: str, retry_after: int) -> None:
    async def work(bench: Bench) -> None:
        assert (await bench.failure()).retry_after == retry_after

    with Upstream() as upstream:
        upstream.always("rate_limited", pause)
        bench = Bench(upstream.url, seconds=18)
        at(bench, work)

        assert (len(upstream.seen), bench.pauses) == (1, [])


# Deadlines


def test_one_deadline_covers_all_tries() -> None:
    async def work(bench: Bench) -> None:
        await bench.picture()

    with Upstream() as upstream:
        upstream.script("rate_limited retry_after=3", "rate_limited retry_after=3")
        at(Bench(upstream.url, seconds=20, chance=0.0), work)

        # gRPC rounds what is left up when it writes it down: its wire format has few digits.
        assert [round(left or 0) for left in upstream.seen] == [20, 17, 14]


def test_a_try_that_would_have_less_than_half_of_the_time_is_not_begun() -> None:
    async def work(bench: Bench) -> None:
        await bench.failure()

    with Upstream() as upstream:
        upstream.always("rate_limited", "retry_after=3")
        at(Bench(upstream.url, seconds=6), work)

        assert len(upstream.seen) == 1


def test_an_upstream_that_hangs_is_given_up_at_the_deadline_and_not_tried_again() -> None:
    async def work(bench: Bench) -> None:
        failure = await bench.failure()
        assert (failure.kind, failure.charged) == (problems.UPSTREAM_TIMEOUT, True)

    with Upstream() as upstream:
        upstream.always("hang")
        at(Bench(upstream.url, seconds=0.5), work)

        assert len(upstream.seen) == 1


def test_who_is_cancelled_in_a_pause_makes_no_further_call() -> None:
    async def work(upstream: Upstream) -> None:
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

    with Upstream() as upstream:
        upstream.always("rate_limited")
        asyncio.run(work(upstream))

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
def test_an_upstream_that_failed_five_times_is_not_called_any_more(
    fault: str, calls: int, code: str, retry_after: int
) -> None:
    async def work(bench: Bench) -> None:
        await bench.opened()
        assert code in bench.guarded.refuses
        failures = [await bench.failure() for _ in range(20)]
        assert {(failure.kind.code, failure.charged, failure.retry_after) for failure in failures} == {
            (code, False, retry_after)
        }
        assert "canary" not in str(failures[0].document())

    with Upstream() as upstream:
        upstream.always(fault)
        at(Bench(upstream.url), work)

        assert len(upstream.seen) == calls


@pytest.mark.parametrize("fault", ["invalid_argument", "internal", "filter", "not_found"])
def test_what_is_about_one_picture_does_not_open_it(fault: str) -> None:
    async def work(bench: Bench) -> None:
        for _ in range(8):
            try:
                await bench.picture()
            except UpstreamFailed:
                continue
        assert bench.guarded.state == "closed"

    with Upstream() as upstream:
        upstream.always(fault)
        at(Bench(upstream.url), work)

        assert len(upstream.seen) == 8


def test_half_open_lets_one_of_fifty_through_and_its_success_all() -> None:
    async def work(bench: Bench, upstream: Upstream) -> None:
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
        assert bench.guarded.state == "closed"
        assert await bench.picture()

    with Upstream() as upstream:
        at(Bench(upstream.url), lambda bench: work(bench, upstream))

        assert len(upstream.ledger.calls()) == 2


def test_a_probe_that_fails_is_not_tried_again_and_keeps_it_open_for_longer() -> None:
    async def work(bench: Bench, upstream: Upstream) -> None:
        await bench.opened()
        before = len(upstream.seen)
        bench.now += 5
        assert bench.guarded.state == "half-open"
        await bench.failure()
        assert len(upstream.seen) == before + 1
        assert (await bench.failure()).retry_after == 10

    with Upstream() as upstream:
        upstream.always("rate_limited")
        at(Bench(upstream.url), lambda bench: work(bench, upstream))


def test_a_probe_that_is_cancelled_makes_room_for_the_next() -> None:
    async def work(bench: Bench, upstream: Upstream) -> None:
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

    with Upstream() as upstream:
        at(Bench(upstream.url), lambda bench: work(bench, upstream))


# What the operator sees


def test_an_open_breaker_is_a_finding_and_a_closed_one_is_none() -> None:
    async def work(bench: Bench, upstream: Upstream) -> None:
        assert "breaker" not in {finding.part for finding in await bench.guarded.checks(())}
        upstream.always("unavailable")
        await bench.opened()
        found = {finding.part: finding for finding in await bench.guarded.checks(())}
        assert not found["breaker"].good
        assert found["breaker"].detail == "answers hits only: upstream_unreachable, tried again in 5 s"
        bench.now += 5
        assert bench.guarded.refuses == ""

    with Upstream() as upstream:
        at(Bench(upstream.url), lambda bench: work(bench, upstream))


@pytest.mark.parametrize(
    ("fault", "words"), [("out_of_credits", "buy credits"), ("unauthenticated", "check STABILITY_KEY")]
)
def test_what_only_the_operator_can_mend_is_an_error_in_the_log_without_the_upstreams_words(
    caplog: pytest.LogCaptureFixture, fault: str, words: str
) -> None:
    async def work(bench: Bench) -> None:
        await bench.failure()

    with Upstream() as upstream:
        upstream.always(fault)
        at(Bench(upstream.url), work)

    assert [words in said.message for said in caplog.records if said.levelno == logging.ERROR] == [True]
    assert "canary" not in caplog.text
