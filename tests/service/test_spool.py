"""What is paid for is never lost: the bucket stops and dies, the service stops and dies, and the ledger adds up."""

import json
import re
import signal
import subprocess
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.support.buckets import BUCKET, Service, moto, stored
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.support.waiting import until
from tests.upstream import Upstream

# On a busy machine services take their time to start.
pytestmark = pytest.mark.timeout(300)

URLS = [f"/?prompt=spooled&seed={seed}" for seed in range(30)]
# The bucket of the tests is slow, and a busy machine makes it slower.
STORING_SECONDS = 90
UNSTORED = "public, max-age=60, stale-while-revalidate=0"
SMALL: dict[str, object] = {
    "PROMPTCDN_ENGINE": "any",
    "PROMPTCDN_SIZE": "256x256",
    "PROMPTCDN_CONCURRENCY": 30,
    "PROMPTCDN_BUDGET": "unlimited",
}


def on_bucket(folder: Path, bucket: Service, upstream: Upstream, **settings: object) -> Promptcdn:
    store = {"PROMPTCDN_STORE": f"s3://{BUCKET}/store", "STABILITY_HOST": upstream.url}
    return Promptcdn(folder, **{**SMALL, **store, **bucket.environment, **settings})


def paid(upstream: Upstream) -> Counter[str]:
    """How often each picture was paid for."""
    return Counter(call.request_id for call in upstream.ledger.calls())


def spooled(folder: Path) -> int:
    """How many entries the spool has on its disk."""
    return len(list((folder / "data" / "spool" / "paid").glob("*")))


def made_while_away(service: Promptcdn, upstream: Upstream, go_away: "signal.Signals", bucket: Service) -> list[bytes]:
    """The answers to 30 misses, of which each was paid for just before the bucket went away."""
    upstream.hold()
    with ThreadPoolExecutor(1) as beside:
        asked: Future[list[httpx2.Response]] = beside.submit(service.get_together, *URLS)
        upstream.wait_for_calls(30)
        assert bucket.process is not None
        bucket.process.send_signal(go_away)
        upstream.release()
        return unstored(asked.result())


def unstored(answers: list[httpx2.Response]) -> list[bytes]:
    """What all were answered with: pictures that no cache may hold for long."""
    assert Counter((one.status_code, one.headers["cache-control"]) for one in answers) == {
        (200, UNSTORED): len(answers)
    }
    assert not any("etag" in answer.headers for answer in answers)
    return [answer.content for answer in answers]


def require_refused(service: Promptcdn) -> None:
    """New pictures are not paid for while it is not known what is stored."""
    refused = service.get("/?prompt=another&seed=1")
    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert int(refused.headers["retry-after"]) > 0


def require_stored(service: Promptcdn, pictures: list[bytes]) -> None:
    """In the end every picture may be kept for ever, and until then it is what it was.

    How soon after the store's return that begins is in tests/making/test_reconcile_spool.py, by rounds and pauses: how
    long a slow machine needs for the rest says nothing.
    """
    left = dict(zip(URLS, pictures, strict=False))

    def all_are_stored() -> bool:
        for url in list(left):
            answer = service.get(url)
            assert answer.status_code == 200
            assert answer.content == left[url]
            if "immutable" in answer.headers["cache-control"]:
                del left[url]
        return not left

    until(all_are_stored, STORING_SECONDS)


def test_a_bucket_that_hangs_loses_no_paid_picture(tmp_path: Path, upstream: Upstream) -> None:
    """A bucket that hangs loses no paid picture, also over a restart of the service."""
    with moto(tmp_path) as bucket:
        assert bucket.process is not None
        with on_bucket(tmp_path / "one", bucket, upstream) as service:
            pictures = made_while_away(service, upstream, signal.SIGSTOP, bucket)
            assert unstored([service.get(url) for url in URLS]) == pictures
        assert spooled(tmp_path / "one") == 30

        with on_bucket(tmp_path / "one", bucket, upstream) as service:
            assert unstored(service.get_together(*URLS)) == pictures
            require_refused(service)
            assert service.get("/readyz").json()["parts"]["spool"]["ready"] is True
            bucket.process.send_signal(signal.SIGCONT)
            require_stored(service, pictures)
            assert service.get("/readyz").json()["parts"]["spool"] == {"ready": True, "detail": "empty"}

        assert spooled(tmp_path / "one") == 0
        kept = stored(bucket, "store")
        assert (kept["masters"], kept["bindings"]) == (30, 30)
        assert (len(paid(upstream)), paid(upstream).total()) == (30, 30)
    log = (tmp_path / "one" / "log").read_text()
    assert log.count("waits in the spool: ") == 2  # once in each process
    assert log.count("no paid picture waits in the spool any more") == 1


def test_a_killed_bucket_and_service_lose_no_paid_picture(tmp_path: Path, upstream: Upstream) -> None:
    """A bucket that dies and a service that is killed lose no paid picture."""
    with moto(tmp_path) as bucket:
        with on_bucket(tmp_path / "one", bucket, upstream) as service:
            pictures = made_while_away(service, upstream, signal.SIGKILL, bucket)
            service.stop(signal.SIGKILL)
        assert spooled(tmp_path / "one") == 30

    with on_bucket(tmp_path / "one", bucket, upstream) as service:
        assert unstored(service.get_together(*URLS)) == pictures
        with moto(tmp_path, port=bucket.port) as again:
            # It comes back empty, so that it is another store until its operator says that it is the one.
            adopt = [PROMPTCDN, "store", "adopt", "--new"]
            subprocess.run(adopt, cwd=service.folder, env=environment(**service._settings), check=True)
            require_stored(service, pictures)
            kept = stored(again, "store")
    assert (kept["masters"], kept["bindings"], spooled(tmp_path / "one")) == (30, 30, 0)
    assert (len(paid(upstream)), paid(upstream).total()) == (30, 30)


def test_a_service_stopped_while_it_stores_loses_no_picture(tmp_path: Path, upstream: Upstream) -> None:
    """A service that is stopped while pictures are on their way to the bucket loses none."""
    with moto(tmp_path) as bucket:
        assert bucket.process is not None
        with (
            on_bucket(tmp_path / "one", bucket, upstream, PROMPTCDN_GRACE=1) as service,
            ThreadPoolExecutor(1) as beside,
        ):
            upstream.hold()
            asked = beside.submit(service.get_together, *URLS)
            upstream.wait_for_calls(30)
            bucket.process.send_signal(signal.SIGSTOP)
            service.process.send_signal(signal.SIGTERM)
            upstream.release()
            answers = asked.result()
            assert {answer.status_code for answer in answers} <= {200, 503}
            assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)
            service.process.wait(60)
        assert spooled(tmp_path / "one") == paid(upstream).total() == 30

        bucket.process.send_signal(signal.SIGCONT)
        with on_bucket(tmp_path / "one", bucket, upstream) as service:
            answers = service.get_together(*URLS)
            require_stored(service, [answer.content for answer in answers])
        assert (stored(bucket, "store")["masters"], paid(upstream).total()) == (30, 30)


def test_another_process_on_the_folder_shows_what_waits(tmp_path: Path, upstream: Upstream) -> None:
    """Another process on the same folder shows the pictures that wait in the spool, and pays nothing."""
    shared = {"PROMPTCDN_DATA_DIR": tmp_path / "one" / "data"}
    with (
        moto(tmp_path) as bucket,
        on_bucket(tmp_path / "one", bucket, upstream) as one,
        on_bucket(tmp_path / "two", bucket, upstream, **shared) as two,
    ):
        assert bucket.process is not None
        pictures = made_while_away(one, upstream, signal.SIGSTOP, bucket)
        assert unstored(two.get_together(*URLS)) == pictures
        bucket.process.send_signal(signal.SIGCONT)
        for service in (one, two):
            require_stored(service, pictures)
        assert stored(bucket, "store")["masters"] == 30
        assert (spooled(tmp_path / "one"), paid(upstream).total()) == (0, 30)


def test_memory_hits_wait_for_no_bucket(tmp_path: Path, upstream: Upstream) -> None:
    with moto(tmp_path) as bucket, on_bucket(tmp_path / "one", bucket, upstream) as service:
        assert bucket.process is not None
        first = service.get("/?prompt=a&seed=1")
        bucket.process.send_signal(signal.SIGSTOP)
        with ThreadPoolExecutor(1) as beside:
            misses = beside.submit(service.get_together, *URLS)
            until(lambda: waiting(service) == len(URLS))
            asked = store_operations(service)
            hits = [service.get("/?prompt=a&seed=1") for _ in range(20)]
            # So the calls for the misses hung all the time, and the hits asked for nothing.
            assert store_operations(service) == asked
            assert waiting(service) == len(URLS)
            assert {hit.content for hit in hits} == {first.content}
            assert {answer.status_code for answer in misses.result()} == {503}
        assert paid(upstream).total() == 1
        bucket.process.send_signal(signal.SIGCONT)


def waiting(service: Promptcdn) -> int:
    """How many requests wait for the store."""
    (line,) = re.findall(r"(?m)^promptcdn_requests_waiting (\S+)$", service.get("/metrics").text)
    return int(float(line))


def store_operations(service: Promptcdn) -> dict[str, float]:
    """How many operations on single pictures the store has ended, well or not, by their labels."""
    text = service.get("/metrics").text
    found = re.findall(r'(?m)^promptcdn_store_operations_total(\{operation="(?:get|look|put)".*\}) (\S+)$', text)
    return {labels: float(number) for labels, number in found}


def test_all_urls_of_a_spooled_picture_are_answered(tmp_path: Path, upstream: Upstream) -> None:
    """Renditions and permalinks of a spooled picture are answered."""
    with moto(tmp_path) as bucket:
        assert bucket.process is not None
        with on_bucket(tmp_path / "one", bucket, upstream) as service:
            made_while_away(service, upstream, signal.SIGSTOP, bucket)
            key = service.get(URLS[0]).headers["link"][4:68]
            views = [URLS[0] + "&w=64", URLS[0] + "&format=avif", f"/i/{key}.png", f"/i/{key}.jpg?w=128"]
            first = unstored([service.get(view) for view in views])
            service.stop(signal.SIGKILL)
        with on_bucket(tmp_path / "one", bucket, upstream, PROMPTCDN_MEMORY=0) as service:
            assert unstored([service.get(view) for view in views]) == first
            bucket.process.send_signal(signal.SIGCONT)


def test_a_kill_costs_no_picture_that_was_answered_or_spooled(tmp_path: Path, upstream: Upstream) -> None:
    """A kill at any moment costs no picture that was answered or spooled."""
    settings = {**SMALL, "STABILITY_HOST": upstream.url, "PROMPTCDN_CONCURRENCY": 4}
    upstream.always("slow=0.02")
    for kill in range(6):
        urls = [f"/?prompt=kill+{kill}&seed={seed}" for seed in range(40)]
        with Promptcdn(tmp_path, **settings) as service, ThreadPoolExecutor(8) as clients:
            answers = [clients.submit(body_or_nothing, service.url + url) for url in urls]
            upstream.wait_for_calls(paid(upstream).total() + 3 * kill + 1)
            service.stop(signal.SIGKILL)
            answered = dict(zip(urls, [answer.result() for answer in answers], strict=True))
        upstream.wait_until_idle()
        safe = keys_in(tmp_path)
        before = paid(upstream)
        assert safe <= set(before)
        with Promptcdn(tmp_path, **settings) as service:
            for url, answer in zip(urls, service.get_together(*urls), strict=True):
                assert answer.status_code == 200
                if answered[url] is not None:
                    assert answer.content == answered[url]
                    assert answer.headers["link"][4:68] in safe
        after = paid(upstream)
        assert {key for key in safe if after[key] > before[key]} == set()
        assert keys_in(tmp_path) == set(after)
        assert spooled(tmp_path) == 0


def body_or_nothing(url: str) -> bytes | None:
    """What a client got before the service was killed."""
    try:
        return httpx2.get(url, timeout=60).raise_for_status().content
    except httpx2.HTTPError:
        return None


def keys_in(folder: Path) -> set[str]:
    """The content keys of all that is stored or spooled."""
    data = folder / "data"
    places = (*data.glob("spool/paid/*"), *data.glob("store/masters/*/*/*"))
    return {path.name for path in places}


def test_doctor_and_readyz_say_what_waits(tmp_path: Path, upstream: Upstream) -> None:
    with moto(tmp_path) as bucket, on_bucket(tmp_path / "one", bucket, upstream) as service:
        made_while_away(service, upstream, signal.SIGKILL, bucket)
        part = service.get("/readyz").json()["parts"]["spool"]
        variables = environment(PROMPTCDN_DATA_DIR="data", STABILITY_HOST=upstream.url)
        ended = subprocess.run(
            [PROMPTCDN, "doctor", "--json"], cwd=tmp_path / "one", env=variables, capture_output=True, text=True
        )
    found = {finding["part"]: finding for finding in json.loads(ended.stdout)}
    assert part["ready"] is True
    for said in (part["detail"], found["spool"]["detail"]):
        assert said.startswith("30 waiting for the store, the oldest for ")
    assert found["spool"]["good"] is True


def test_pictures_are_made_where_the_spool_cannot_be_written(tmp_path: Path, upstream: Upstream) -> None:
    """A spool folder that cannot be written is red in /readyz, and pictures are made all the same."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "spool").touch()
    with Promptcdn(tmp_path, **SMALL, STABILITY_HOST=upstream.url) as service:
        answer, ready = service.get(URLS[0]), service.get("/readyz")

    assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True)
    assert ready.status_code == 503
    assert "spool cannot be written: " in ready.json()["parts"]["spool"]["detail"]
    assert paid(upstream).total() == 1
