"""The service on buckets that refuse: the line at the start, the exit code, `/readyz`, `doctor` and the log."""

import subprocess
from pathlib import Path

import pytest

from tests.support.buckets import BUCKET
from tests.support.fake_s3 import DENIED, PERSONALITIES, SLOW_DOWN, FakeS3, Personality, fake_s3
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.support.waiting import until

STORE = f"s3://{BUCKET}"
URL = "/?prompt=a&seed=1&width=256&height=256"

# What the line at the start names, and what doctor advises.
REFUSED = {
    "r2": ("the endpoint already names a bucket", "leave the bucket's name out of AWS_ENDPOINT_URL_S3"),
    "no list": ("the keys may not list the bucket (s3:ListBucket)", "give the keys s3:ListBucket"),
    "read only": (
        "may not write objects (s3:PutObject) and may not delete",
        "give the keys s3:PutObject and s3:Delete",
    ),
    "no delete": ("the keys may not delete objects (s3:DeleteObject)", "give the keys s3:DeleteObject"),
    "checksums alone": (
        'InvalidRequest ("Content-MD5 OR x-amz-checksum- HTTP header is req',
        "look at the bucket's rules",
    ),
    "skewed": ("RequestTimeTooSkewed", "set the clock of this machine"),
    "signature": ("SignatureDoesNotMatch", "correct AWS_SECRET_ACCESS_KEY"),
}


def on(folder: Path, service: FakeS3, **variables: str) -> Promptcdn:
    return Promptcdn(folder, PROMPTCDN_STORE=STORE, **{**service.environment, **variables})


def doctor(folder: Path, service: FakeS3, **variables: str) -> subprocess.CompletedProcess[str]:
    settings = {"PROMPTCDN_STORE": STORE, "PROMPTCDN_DATA_DIR": folder / "data", **service.environment, **variables}
    command = [PROMPTCDN, "doctor"]
    return subprocess.run(command, cwd=folder, env=environment(**settings), capture_output=True, text=True)


def store_part(service: Promptcdn) -> tuple[bool, str]:
    part = service.get("/readyz").json()["parts"]["store"]
    return part["ready"], part["detail"]


@pytest.mark.parametrize(("personality", "said"), REFUSED.items(), ids=REFUSED)
def test_a_bucket_that_can_never_work_ends_the_start(tmp_path: Path, personality: str, said: tuple[str, str]) -> None:
    """A bucket that can never work ends the start, and doctor says why."""
    with fake_s3(personality) as bucket:
        ended = on(tmp_path, bucket).refused_start()
        found = doctor(tmp_path, bucket)

    (line,) = ended.stderr.splitlines()
    assert ended.returncode == 2
    assert line.startswith(f"promptcdn: {STORE}/ (of PROMPTCDN_STORE): ")
    assert said[0] in line
    assert found.returncode == 1
    shown = found.stdout.splitlines()
    (place,) = (number for number, line in enumerate(shown) if line.startswith(f"BAD   store: {STORE}/: "))
    assert said[0] in shown[place]
    assert shown[place + 1].strip().startswith(f"→ {said[1]}")
    # What else doctor looks at is told as ever.
    assert any(line.startswith("good  budget: ") for line in shown)
    assert "canary" not in line + found.stdout + found.stderr


@pytest.mark.parametrize("personality", ["object lock", "refuses", "refuses_400", "ignores", "google", "oss", "cos"])
def test_a_bucket_of_another_kind_is_used_as_it_is(tmp_path: Path, personality: str) -> None:
    with fake_s3(personality) as bucket:
        variables = bucket.by_name if personality in ("oss", "cos") else {}
        with on(tmp_path, bucket, **variables) as service:
            first = service.get(URL)
            assert (first.status_code, first.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
            assert store_part(service) == (True, STORE)
        (tmp_path / "again").mkdir()
        with on(tmp_path / "again", bucket, **variables) as service:
            assert service.get(URL).content == first.content


def test_a_full_bucket_shows_its_pictures_and_is_called_full(tmp_path: Path) -> None:
    """A service on a full bucket shows the pictures in it, and says that the bucket is full."""
    with fake_s3("knows") as bucket:
        with on(tmp_path, bucket) as service:
            stored = service.get(URL)
        bucket.personality = PERSONALITIES["quota"]
        with on(tmp_path, bucket) as service:
            assert service.get(URL).content == stored.content
            good, detail = store_part(service)
            assert not good
            assert "QuotaExceeded" in detail
            assert "Raise the quota" in detail
            found = doctor(tmp_path, bucket)
            assert "QuotaExceeded" in found.stdout
            assert "→ raise the quota" in found.stdout

            until(
                lambda: (
                    "the store takes nothing: the bucket" in (tmp_path / "log").read_text() or store_part(service)[0]
                )
            )
            bucket.personality = PERSONALITIES["knows"]
            until(lambda: store_part(service) == (True, STORE))
            assert "the store takes new pictures again" in (tmp_path / "log").read_text()


def test_a_fault_of_a_bucket_that_comes_back_is_told(tmp_path: Path) -> None:
    """What is wrong with a bucket that comes back is told while the service runs."""
    with fake_s3("slow down") as bucket, on(tmp_path, bucket) as service:
        assert "SlowDown" in store_part(service)[1]
        bucket.personality = PERSONALITIES["no list"]

        until(lambda: "may not list the bucket (s3:ListBucket)" in store_part(service)[1])
        answer = service.get(URL)
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        assert "ListBucket" not in answer.text
        bucket.personality = PERSONALITIES["knows"]
        until(lambda: store_part(service)[0])
        assert service.get(URL).status_code == 200


def test_readyz_is_red_until_tombstones_were_read_once(tmp_path: Path) -> None:
    """As long as tombstones were never read, /readyz is red and the log says why.

    A bucket of which nothing but that list cannot be had.
    """
    no_tombstones = Personality(
        lambda asked: DENIED if asked.is_list and "tombstones" in asked.query.get("prefix", [""])[0] else None
    )
    with fake_s3("knows") as bucket:
        bucket.personality = no_tombstones
        with on(tmp_path, bucket) as service:
            until(lambda: "the store cannot be listed" in (tmp_path / "log").read_text())
            good, detail = store_part(service)
            assert not good
            assert "the list of pictures that were taken down could not be read yet" in detail
            assert "AccessDenied" in detail
            bucket.personality = PERSONALITIES["knows"]
            until(lambda: store_part(service)[0])
        log = (tmp_path / "log").read_text()
    assert log.count("the store cannot be listed: the keys lack a right: the service answers AccessDenied") == 1
    assert log.count("the store can be listed again") == 1


def test_nobody_is_told_that_a_bucket_failed_a_moment_ago(tmp_path: Path) -> None:
    """Nobody is told that a bucket did not answer a moment ago: the cause is told again."""
    with fake_s3("slow down") as bucket, on(tmp_path, bucket) as service:
        bucket.personality = Personality(lambda _: SLOW_DOWN)
        details = {store_part(service)[1] for _ in range(4)}

    assert all("SlowDown" in detail for detail in details)
    assert not any("a moment ago" in detail for detail in details)
