"""S3 that is away, silent, or loses its answers on the way."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.conftest import Figures
from tests.faults.stage import paid, small, verified
from tests.support.buckets import BUCKET, environment, moto
from tests.support.crowd import Crowd
from tests.support.rounds import rounds
from tests.support.service import Promptcdn
from tests.support.tcp_faults import FaultyTcp, Name
from tests.upstream import Upstream

YEAR, A_MINUTE = "public, max-age=31536000, immutable", "public, max-age=60, stale-while-revalidate=0"
STORE = f"s3://{BUCKET}/faults"


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[FaultyTcp]:
    """The way to a bucket."""
    with moto(tmp_path) as service, FaultyTcp(service.port) as way:
        yield way


def on_bucket(folder: Path, upstream: Upstream, way: FaultyTcp, **settings: object) -> Promptcdn:
    reached = environment(f"http://127.0.0.1:{way.port}")
    return small(folder, upstream, **{"PROMPTCDN_STORE": STORE, **reached, **settings})


def verified_bucket(way: FaultyTcp) -> tuple[int, str]:
    return verified(STORE, **environment(f"http://127.0.0.1:{way.port}"))


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, signal.SIGKILL])
def test_pictures_paid_without_a_bucket_outlive_a_restart(
    tmp_path: Path, upstream: Upstream, bucket: FaultyTcp, figures: Figures, ended_by: signal.Signals
) -> None:
    """Pictures paid for while the bucket is away outlive a restart, and are stored when it is back."""
    urls = [f"/?prompt=a&seed={seed}" for seed in range(8)]

    def go_away() -> None:
        upstream.wait_for_calls(len(urls))
        bucket.commit("refuse")
        upstream.release()

    upstream.hold()
    with on_bucket(tmp_path, upstream, bucket) as service:
        first = Crowd(service.url).answers(urls, asked=go_away)
        assert {(reply.status, reply.headers["cache-control"]) for reply in first} == {(200, A_MINUTE)}
        service.stop(ended_by)
    with on_bucket(tmp_path, upstream, bucket) as service:
        meanwhile = Crowd(service.url).answers(urls)
        assert {reply.status for reply in meanwhile} <= {200, 503}
        assert {reply.body for reply in meanwhile if reply.status == 200} <= {reply.body for reply in first}
        bucket.heal()
        for url, reply in zip(urls, first, strict=True):
            while (answer := service.get(url)).headers["cache-control"] != YEAR:
                assert answer.status_code in (200, 503)
            assert answer.content == reply.body
    assert sorted(paid(upstream).values()) == [1] * len(urls)
    assert verified_bucket(bucket)[0] == 0
    assert bucket.committed["refuse"] > 0
    figures(pictures=len(urls), paid=paid(upstream).total(), lost=0, refused=bucket.committed["refuse"])


def test_memory_hits_do_not_wait_for_a_silent_bucket(
    tmp_path: Path, upstream: Upstream, bucket: FaultyTcp, figures: Figures
) -> None:
    """While the bucket is silent, nobody who finds a picture in memory waits for the bucket."""
    count = 200 * rounds(1)
    with on_bucket(tmp_path, upstream, bucket) as service, ThreadPoolExecutor(1) as others:
        known = [f"/?prompt=known&seed={seed}" for seed in range(4)]
        first = [service.get(url) for url in known]
        bucket.commit("stall")
        unknown = others.submit(Crowd(service.url).answers, [f"/?prompt=unknown&seed={seed}" for seed in range(30)])
        bucket.wait_for("stall")

        hits = [service.get(known[number % 4]) for number in range(count)]

        assert not unknown.done()
        assert {hit.headers["cache-status"] for hit in hits} == {"promptcdn; hit; detail=memory"}
        assert [hit.content for hit in hits] == [first[number % 4].content for number in range(count)]
        bucket.heal()
        assert {reply.status for reply in unknown.result()} <= {200, 503}
    figures(hits_meanwhile=count, waited=0, stalled=bucket.committed["stall"])


def test_with_a_silent_bucket_a_pool_shows_what_memory_has(
    tmp_path: Path, upstream: Upstream, bucket: FaultyTcp
) -> None:
    """While the bucket is silent, a URL without a seed shows what memory has of its pool."""
    with on_bucket(tmp_path, upstream, bucket) as service:
        shown = service.get("/?prompt=pool")
        bucket.commit("stall")
        for agent in ("curl/8", "github-camo (0123456)"):
            view = service.get("/?prompt=pool", **{"user-agent": agent})
            assert (view.status_code, view.content) == (200, shown.content)
        bucket.heal()


def test_with_a_silent_bucket_probes_are_answered_in_time(
    tmp_path: Path, upstream: Upstream, bucket: FaultyTcp
) -> None:
    """While the bucket is silent, probes are told so in time and are no load."""
    with on_bucket(tmp_path, upstream, bucket) as service:
        bucket.commit("stall")
        probes = service.get_together(*["/readyz"] * 20)
        metrics = service.get("/metrics").text
        bucket.heal()

    assert {probe.status_code for probe in probes} == {503}
    assert {probe.json()["parts"]["store"]["detail"] for probe in probes} == {"no answer within 2 s"}
    assert 'promptcdn_store_operations_total{operation="get",result="unknown"} 1.0' in metrics


# Faults of one answer: at the moment of the write, which comes after the picture, and at the reads behind it.
@pytest.mark.parametrize(("fault", "amount"), [("drop_reply", 0), ("truncate", 0), ("reset", 20)])
def test_a_write_whose_answer_is_lost_pays_for_one_picture(
    tmp_path: Path, upstream: Upstream, bucket: FaultyTcp, figures: Figures, fault: Name, amount: int
) -> None:
    """A write whose answer is lost stores one picture and pays for one."""
    times = rounds(3)

    def lose() -> None:
        upstream.wait_for_calls(number + 1)
        bucket.commit(fault, amount, times=1)
        upstream.release()

    with on_bucket(tmp_path, upstream, bucket) as service:
        for number in range(times):
            url = f"/?prompt=a&seed={number}"
            upstream.hold()
            (reply,) = Crowd(service.url).answers([url], asked=lose)
            assert reply.for_ever
            assert service.get(url).content == reply.body
    assert bucket.committed == {fault: times}
    assert sorted(paid(upstream).values()) == [1] * times
    assert verified_bucket(bucket) == (0, f"{3 * times} good\n")
    figures(rounds=times, paid=times, lost=0)


@pytest.mark.parametrize(("fault", "amount"), [("truncate", 400), ("reset", 400), ("drop_reply", 0)])
def test_a_read_that_breaks_off_never_pays_for_a_picture(
    tmp_path: Path, upstream: Upstream, bucket: FaultyTcp, figures: Figures, fault: Name, amount: int
) -> None:
    """A read that breaks off is tried again or refused, and never pays for a picture."""
    with on_bucket(tmp_path, upstream, bucket, PROMPTCDN_MEMORY=0) as service:
        whole = service.get("/i.png?prompt=a&seed=1")
        statuses = []
        for _ in range(times := rounds(10)):
            bucket.commit(fault, amount, times=1)
            answer = service.get("/i.png?prompt=a&seed=1")
            statuses.append(answer.status_code)
            assert (answer.content == whole.content) == (answer.status_code == 200)
            assert answer.status_code in (200, 503)
        assert service.get("/i.png?prompt=a&seed=1").content == whole.content
    assert bucket.committed == {fault: times}
    assert paid(upstream).total() == 1
    figures(rounds=times, refused=statuses.count(503), paid=1)
