"""Which order a worker gets, when a lease is over, and what a worker is told: policy, by tables."""

from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.generators.worker import jobs
from promptcdn.generators.worker.jobs import FAILURES_MAX, HANDED_MAX, TIMINGS, Can, Job, Presence, Standing
from promptcdn.readers.answers import Urgency
from promptcdn.url.engines import IMAGE_TO_IMAGE
from tests.support.fakes import order

NOW = 1_000_000.0
KEY = "ab" * 32
ANYTHING = Can(frozenset({"e", "flux"}), None, frozenset({"init", "mask", "upscale"}))


def job(seed: int = 7, placed: float = NOW, urgency: Urgency = Urgency.NOW, asked: float = NOW, **changes: Any) -> Job:
    return Job(order(seed=seed, **changes), placed=placed, asked=asked, urgency=urgency)


def seeds(*given: Job, worker: str = "gpu", can: Can = ANYTHING, now: float = NOW) -> list[int]:
    """The seeds of the orders in the turn in which workers get them."""
    left, found = list(given), list[int]()
    while (chosen := jobs.next_job(left, worker, can, now)) is not None:
        left.remove(chosen)
        found.append(chosen.order.resolved.seed)
    return found


# Which order is next


def test_the_oldest_order_is_next() -> None:
    assert seeds(job(1, NOW - 5), job(2, NOW - 9), job(3, NOW - 7)) == [2, 3, 1]


def test_who_waits_now_goes_before_who_is_early_and_pools() -> None:
    orders = (job(1, NOW - 9, Urgency.POOL), job(2, NOW - 8, Urgency.AHEAD), job(3, NOW - 7, Urgency.NOW))

    assert seeds(*orders) == [3, 2, 1]


def test_whoever_has_left_goes_behind_those_who_wait() -> None:
    left = NOW - TIMINGS.awaited

    assert seeds(job(1, NOW - 90, asked=left), job(2, NOW - 5), job(3, NOW - 50, Urgency.AHEAD)) == [2, 1, 3]


def test_an_order_that_a_worker_has_is_not_handed_out() -> None:
    taken = jobs.handed(job(), "lease", "other", NOW)

    assert seeds(taken, now=NOW + TIMINGS.lease - 0.1) == []
    assert seeds(taken, now=NOW + TIMINGS.lease) == [7]


@pytest.mark.parametrize("state", ["done", "failed"])
def test_an_order_that_is_over_is_not_handed_out(state: Literal["done", "failed"]) -> None:
    assert seeds(replace(job(), state=state, ended=NOW)) == []


def test_whoever_gave_no_picture_gets_the_order_after_the_others() -> None:
    tried = jobs.failed(jobs.handed(job(), "lease", "gpu", NOW), "gpu", "no memory", NOW)

    assert seeds(tried, worker="gpu") == []
    assert seeds(tried, worker="other") == [7]
    assert seeds(tried, worker="gpu", now=NOW + TIMINGS.others) == [7]


@pytest.mark.parametrize(
    ("changes", "can", "is_able"),
    [
        ({}, Can(frozenset({"e"})), True),
        ({}, Can(), False),
        ({"engine": "loaded"}, Can(), True),
        ({"engine": "sdxl"}, Can(frozenset({"sd15"})), False),
        ({}, Can(frozenset({"e"}), frozenset({(64, 64)})), True),
        ({}, Can(frozenset({"e"}), frozenset({(128, 64)})), False),
        ({"init": KEY, "strength": 0.5}, Can(frozenset({"e"})), False),
        ({"init": KEY, "strength": 0.5}, Can(frozenset({"e"}), None, frozenset({"init"})), True),
        ({"init": KEY, "mask": KEY}, Can(frozenset({"e"}), None, frozenset({"init"})), False),
        ({"init": KEY, "mask": KEY}, Can(frozenset({"e"}), None, IMAGE_TO_IMAGE), True),
        # A size is that of what is drawn, before it is enlarged.
        (
            {"init": KEY, "upscale": 2, "width": 128, "height": 128},
            Can(frozenset({"e"}), frozenset({(64, 64)}), frozenset({"init", "upscale"})),
            True,
        ),
    ],
)
def test_a_worker_gets_what_it_can(changes: dict[str, Any], can: Can, is_able: bool) -> None:
    assert jobs.able(order(**changes).resolved, can) is is_able


# What the sender of a message is to an order

MINE = jobs.handed(job(), "mine", "gpu", NOW)
ANOTHERS = jobs.handed(MINE, "anothers", "other", NOW + 40)


@pytest.mark.parametrize(
    ("there", "lease", "worker", "standing"),
    [
        (None, "mine", "gpu", "unknown"),
        (job(), "mine", "gpu", "unknown"),
        (MINE, "forged", "gpu", "unknown"),
        (MINE, "", "gpu", "unknown"),
        (MINE, "mine", "other", "theirs"),
        (MINE, "mine", "gpu", "current"),
        (ANOTHERS, "mine", "gpu", "late"),
        (ANOTHERS, "anothers", "other", "current"),
        (jobs.done(ANOTHERS, NOW), "mine", "gpu", "ended"),
        (jobs.done(ANOTHERS, NOW), "mine", "other", "theirs"),
        (jobs.given_back(MINE, NOW), "mine", "gpu", "current"),
    ],
)
def test_who_sends_a_message_about_an_order(there: Job | None, lease: str, worker: str, standing: Standing) -> None:
    assert jobs.standing(there, lease, worker) == standing


# What becomes of an order


def test_a_sign_of_life_renews_the_lease() -> None:
    renewed = jobs.renewed(MINE, NOW + 25)

    assert renewed.leased(NOW + 25 + TIMINGS.lease - 0.1)
    assert not renewed.leased(NOW + 25 + TIMINGS.lease)


def test_signs_of_life_keep_no_order_for_ever() -> None:
    now, kept = NOW, MINE
    while kept.leased(now) and now < NOW + 2 * TIMINGS.longest:
        now += TIMINGS.lease / 2
        kept = jobs.renewed(kept, now)

    assert now - NOW == TIMINGS.longest


@pytest.mark.parametrize("hours", [1, 24])
def test_an_order_is_free_after_the_clock_was_set_back(hours: int) -> None:
    assert seeds(MINE, now=NOW - hours * 3600) == [7]
    assert seeds(MINE, now=NOW - 5) == [], "clocks of replicas differ by seconds"


def test_workers_are_remembered_for_a_day_and_the_latest_alone() -> None:
    crowd = {f"box:{number}": Presence(NOW - number) for number in range(5000)}
    others = {"yesterday": Presence(NOW - TIMINGS.kept), "set back": Presence(NOW + 3600), "ahead": Presence(NOW + 5)}

    assert set(jobs.remembered({**crowd, **others}, NOW)) == {"ahead", *(f"box:{number}" for number in range(999))}


def test_an_order_that_is_given_back_is_free_and_not_tried() -> None:
    back = jobs.given_back(MINE, NOW + 1)

    assert seeds(back, worker="gpu", now=NOW + 1) == [7]
    assert (back.failures, MINE.handed, back.handed) == ((), 1, 0)


def test_an_order_fails_with_its_last_try() -> None:
    tried = MINE
    for number in range(FAILURES_MAX):
        assert tried.state == "waiting"
        tried = jobs.failed(tried, f"worker-{number}", "a\x00b", NOW)

    assert tried.state == "failed"
    assert jobs.why_failed(tried) == "no worker has made this picture; the last reason: a b"


@pytest.mark.parametrize(
    ("there", "later", "left"),
    [
        (jobs.done(MINE, NOW), TIMINGS.done - 1, "done"),
        (jobs.done(MINE, NOW), TIMINGS.done, None),
        (replace(MINE, state="failed", ended=NOW), TIMINGS.failed - 1, "failed"),
        (replace(MINE, state="failed", ended=NOW), TIMINGS.failed, None),
        (job(), TIMINGS.kept - 1, "waiting"),
        (job(), TIMINGS.kept, None),
        # One that a worker has is kept, however long nobody asks for it.
        (replace(MINE, asked=NOW - TIMINGS.kept), 1, "waiting"),
        (replace(MINE, handed=HANDED_MAX), TIMINGS.lease - 1, "waiting"),
        (replace(MINE, handed=HANDED_MAX), TIMINGS.lease, "failed"),
    ],
)
def test_what_time_makes_of_an_order(there: Job, later: float, left: str | None) -> None:
    found = jobs.swept(there, NOW + later)

    assert (found and found.state) == left


def test_of_those_who_ask_the_most_urgent_counts() -> None:
    early = job(urgency=Urgency.POOL)

    assert jobs.asked_again(early, Urgency.NOW, NOW + 1).urgency is Urgency.NOW
    assert jobs.asked_again(job(), Urgency.POOL, NOW + 1).urgency is Urgency.NOW
    assert jobs.asked_again(early, Urgency.POOL, NOW + 1).asked == NOW + 1


# What readers are told


@pytest.mark.parametrize(
    ("workers", "seconds", "words"),
    [
        ([], 60, "no worker has called lately"),
        ([Presence(NOW - TIMINGS.seen)], 60, "no worker has called lately"),
        ([Presence(NOW)], 6, "waits for a worker, and 2 before it"),
        ([Presence(NOW, 10.0)], 30, "waits for a worker, and 2 before it"),
        ([Presence(NOW, 10.0), Presence(NOW, 20.0)], 23, "waits for a worker, and 2 before it"),
        ([Presence(NOW, 300.0)], 60, "waits for a worker, and 2 before it"),
        ([Presence(NOW, 0.1)] * 4, 2, "waits for a worker, and 2 before it"),
    ],
)
def test_a_reader_is_told_how_long_it_may_take(workers: list[Presence], seconds: int, words: str) -> None:
    mine, *others = job(1), job(2, NOW - 1), job(3, NOW - 2), job(4, NOW + 1)

    why, retry_after = jobs.waits(mine, (mine, *others), workers, NOW)

    assert words in why
    assert retry_after == seconds


def test_a_reader_is_told_that_the_picture_is_the_next_one() -> None:
    assert jobs.waits(job(), [job()], [Presence(NOW)], NOW) == ("the picture is the next one for a worker", 2)


def test_only_workers_count_that_can_draw_the_picture() -> None:
    """A worker with another engine is no help, however often it calls."""
    able, unable = Presence(NOW, 10.0, Can(frozenset({"e"}))), Presence(NOW, 1.0, Can(frozenset({"sdxl"})))

    assert jobs.waits(job(), [job()], [able, unable], NOW)[1] == 10
    told = jobs.waits(job(), [job()], [unable], NOW)
    assert told == ("the picture waits for a worker that can draw it, and none has called lately", 60)


@pytest.mark.parametrize(
    ("engines", "last"),
    [((), None), (("sdxl",), NOW - 5), (("sdxl", "sdxl"), NOW - 5), (("sdxl", "e"), NOW - 90), (("flux",), NOW - 900)],
)
def test_the_last_call_is_that_of_a_worker_that_is_able(engines: tuple[str, ...], last: float | None) -> None:
    waiting = [job(seed, engine=engine) for seed, engine in enumerate(engines)]
    workers = [Presence(NOW - 5, can=Can(frozenset({"sdxl"}))), Presence(NOW - 90, can=Can(frozenset({"e"})))]

    assert jobs.last_call([*waiting, jobs.done(job(99, engine="flux"), NOW)], workers, NOW - 900) == last


def test_a_reader_is_told_that_the_picture_is_being_drawn() -> None:
    assert jobs.waits(MINE, [MINE], [], NOW) == ("a worker is drawing the picture", 2)


# As text


@given(
    after=st.integers(0, 2**70),
    reason=st.text(max_size=300),
    urgency=st.sampled_from(Urgency),
    placed=st.floats(0, 1e10),
)
def test_a_job_is_read_as_it_was_written(after: int, reason: str, urgency: Urgency, placed: float) -> None:
    written = jobs.failed(replace(MINE, after=after, urgency=urgency, placed=placed), "gpu", reason, NOW)

    assert jobs.read(jobs.written(written)) == written


@pytest.mark.parametrize(
    "can",
    [None, Can(), ANYTHING, Can(frozenset({"e"}), frozenset({(64, 128), (64, 64)})), Can(frozenset(), frozenset())],
)
def test_a_presence_is_read_as_it_was_written(can: Can | None) -> None:
    assert jobs.presence_read(jobs.presence_written(Presence(NOW, 1.5, can))) == Presence(NOW, 1.5, can)


def test_a_worker_that_names_too_much_is_present() -> None:
    """A look reads what all workers can. Half of a character cannot be written as it is."""
    for engines in ({"\ud800"}, {f"engine-{number}" for number in range(500)}):
        written = jobs.presence_written(Presence(NOW, can=Can(frozenset(engines))))
        assert written.isascii()
        assert len(written) < 5000
        assert jobs.presence_read(written).at == NOW


@pytest.mark.parametrize("text", ["", "1000000.000 1.500", "{}", "[]", '{"at":1,"seconds":1,"can":[1]}'])
def test_a_presence_of_another_version_is_one_of_long_ago(text: str) -> None:
    assert jobs.presence_read(text) == Presence(0.0)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"order":[1,2,{}]}', "no JSON"])
def test_what_another_version_wrote_is_no_job(text: str) -> None:
    assert jobs.read(text) is None
