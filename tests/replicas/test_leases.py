"""Replicas that share a Redis pay for one picture a key, and for one a replica at most whatever breaks."""

import itertools
import signal
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from promptcdn.making import cooldown
from promptcdn.replicas.leases import ENDS
from tests.faults.stage import paid
from tests.replicas.conftest import COUNT, Replicas, asked_together, misses
from tests.support.crowd import Crowd, Reply
from tests.support.service import Promptcdn, wait_until_ready
from tests.support.waiting import until


def asked_of_all(replicas: Replicas, urls: Sequence[str]) -> list[Reply]:
    """What each replica answers to all of `urls`, asked at the same time."""
    replies = asked_together([(service, urls) for service in replicas.each])
    whole = [reply for reply in replies if reply is not None]
    assert len(whole) == len(replies), f"{len(replies) - len(whole)} connections were broken"
    return whole


def shown(replies: Sequence[Reply]) -> set[tuple[bytes, str]]:
    """The different pictures among the answers, all of which must be one for ever."""
    assert all(reply.for_ever for reply in replies), {(reply.status, reply.code) for reply in replies}
    return {(reply.body, reply.headers["last-modified"]) for reply in replies}


def ready(service: Promptcdn) -> bool:
    parts = service.get("/readyz").json()["parts"]
    return bool(parts["redis"]["ready"])


def test_three_hundred_at_three_replicas_pay_for_one_picture(replicas: Replicas) -> None:
    """Three hundred who ask three replicas for one new picture pay for one."""
    replicas.upstream.always("slow=0.5")

    replies = asked_of_all(replicas, ["/?prompt=one&seed=1"] * 100)

    assert len(shown(replies)) == 1
    assert list(paid(replicas.upstream).values()) == [1]


def test_fifty_pictures_asked_of_all_replicas_are_paid_for_once(replicas: Replicas) -> None:
    """Fifty new pictures asked of all replicas at once are paid for once each."""
    replicas.upstream.always("slow=0.1")

    replies = asked_of_all(replicas, misses("many", 50))

    assert len(shown(replies)) == 50
    assert list(paid(replicas.upstream).values()) == [1] * 50


def test_a_replica_finds_a_picture_that_another_made_meanwhile(
    replicas: Replicas,
) -> None:
    """A replica that saw no picture a moment ago finds the one that another made meanwhile."""
    one, other, _ = replicas.each
    # What is absent is remembered for two seconds, and the first picture of a process may take as long.
    for url in misses("late", 5):
        assert other.get(f"/info{url[1:]}").json()["state"] == "absent"
        assert one.get(f"/i.png{url[1:]}").content == other.get(f"/i.png{url[1:]}").content

    assert list(paid(replicas.upstream).values()) == [1] * 5


def test_three_cold_replicas_pay_for_no_more_than_the_pool(replicas: Replicas) -> None:
    """Three cold replicas pay for no more than the pool of a url without a seed."""
    replies = asked_of_all(replicas, ["/?prompt=pool"] * 200)

    assert {reply.status for reply in replies} == {200}
    calls = paid(replicas.upstream)
    assert len(calls) <= 8
    assert set(calls.values()) == {1}


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_when_a_pictures_maker_dies_or_hangs_others_make_it(replicas: Replicas, fault: signal.Signals) -> None:
    """When the replica that makes a picture dies or hangs the others make it."""
    leader, *others = replicas.each
    url = "/?prompt=led&seed=1"
    replicas.upstream.hold()
    with ThreadPoolExecutor(COUNT) as crowds:
        led = crowds.submit(Crowd(leader.url).ask, [url])
        replicas.upstream.wait_for_calls(1)
        asked: list[Future[list[Reply]]] = [crowds.submit(Crowd(other.url).answers, [url] * 20) for other in others]
        until(lambda: replicas.redis.client.pubsub_numsub(ENDS)[0][1] == len(others))

        leader.process.send_signal(fault)
        replicas.upstream.release()
        replies = [reply for crowd in asked for reply in crowd.result()]
        if fault == signal.SIGSTOP:
            leader.process.send_signal(signal.SIGCONT)
            replies += [reply for reply in led.result() if reply]

    assert len(replies) == 40 + (fault == signal.SIGSTOP)
    assert len(shown(replies)) == 1
    assert list(paid(replicas.upstream).values()) == [2]


@pytest.mark.parametrize("gone", ["kill", "hang"])
def test_while_redis_is_gone_each_replica_pays_once_at_most(replicas: Replicas, gone: str) -> None:
    """While Redis is gone each replica pays once at most and nobody is refused."""
    redis, upstream = replicas.redis, replicas.upstream
    during, without, again = misses("during", 10), misses("without", 10), misses("again", 10)
    upstream.hold()
    with ThreadPoolExecutor(1) as crowds:
        asked = crowds.submit(asked_of_all, replicas, during)
        upstream.wait_for_calls(3)
        redis.kill() if gone == "kill" else redis.hang()
        upstream.wait_for_calls(11)  # some keys are paid for again: nobody waits for a lease any more
        upstream.release()
        assert len(shown(asked.result())) == 10
    assert len(shown(asked_of_all(replicas, without))) == 10
    assert not any(ready(service) for service in replicas.each)
    assert max(paid(upstream).values()) <= COUNT

    redis.start() if gone == "kill" else redis.go_on()
    wait_until_ready(*replicas.each)
    before = paid(upstream)
    assert len(shown(asked_of_all(replicas, again))) == 10
    assert list((paid(upstream) - before).values()) == [1] * 10


def test_a_redis_that_hangs_costs_only_the_first_new_picture(replicas: Replicas) -> None:
    """A Redis that hangs costs the first new picture a moment and the others nothing.

    Once a command had no answer none is sent any more, as tests/replicas/test_connection.py sees.
    """
    one = replicas.each[0]
    assert one.get("/?prompt=before&seed=1").status_code == 200
    replicas.redis.hang()

    assert {one.get(url).status_code for url in misses("hanging", 5)} == {200}
    said = [line for line in (one.folder / "log").read_text().splitlines() if "Redis does not answer" in line]
    assert len(said) == 1
    assert "promptcdn_redis_down 1.0" in one.get("/metrics").text
    assert max(paid(replicas.upstream).values()) == 1


@pytest.mark.parametrize(("fault", "code"), [("html", "upstream_garbled"), ("filter", "filtered")])
def test_what_failed_at_one_replica_is_not_paid_for_by_another(replicas: Replicas, fault: str, code: str) -> None:
    """What gave no picture at one replica is not paid for by another, before its cooldown is over."""
    url = f"/?prompt=fault:{fault}&seed=7"

    at_once = asked_of_all(replicas, [url] * 10)
    later = [service.get(url) for service in replicas.each]

    assert {reply.code for reply in at_once} == {code}
    assert {answer.json()["code"] for answer in later} == {code}
    # A busy machine may need longer than the cooldown for all of that.
    moments = [call.at for call in replicas.upstream.ledger.calls()]
    assert all(after - before >= cooldown.TIMINGS.first for before, after in itertools.pairwise(moments))
    assert len(moments) == 1 or code != "filtered"


def test_hits_go_on_while_redis_is_gone_and_readiness_says_so(replicas: Replicas) -> None:
    one = replicas.each[0]
    first = one.get("/?prompt=known&seed=1")
    assert ready(one)
    replicas.redis.kill()

    assert one.get("/readyz").status_code == 503
    assert not ready(one)
    assert one.get("/?prompt=known&seed=1").content == first.content
