"""A service with a disk before its bucket: what it asks the bucket for, and that removals reach its disk."""

import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.buckets import BUCKET
from tests.support.fake_s3 import SLOW_DOWN, FakeS3, Personality, always, fake_s3
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.support.waiting import until

TOKEN = "canary-of-the-operator"  # noqa: S105
URL = "/?prompt=a+lighthouse&seed=7"


@pytest.fixture
def bucket() -> Iterator[FakeS3]:
    with fake_s3("knows") as service:
        yield service


def service_on(bucket: FakeS3, folder: Path, **settings: object) -> Promptcdn:
    """One whose memory holds no pictures."""
    usual = {"PROMPTCDN_STORE": f"s3://{BUCKET}", "PROMPTCDN_MEMORY": 0, "PROMPTCDN_ADMIN_TOKEN": TOKEN}
    return Promptcdn(folder, **{**usual, **bucket.environment, **settings})


def behind_a_disk(bucket: FakeS3, folder: Path, **settings: object) -> Promptcdn:
    return service_on(bucket, folder, PROMPTCDN_DISK_CACHE="10MB", **settings)


OPERATOR = {"authorization": f"Bearer {TOKEN}"}


def until_the_disk_is_used(service: Promptcdn) -> None:
    def used() -> bool:
        parts = service.get("/readyz", **OPERATOR).json()["parts"]
        return str(parts["disk cache"]["detail"]).startswith("is used")

    until(used)


def files(service: Promptcdn) -> int:
    """How many files the disk holds, by the metric."""
    lines = service.get("/metrics", **OPERATOR).text.splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("promptcdn_disk_cache_files "))))


def objects_asked(bucket: FakeS3) -> list[str]:
    """The folders of the objects that were asked for: lists, the store's id and probes left out."""
    asked = [each.key for each in bucket.asked if each.method == "GET" and each.key]
    return sorted(key.partition("/")[0] for key in asked if "/" in key and not key.startswith("probe/"))


def test_a_crowd_is_one_or_two_readers_to_the_bucket(tmp_path: Path, bucket: FakeS3) -> None:
    """Of a picture that the replica does not have yet: its binding, its rendition, and what its master says of itself.

    Two, where somebody comes in the moment between the end of a read and the first reader's going on.
    """
    with service_on(bucket, tmp_path / "one") as one:
        shown = one.get(URL).content
    with service_on(bucket, tmp_path / "two", PROMPTCDN_MEMORY=10**8) as two:
        bucket.asked.clear()
        answers = two.get_together(*[URL] * 20)
        assert {answer.content for answer in answers} == {shown}
        asked = Counter(objects_asked(bucket))
        assert set(asked) == {"bindings", "masters", "renditions", "sketch-bindings"}
        assert max(asked.values()) <= 2


def test_after_a_restart_the_disk_answers_without_the_bucket(tmp_path: Path, bucket: FakeS3) -> None:
    with behind_a_disk(bucket, tmp_path) as service:
        until_the_disk_is_used(service)
        shown = service.get(URL).content
        until(lambda: files(service) >= 3)
    with behind_a_disk(bucket, tmp_path) as service:
        until_the_disk_is_used(service)
        bucket.asked.clear()
        assert service.get(URL).content == shown
        # A real picture of the URL is looked for first.
        assert objects_asked(bucket) == ["bindings"]
        bucket.personality = Personality(always(SLOW_DOWN))
        assert service.get(URL).content == shown
        text = service.get("/metrics", **OPERATOR).text
        assert 'promptcdn_disk_cache_reads_total{result="hit"}' in text


@pytest.mark.parametrize("how", ["takedown", "purge"])
def test_a_removal_by_another_replica_reaches_the_disk(tmp_path: Path, bucket: FakeS3, how: str) -> None:
    """Within five seconds, and after a restart too."""
    with behind_a_disk(bucket, tmp_path / "one") as one, service_on(bucket, tmp_path / "two") as two:
        until_the_disk_is_used(one)
        shown = one.get(URL)
        assert one.get(URL).content == two.get(URL).content == shown.content
        until(lambda: files(one) >= 3)
        key = one.get(f"/info{URL[1:]}").json()["content_key"]
        if how == "takedown":
            assert two.client.delete(f"/i/{key}", headers=OPERATOR).status_code == 204
        else:
            _purge(bucket, tmp_path / "two", key)
        gone, deadline = {"takedown": 410, "purge": 404}[how], time.monotonic() + 5
        while one.get(f"/i/{key}").status_code != gone:
            assert time.monotonic() < deadline
        until(lambda: not [path for path in (tmp_path / "one").rglob(f"{key}*") if path.is_file()])
    with behind_a_disk(bucket, tmp_path / "one") as again:
        until_the_disk_is_used(again)
        assert again.get(f"/i/{key}").status_code == gone


def _purge(bucket: FakeS3, folder: Path, key: str) -> None:
    variables = {"PROMPTCDN_STORE": f"s3://{BUCKET}", "PROMPTCDN_DATA_DIR": folder / "data", **bucket.environment}
    command = [PROMPTCDN, "purge", key]
    subprocess.run(command, env=environment(**variables), cwd=folder, capture_output=True, check=True)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"PROMPTCDN_DISK_CACHE": "10GB"}, "PROMPTCDN_DISK_CACHE is for a bucket: it needs PROMPTCDN_STORE=s3://bu"),
        ({"PROMPTCDN_DISK_CACHE": "lots"}, 'PROMPTCDN_DISK_CACHE="lots": allowed: bytes with a unit'),
        ({"PROMPTCDN_DISK_CACHE": "10kB"}, 'PROMPTCDN_DISK_CACHE="10kB": allowed: bytes with a unit'),
        ({"PROMPTCDN_DISK_CACHE": "1MB"}, 'PROMPTCDN_DISK_CACHE="1MB": allowed: bytes with a unit'),
    ],
)
def test_a_disk_cache_that_cannot_be_is_refused_at_the_start(
    tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    ended = Promptcdn(tmp_path, **settings).refused_start()

    assert ended.returncode == 2
    assert said in ended.stderr


def test_doctor_says_what_the_disk_holds(tmp_path: Path, bucket: FakeS3) -> None:
    with behind_a_disk(bucket, tmp_path) as service:
        until_the_disk_is_used(service)
    variables = {"PROMPTCDN_STORE": f"s3://{BUCKET}", "PROMPTCDN_DISK_CACHE": "10MB", **bucket.environment}
    settings = environment(PROMPTCDN_DATA_DIR=tmp_path / "data", **variables)
    ended = subprocess.run([PROMPTCDN, "doctor"], env=settings, cwd=tmp_path, capture_output=True, text=True)

    assert "good  disk cache: 0 of 10 MB in 0 files" in ended.stdout
