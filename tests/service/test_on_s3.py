"""The service on a bucket: the same promises where operators keep pictures."""

import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.buckets import BUCKET, Service, moto
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.upstream import Upstream

XL, OLD = "stable-diffusion-xl-1024-v1-0", "stable-diffusion-v1-6"
URLS = [
    "/?prompt=a&seed=1",
    "/?prompt=a&seed=octocat&aspect_ratio=16:9",
    f"/?prompt=a&seed=1&engine={OLD}",
    "/i.png?prompt=a&seed=1",
    "/i.jpg?prompt=a&seed=1",
    "/i.avif?prompt=a&seed=1",
    "/prompt/a%20cat?width=800&height=600&seed=42&model=flux",
]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with moto(tmp_path_factory.mktemp("moto"), tls=True) as service:
        yield service


def on_bucket(folder: Path, bucket: Service, prefix: str, **settings: object) -> Promptcdn:
    return Promptcdn(folder, PROMPTCDN_STORE=f"s3://{BUCKET}/{prefix}", **bucket.environment, **settings)


def answered(service: Promptcdn) -> list[bytes]:
    answers = [service.get(url) for url in URLS]
    assert [answer.status_code for answer in answers] == [200] * len(URLS)
    return [answer.content for answer in answers]


def test_an_empty_machine_shows_the_same_pictures_for_nothing(tmp_path: Path, bucket: Service) -> None:
    """An empty machine, also one with other defaults, shows the same pictures for nothing."""
    with Upstream() as upstream:
        settings = {"STABILITY_HOST": upstream.url, "PROMPTCDN_ENGINES": f"{XL},{OLD}"}
        with on_bucket(tmp_path / "one", bucket, "same", **settings) as service:
            first = answered(service)
            key = service.get(URLS[0]).headers["link"].partition("/i/")[2][:64]
        ledger = upstream.ledger.calls()
        assert len(ledger) == 4

        with on_bucket(tmp_path / "two", bucket, "same", **settings) as service:
            assert answered(service) == first
            assert service.get(f"/i/{key}").content == first[0]
            assert service.get("/info" + URLS[0][1:]).json()["state"] == "stored"
            assert service.get("/readyz").json()["parts"]["store"]["ready"] is True
        other = {"PROMPTCDN_ENGINE": "another", "PROMPTCDN_SIZE": "512x512", "PROMPTCDN_STEPS": 10}
        with on_bucket(tmp_path / "three", bucket, "same", STABILITY_HOST="grpc://127.0.0.1:9", **other) as service:
            assert answered(service) == first
        assert upstream.ledger.calls() == ledger


def test_two_processes_pay_for_one_new_key_twice_at_most(tmp_path: Path, bucket: Service) -> None:
    """Two processes pay for one new key twice at most, and show one picture."""
    with (
        Upstream() as upstream,
        on_bucket(tmp_path / "one", bucket, "race", STABILITY_HOST=upstream.url) as one,
        on_bucket(tmp_path / "two", bucket, "race", STABILITY_HOST=upstream.url) as two,
        ThreadPoolExecutor(2) as both,
    ):
        upstream.always("slow=0.3")
        for seed in range(5):
            url = f"/?prompt=a&seed={seed}"
            asked = [both.submit(each.get_together, *[url] * 10) for each in (one, two)]
            answers = [answer for group in asked for answer in group.result()]
            assert {answer.status_code for answer in answers} == {200}
            assert len({answer.content for answer in answers}) == 1
        assert 5 <= len(upstream.ledger.calls()) <= 10


def test_a_copy_that_was_killed_goes_on_with_the_same_bytes(tmp_path: Path, bucket: Service) -> None:
    """A copy that was killed goes on when it is run again, and the URLs give the same bytes."""
    urls = [f"/?prompt=copied&seed={seed}&width=256&height=256" for seed in range(40)]
    with Promptcdn(tmp_path) as service:
        first = [answer.content for answer in service.get_together(*urls)]
    source, to = f"disk:{tmp_path / 'data' / 'store'}", f"s3://{BUCKET}/copied"
    command = [PROMPTCDN, "store", "copy", "--from", source, "--to", to]
    variables = environment(**bucket.environment)

    killed = subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    counted = [PROMPTCDN, "store", "stats", "--json", "--store", to]
    while "masters" not in subprocess.run(counted, env=variables, capture_output=True, text=True).stdout:
        assert killed.poll() is None, "the copy ended before it could be killed"
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    ended = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    again = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert again.stdout == "120 there already\n"
    verified = subprocess.run(
        [PROMPTCDN, "store", "verify", "--store", to], env=variables, capture_output=True, text=True
    )
    assert (verified.returncode, verified.stdout) == (0, "120 good\n")
    with on_bucket(tmp_path / "new", bucket, "copied", PROMPTCDN_MISSES="closed") as service:
        assert [answer.content for answer in service.get_together(*urls)] == first


def test_a_bucket_that_is_not_there_ends_the_start(tmp_path: Path, bucket: Service) -> None:
    ended = Promptcdn(tmp_path, PROMPTCDN_STORE="s3://missing", **bucket.environment).refused_start()

    assert ended.returncode == 2
    assert ended.stderr.startswith(
        "promptcdn: s3://missing/ (of PROMPTCDN_STORE): there is no such bucket: the service ans"
    )
    assert ended.stderr.endswith("this is Amazon\n")
    assert len(ended.stderr.splitlines()) == 1


def test_a_bucket_that_does_not_answer_is_no_reason_not_to_start(tmp_path: Path, bucket: Service) -> None:
    dead = {**bucket.environment, "AWS_ENDPOINT_URL_S3": "https://127.0.0.1:9"}
    with Promptcdn(tmp_path, PROMPTCDN_STORE=f"s3://{BUCKET}", **dead) as service:
        ready, picture = service.get("/readyz"), service.get(URLS[0])

        assert ready.status_code == 503
        assert ready.json()["parts"]["store"]["ready"] is False
        assert (picture.status_code, picture.json()["code"]) == (503, "store_unavailable")
        assert picture.headers["cache-control"] == "public, max-age=5, stale-while-revalidate=0"
        assert "canary" not in ready.text + picture.text
    assert "canary" not in (tmp_path / "log").read_text()


def test_while_the_bucket_is_silent_memory_hits_go_on(tmp_path: Path) -> None:
    """While the bucket is silent, hits in memory go on, and nothing is paid."""
    with moto(tmp_path) as service, Upstream() as upstream:
        running = on_bucket(tmp_path / "one", service, "silent", STABILITY_HOST=upstream.url)
        with running as promptcdn:
            first = promptcdn.get("/?prompt=a&seed=1")
            assert service.process is not None
            service.process.send_signal(signal.SIGSTOP)
            assert promptcdn.get("/?prompt=a&seed=1").content == first.content
            assert promptcdn.get("/?prompt=a&seed=2").status_code == 503
            assert len(upstream.ledger.calls()) == 1
            service.process.send_signal(signal.SIGCONT)
            assert promptcdn.get("/?prompt=a&seed=2").status_code == 200
