"""Replicas that share a Redis pay for one picture a key, and for one a replica at most whatever breaks."""

import signal
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from promptcdn.replicas.connection import COMMAND_SECONDS
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


def test_three_hundred_who_ask_three_replicas_for_one_new_picture_pay_for_one(replicas: Replicas) -> None:
    replicas.upstream.always("slow=0.5")

    replies = asked_of_all(replicas, ["/?prompt=one&seed=1"] * 100)

    assert len(shown(replies)) == 1
    assert list(paid(replicas.upstream).values()) == [1]


def test_fifty_new_pictures_asked_of_all_replicas_at_once_are_paid_for_once_each(replicas: Replicas) -> None:
    replicas.upstream.always("slow=0.1")

    replies = asked_of_all(replicas, misses("many", 50))

    assert len(shown(replies)) == 50
    assert list(paid(replicas.upstream).values()) == [1] * 50


def test_a_replica_that_saw_no_picture_a_moment_ago_finds_the_one_that_another_made_meanwhile(
    replicas: Replicas,
) -> None:
    one, other, _ = replicas.each
    # What is absent is remembered for two seconds, and the first picture of a process may take as long.
    for url in misses("late", 5):
        assert other.get(f"/info{url[1:]}").json()["state"] == "absent"
        assert one.get(f"/i.png{url[1:]}").content == other.get(f"/i.png{url[1:]}").content

    assert list(paid(replicas.upstream).values()) == [1] * 5


def test_three_cold_replicas_pay_for_no_more_than_the_pool_of_a_url_without_a_seed(replicas: Replicas) -> None:
    replies = asked_of_all(replicas, ["/?prompt=pool"] * 200)

    assert {reply.status for reply in replies} == {200}
    calls = paid(replicas.upstream)
    assert len(calls) <= 8
    assert set(calls.values()) == {1}


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_when_the_replica_that_makes_a_picture_dies_or_hangs_the_others_make_it(
    replicas: Replicas, fault: signal.Signals
) -> None:
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
def test_while_redis_is_gone_each_replica_pays_once_at_most_and_nobody_is_refused(
    replicas: Replicas, gone: str
) -> None:
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


def test_a_redis_that_hangs_costs_the_first_new_picture_a_moment_and_the_others_nothing(replicas: Replicas) -> None:
    one = replicas.each[0]

    def seconds(prompt: str) -> float:
        began = time.monotonic()
        assert {one.get(url).status_code for url in misses(prompt, 20)} == {200}
        return time.monotonic() - began

    seconds("first")
    before = seconds("before")
    replicas.redis.hang()

    # Twenty that waited would be ten seconds late.
    assert seconds("hanging") < 3 * before + 2 * COMMAND_SECONDS


@pytest.mark.parametrize(("fault", "code"), [("html", "upstream_garbled"), ("filter", "filtered")])
def test_what_gave_no_picture_at_one_replica_is_not_paid_for_by_another(
    replicas: Replicas, fault: str, code: str
) -> None:
    url = f"/?prompt=fault:{fault}&seed=7"

    at_once = asked_of_all(replicas, [url] * 10)
    later = [service.get(url) for service in replicas.each]

    assert {reply.code for reply in at_once} == {code}
    assert {answer.json()["code"] for answer in later} == {code}
    assert list(paid(replicas.upstream).values()) == [1]


def test_hits_go_on_while_redis_is_gone_and_readiness_says_so(replicas: Replicas) -> None:
    one = replicas.each[0]
    first = one.get("/?prompt=known&seed=1")
    assert ready(one)
    replicas.redis.kill()

    assert one.get("/readyz").status_code == 503
    assert not ready(one)
    assert one.get("/?prompt=known&seed=1").content == first.content
