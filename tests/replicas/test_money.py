"""What replicas may spend together, and what one client may start: exactly so much, whatever dies."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from promptcdn.replicas.leases import ENDS
from tests.replicas.conftest import COUNT, asked_together, misses, running
from tests.support.buckets import Service
from tests.support.crowd import Crowd, Reply
from tests.support.redis_servers import Server
from tests.support.service import Promptcdn, wait_until_ready
from tests.support.waiting import until

# On a busy machine services take their time to start.
pytestmark = pytest.mark.timeout(300)

LIMIT = 25
# Few enough at once that there is a middle.
AT_ONCE = 2


def flush(redis: Server) -> None:
    redis.client.flushall()


def restart(redis: Server) -> None:
    redis.kill()
    redis.start()


def spread(services: Sequence[Promptcdn], urls: Sequence[str]) -> list[Reply | None]:
    """What the services answer, each to its share of `urls`, all at once."""
    return asked_together([(service, urls[n :: len(services)]) for n, service in enumerate(services)])


def outcomes(replies: Iterable[Reply | None]) -> set[tuple[int, str]]:
    """Statuses and codes of those that were answered; a refusal must say when to come back."""
    answered = [reply for reply in replies if reply is not None]
    assert all(reply.status == 200 or int(reply.headers["retry-after"]) > 0 for reply in answered)
    return {(reply.status, reply.code) for reply in answered}


@pytest.mark.parametrize("forget", [flush, restart])
def test_a_thousand_misses_spend_the_budget_and_no_more(
    tmp_path: Path, bucket: Service, forget: Callable[[Server], None]
) -> None:
    """A thousand misses spend the budget and no more though a replica dies and Redis forgets."""
    # Longer than the crowd's patience: "too slow" says nothing of the budget.
    patient = {"PROMPTCDN_QUEUE": 1000, "PROMPTCDN_WAIT": 120}
    chosen = {"PROMPTCDN_BUDGET": f"{LIMIT}/day", "PROMPTCDN_CONCURRENCY": AT_ONCE, **patient}
    with running(tmp_path, bucket, **chosen) as replicas, ThreadPoolExecutor(1) as crowd:
        victim, *others = replicas.each
        upstream = replicas.upstream
        wait_until_ready(*replicas.each)
        known = victim.get("/?prompt=known&seed=1")
        upstream.hold()
        asked = crowd.submit(spread, replicas.each, misses("before", 600))
        upstream.wait_for_calls(1 + COUNT * AT_ONCE)
        # The middle: most of the budget is left.
        assert len(upstream.ledger.calls()) == 1 + COUNT * AT_ONCE < LIMIT

        victim.process.kill()
        forget(replicas.redis)
        upstream.release()
        assert [service.get("/?prompt=known&seed=1").content for service in others] == [known.content] * 2
        during = asked.result()
        wait_until_ready(*others)
        after = spread(others, misses("after", 400))
        seen = [service.get("/?prompt=known&seed=1").status_code for service in others]
        paid = len(upstream.ledger.calls())

    # The victim was asked the first third, and may have refused some of it before it died.
    assert None in during[:200]
    assert None not in during[200:]
    # The bucket is one process that is asked by three replicas at once: on a busy machine it is slower than they wait.
    slow = {(503, "store_unavailable")}
    assert outcomes(during) <= {(200, ""), (503, "counter_unavailable"), (503, "budget_spent")} | slow
    assert outcomes(after) <= {(200, ""), (503, "budget_spent")}
    assert seen == [200, 200]
    assert paid == LIMIT


@pytest.mark.parametrize("gone", ["kill", "hang"])
def test_while_redis_is_gone_a_budget_spends_nothing(tmp_path: Path, bucket: Service, gone: str) -> None:
    """While Redis is gone a budget spends nothing and then goes on where it was."""
    with running(tmp_path, bucket, PROMPTCDN_BUDGET="9/day") as replicas:
        redis, upstream = replicas.redis, replicas.upstream
        wait_until_ready(*replicas.each)
        known = misses("known", 3)
        assert outcomes(spread(replicas.each, known)) == {(200, "")}

        redis.kill() if gone == "kill" else redis.hang()
        refused = spread(replicas.each, misses("during", 60))
        hits = [reply for service in replicas.each for reply in Crowd(service.url).answers(known)]
        assert outcomes(refused) == {(503, "counter_unavailable")}
        assert outcomes(hits) == {(200, "")}
        assert len(upstream.ledger.calls()) == 3

        redis.start() if gone == "kill" else redis.go_on()
        wait_until_ready(*replicas.each)
        again = spread(replicas.each, misses("again", 60))
        assert outcomes(again) == {(200, ""), (503, "budget_spent")}
        assert len(upstream.ledger.calls()) == 9


def test_who_joins_a_picture_at_another_replica_is_not_charged(tmp_path: Path, bucket: Service) -> None:
    """Who joins a picture at another replica is not charged for it."""
    with running(tmp_path, bucket, PROMPTCDN_CLIENT_RATE="1/hour") as replicas, ThreadPoolExecutor(1) as first:
        one, other, _ = replicas.each
        replicas.upstream.hold()
        started = first.submit(one.get, "/?prompt=shared&seed=1")
        replicas.upstream.wait_for_calls(1)
        with ThreadPoolExecutor(1) as second:
            joined = second.submit(other.get, "/?prompt=shared&seed=1")
            until(lambda: replicas.redis.client.pubsub_numsub(ENDS)[0][1] == 1)
            replicas.upstream.release()
            assert joined.result().content == started.result().content
        assert other.get("/?prompt=another&seed=1").status_code == 429


def test_one_client_may_start_as_many_at_all_replicas_as_at_one(tmp_path: Path, bucket: Service) -> None:
    """One client starts as many pictures at all replicas as it may at one."""
    with running(tmp_path, bucket, PROMPTCDN_CLIENT_RATE="20/hour") as replicas:
        replies = spread(replicas.each, misses("greedy", 60))

        assert outcomes(replies) == {(200, ""), (429, "rate_limited")}
        assert len(replicas.upstream.ledger.calls()) == 20
