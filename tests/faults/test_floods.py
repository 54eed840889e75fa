"""More than can be made: bounded queues, then a clear refusal, and hits go on."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from tests.faults.conftest import Figures
from tests.faults.stage import paid, small
from tests.service.test_metrics import samples
from tests.support.buckets import BUCKET, environment, moto
from tests.support.crowd import Crowd, Reply
from tests.support.rounds import rounds
from tests.support.service import Promptcdn
from tests.support.tcp_faults import FaultyTcp
from tests.support.waiting import until
from tests.upstream import Upstream

MISSES = 2000
MADE = 8 + 64
# Of requests that wait for something.
PLACES_OF_ONE = 2048
PLACES_OF_ONE_AT_INFO = 32


def resident(service: Promptcdn) -> int:
    """The process's memory in kB."""
    with open(f"/proc/{service.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_of_two_thousand_misses_as_many_as_fit_are_made(tmp_path: Path, upstream: Upstream, figures: Figures) -> None:
    """Of two thousand misses at once as many are made as the queue holds, and hits go on."""
    times = 1 + rounds(1)
    memory = []
    settings = {"PROMPTCDN_CONCURRENCY": 8, "PROMPTCDN_QUEUE": 64}
    with small(tmp_path, upstream, **settings) as service, ThreadPoolExecutor(1) as others:
        crowd = Crowd(service.url)
        hit = service.get("/?prompt=a+hit&seed=1")
        memory.append(resident(service))
        for number in range(times):
            upstream.hold()
            flood = others.submit(crowd.answers, [f"/?prompt=flood+{number}&seed={seed}" for seed in range(MISSES)])
            upstream.wait_for_calls(1 + MADE * number + 8)
            hits = [service.get("/?prompt=a+hit&seed=1") for _ in range(200)]
            crowd.wait_for_answers(MISSES * (number + 1) - MADE)
            upstream.release()
            require_bounded(flood.result())

            assert {answer.content for answer in hits} == {hit.content}
            assert sorted(paid(upstream).values()) == [1] * (1 + MADE * (number + 1))
            memory.append(resident(service))
    before, once, *_, often = memory
    # The first one opens two thousand connections and fills what is reused by the next.
    assert once < 3 * before
    assert often < 1.3 * once
    figures(
        rounds=times,
        requests=times * MISSES,
        paid=times * MADE,
        refused=times * (MISSES - MADE),
        hits_meanwhile=times * 200,
        memory_in_MB=" → ".join(str(kilobytes // 1000) for kilobytes in memory),
    )


def require_bounded(replies: list[Reply]) -> None:
    made = [reply for reply in replies if reply.status == 200]
    refused = [reply for reply in replies if reply.status != 200]
    assert len(made) == MADE
    assert len({reply.body for reply in made}) == MADE
    assert {(reply.status, reply.code) for reply in refused} == {(503, "overloaded")}
    assert all(int(reply.headers["retry-after"]) > 0 for reply in refused)


def test_requests_of_clients_that_left_take_limited_places(
    tmp_path: Path, upstream: Upstream, figures: Figures
) -> None:
    """Requests whose clients left take so many places and no more, and hits go on."""
    numbers = count()
    known, unknown = "/?prompt=a+hit&seed=1", "/?prompt=unknown&seed=1"
    with moto(tmp_path) as bucket, FaultyTcp(bucket.port) as way:
        store = {"PROMPTCDN_STORE": f"s3://{BUCKET}/floods", **environment(f"http://127.0.0.1:{way.port}")}
        with small(tmp_path, upstream, **store) as service:
            crowd, hit = Crowd(service.url), service.get(known)

            def flood() -> None:
                crowd.leave([f"/?prompt=flood&seed={next(numbers)}" for _ in range(1000)], 0.05)

            def overloaded() -> bool:
                flood()
                return samples(service.get("/metrics")).get('promptcdn_refusals_total{code="overloaded"}', 0) > 0

            way.commit("stall")
            until(overloaded, 120)
            full = resident(service)
            hits, waiting = [], []
            for _ in range(3 + rounds(2)):
                flood()
                waiting.append(samples(service.get("/metrics"))["promptcdn_requests_waiting"])
                hits += [service.get(known) for _ in range(20)]
            memory = resident(service)
            way.heal()
            until(lambda: service.get(unknown).status_code == 200, 120)

            assert {(answer.content, answer.headers["cache-status"]) for answer in hits} == {
                (hit.content, "promptcdn; hit; detail=memory")
            }
            assert max(waiting) <= PLACES_OF_ONE
            assert memory < 1.3 * full
    figures(
        requests=next(numbers), hits_meanwhile=len(hits), most_waiting=int(max(waiting)), memory_in_MB=memory // 1000
    )


def test_many_requests_for_info_do_not_hold_up_pictures(tmp_path: Path, upstream: Upstream, figures: Figures) -> None:
    """Few requests wait for what /info looks for, and pictures are asked for all the same."""
    with moto(tmp_path) as bucket, FaultyTcp(bucket.port) as way:
        store = {"PROMPTCDN_STORE": f"s3://{BUCKET}/infos", **environment(f"http://127.0.0.1:{way.port}")}
        with small(tmp_path, upstream, **store) as service, ThreadPoolExecutor(1) as others:
            service.get("/?prompt=a+hit&seed=1")
            way.commit("stall")
            asked = others.submit(service.get_together, *(f"/info?prompt=a&seed={seed}" for seed in range(100)))
            refused = 'promptcdn_refusals_total{code="overloaded"}'
            until(lambda: samples(service.get("/metrics")).get(refused, 0) == 100 - PLACES_OF_ONE_AT_INFO)
            waiting = samples(service.get("/metrics"))["promptcdn_requests_waiting"]
            hit = service.get("/?prompt=a+hit&seed=1")
            way.heal()
            answers = asked.result()

            assert waiting == PLACES_OF_ONE_AT_INFO
            assert hit.headers["cache-status"] == "promptcdn; hit; detail=memory"
            assert sum(answer.status_code == 503 for answer in answers) >= 100 - PLACES_OF_ONE_AT_INFO
    figures(requests=100, waited=int(waiting))
