"""Replicas that share a bucket and a Redis, and workers that are killed, stopped and slow: every picture once."""

import contextlib
import random
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest

from tests.support.buckets import BUCKET, Service
from tests.support.crowd import Crowd, Reply
from tests.support.fakes import picture
from tests.support.ports import held_port
from tests.support.redis_servers import Server
from tests.support.service import Promptcdn, wait_until_ready
from tests.support.waiting import until
from tests.support.workers import SETTINGS, Pretender, WorkerProcess

# On a busy machine services take their time to start, and a lease of a killed worker has to end.
pytestmark = pytest.mark.timeout(300)
SMALL = "&width=256&height=256"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as server:
        yield server


@pytest.fixture
def pair(tmp_path: Path, bucket: Service, redis: Server) -> Iterator[list[Promptcdn]]:
    settings = {
        **SETTINGS,
        **bucket.environment,
        "PROMPTCDN_REDIS_URL": redis.url,
        "PROMPTCDN_STORE": f"s3://{BUCKET}/{tmp_path.name}",
        "PROMPTCDN_WAIT": 120,
    }
    with contextlib.ExitStack() as stack:
        each = [
            stack.enter_context(Promptcdn(tmp_path / name, PORT=stack.enter_context(held_port()), **settings))
            for name in ("replica-a", "replica-b")
        ]
        wait_until_ready(*each)
        yield each


def masters(bucket: Service, folder: str) -> int:
    """How many pictures the bucket has."""
    where = bucket.environment
    client = boto3.client(
        "s3",
        endpoint_url=where["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=where["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=where["AWS_SECRET_ACCESS_KEY"],
        region_name=where["AWS_DEFAULT_REGION"],
    )
    return int(client.list_objects_v2(Bucket=BUCKET, Prefix=f"{folder}/masters/")["KeyCount"])


def test_a_picture_ordered_at_one_replica_is_brought_to_another(pair: list[Promptcdn], tmp_path: Path) -> None:
    here, there = pair
    with ThreadPoolExecutor(1) as readers, WorkerProcess(tmp_path / "worker", there.url, "--once"):
        answer = readers.submit(here.get, f"/?prompt=one&seed=1{SMALL}").result()

    assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True)
    assert there.get(f"/?prompt=one&seed=1{SMALL}").content == answer.content


def test_an_order_outlives_the_replica_that_placed_it(pair: list[Promptcdn]) -> None:
    here, there = pair
    assert here.get(f"/?prompt=one&seed=1{SMALL}&wait=1").status_code == 503
    here.stop(signal.SIGKILL)

    worker = Pretender(there)
    assert worker.put(worker.order()["order"], picture((256, 256))).status_code == 201
    assert there.get(f"/?prompt=one&seed=1{SMALL}").headers["cache-control"] == "public, max-age=31536000, immutable"


def test_each_replica_says_of_an_order_that_it_is_under_way(pair: list[Promptcdn], redis: Server) -> None:
    """Also where the replica that placed it is gone. Where Redis is gone, nothing is known of the order."""
    here, there = pair
    info = f"/info?prompt=one&seed=1{SMALL}"
    assert there.get(info).json()["state"] == "absent"
    assert here.get(f"/?prompt=one&seed=1{SMALL}&wait=1").status_code == 503
    here.stop(signal.SIGKILL)

    assert there.get(info).json()["state"] == "generating"
    redis.kill()
    assert there.get(info).json()["state"] == "absent"


def test_two_replicas_hand_out_an_order_once(pair: list[Promptcdn]) -> None:
    urls = [f"/?prompt=many&seed={seed}{SMALL}&wait=0" for seed in range(20)]
    for service in pair:
        service.get_together(*urls)
    until(lambda: "promptcdn_orders_waiting 20.0" in pair[0].get("/metrics").text)

    def taken(worker: Pretender) -> list[str]:
        found: list[str] = []
        while (answer := worker.next()).status_code == 200:
            found.append(answer.json()["content_key"])
        return found

    with ThreadPoolExecutor(6) as workers:
        each = list(workers.map(taken, [Pretender(pair[number % 2]) for number in range(6)]))
    assert set(Counter(key for found in each for key in found).values()) == {1}
    assert sum(map(len, each)) == 20


def test_workers_die_and_each_picture_is_stored_once(
    pair: list[Promptcdn], redis: Server, bucket: Service, tmp_path: Path
) -> None:
    """Workers are killed and stopped at random, and Redis is started anew: every reader gets the one picture."""
    urls = [f"/?prompt=stormy&seed={seed}{SMALL}" for seed in range(30)]
    chance, deaths = random.Random(7), 0
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(2) as readers:
        workers = [
            stack.enter_context(WorkerProcess(tmp_path / f"worker-{number}", pair[number % 2].url))
            for number in range(3)
        ]
        asked = [readers.submit(Crowd(service.url).answers, urls) for service in pair]
        while not all(answers.done() for answers in asked):
            with contextlib.suppress(AssertionError):
                until(lambda: all(answers.done() for answers in asked), chance.uniform(1, 3))
            if deaths < 4:
                deaths += 1
                victim = chance.choice(workers)
                victim.stop(signal.SIGKILL)
                stack.enter_context(victim)
            if deaths == 2:
                redis.kill()
                redis.start()
        first = [reply for answers in asked for reply in answers.result()]
        # Those who asked while Redis was away were told to come again.
        assert {reply.status for reply in first} <= {200, 503}
        last = [finally_shown(service, url) for service in pair for url in urls]

    bodies = Counter(reply.body for reply in last)
    assert (len(bodies), set(bodies.values())) == (len(urls), {2})
    assert {reply.body for reply in first if reply.status == 200} <= set(bodies)
    assert masters(bucket, tmp_path.name) == len(urls)
    drawn = sum((tmp_path / f"worker-{number}" / "worker.log").read_text().count(" drew ") for number in range(3))
    assert drawn <= len(urls) + deaths + len(workers)  # those in hand when Redis forgot all


def finally_shown(service: Promptcdn, url: str) -> Reply:
    """The picture, asked for until it is there."""
    found: list[Reply] = []

    def is_shown() -> bool:
        found[:] = Crowd(service.url).answers([url])
        return found[0].for_ever

    until(is_shown, 120)
    return found[0]
