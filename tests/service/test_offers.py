"""One service with several generators: who draws what, and that one of them never stands in another one's way."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.support.waiting import until
from tests.upstream import Upstream

SDXL = "stable-diffusion-xl-1024-v1-0"
REAL, DRAWN = "/?prompt=a&seed=1", "/?prompt=a&seed=1&engine=sketch"
DRAWN_ANEW = "/?prompt=a&engine=sketch"
BOTH = {"PROMPTCDN_GENERATOR": "stability, sketch"}


def resolved(service: Promptcdn, url: str) -> tuple[str, str]:
    found = service.get("/info" + url[1:]).json()["resolved"]
    return found["generator"], found["engine"]


def test_an_engine_in_the_url_chooses_the_generator(tmp_path: Path, upstream: Upstream) -> None:
    with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **BOTH) as service:
        assert resolved(service, REAL) == ("stability", SDXL)
        assert resolved(service, DRAWN) == ("sketch", "sketch")
        pictures = [service.get(url) for url in (REAL, DRAWN, f"{DRAWN}/sketch", f"{REAL}&engine=stability/{SDXL}")]

        assert [picture.status_code for picture in pictures] == [200] * 4
        assert len({picture.content for picture in pictures}) == 2  # one content key has two URLs
        assert [call.engine for call in upstream.ledger.calls()] == [SDXL]


def test_a_change_of_the_default_generator_moves_no_url(tmp_path: Path, upstream: Upstream) -> None:
    with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **BOTH) as service:
        before = {url: service.get(url) for url in (REAL, DRAWN)}
    for generators in ("sketch, stability", "stability, sketch"):
        with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_GENERATOR=generators) as service:
            for url, was in before.items():
                assert service.get(url).content == was.content
                assert service.get(url).headers["etag"] == was.headers["etag"]
            default = generators.partition(",")[0]
            assert resolved(service, "/?prompt=never+answered&seed=1")[0] == default
    assert len(upstream.ledger.calls()) == 1


@pytest.mark.parametrize(
    "url",
    [DRAWN, f"{DRAWN}/sketch", "/prompt/a?seed=1&model=sketch", "/?prompt=a&seed=day&engine=sketch", DRAWN_ANEW],
)
def test_a_url_that_names_a_sketch_outlives_the_generator(tmp_path: Path, upstream: Upstream, url: str) -> None:
    with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_VARIANTS=1, **BOTH) as service:
        was = service.get(url)
    with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_VARIANTS=1) as service:
        found = service.get(url)
        assert (found.status_code, found.content) == (200, was.content)
        assert found.headers.get("etag") == was.headers.get("etag") or url == DRAWN_ANEW
        assert service.get("/?prompt=never+answered&seed=1&engine=sketch").status_code == 400
    assert upstream.ledger.calls() == []


def test_rebind_of_a_named_sketch_needs_no_sketches(tmp_path: Path, upstream: Upstream) -> None:
    with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **BOTH) as service:
        service.get(DRAWN)
    real = {"STABILITY_HOST": upstream.url, "PROMPTCDN_DATA_DIR": tmp_path / "data"}
    subprocess.run([PROMPTCDN, "purge", "--rebind", DRAWN], env=environment(**real), capture_output=True, check=True)
    with Promptcdn(tmp_path, **real) as service:
        assert service.get(DRAWN).status_code == 400


def test_a_demos_urls_become_real_but_for_those_of_a_sketch(tmp_path: Path, upstream: Upstream) -> None:
    with Promptcdn(tmp_path) as service:
        demo = {url: service.get(url) for url in (REAL, DRAWN)}
    with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **BOTH) as service:
        assert resolved(service, REAL) == ("stability", SDXL)
        assert service.get("/info" + REAL[1:]).json()["state"] == "absent"
        assert service.get(REAL).content != demo[REAL].content
        assert service.get("/info" + DRAWN[1:]).json()["state"] == "stored"
        assert service.get(DRAWN).content == demo[DRAWN].content


def test_a_generator_that_is_gone_leaves_its_stored_pictures(tmp_path: Path, upstream: Upstream) -> None:
    """A URL keeps its generator for ever: what is lost is not drawn by another one."""
    with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **BOTH) as service:
        pictures = {url: service.get(url) for url in (REAL, "/?prompt=b&seed=1")}
        lost = service.get("/info" + REAL[1:]).json()["content_key"]
    with Promptcdn(tmp_path) as service:
        purged = subprocess.run(
            [PROMPTCDN, "purge", lost],
            cwd=tmp_path,
            env=environment(PROMPTCDN_DATA_DIR=tmp_path / "data"),
            capture_output=True,
            text=True,
            check=True,
        )
        assert lost in purged.stdout
        kept = service.get("/?prompt=b&seed=1")
        assert (kept.status_code, kept.content) == (200, pictures["/?prompt=b&seed=1"].content)
        until(lambda: service.get(REAL).status_code == 503)
        missing = service.get(REAL).json()
        assert missing["code"] == "generator_missing"
        assert "adds stability to PROMPTCDN_GENERATOR" in missing["detail"]
        assert "adds stability to PROMPTCDN_GENERATOR" in service.get("/info" + REAL[1:]).json()["notes"][0]
        assert "if the store loses this picture" in service.get("/info?prompt=b&seed=1").json()["notes"][0]


def test_a_slow_generator_keeps_no_other_waiting(tmp_path: Path, upstream: Upstream) -> None:
    settings = {"PROMPTCDN_CONCURRENCY": "1", "PROMPTCDN_QUEUE": 2, "STABILITY_HOST": upstream.url, **BOTH}
    with ThreadPoolExecutor(1) as clients, Promptcdn(tmp_path, **settings) as service:
        upstream.hold()
        waiting = clients.submit(service.get_together, *(f"/?prompt=slow&seed={seed}" for seed in range(3)))
        upstream.wait_for_calls(1)
        until(lambda: 'promptcdn_queue{generator="stability"} 2.0' in service.get("/metrics").text)
        metrics = service.get("/metrics").text
        assert 'promptcdn_flights{generator="stability"} 1.0' in metrics
        assert 'promptcdn_queue{generator="sketch"} 0.0' in metrics
        full = service.get("/?prompt=slow&seed=9")
        assert (full.status_code, full.json()["code"]) == (503, "overloaded")
        assert service.get(DRAWN).status_code == 200
        upstream.release()
        assert {answer.status_code for answer in waiting.result(60)} == {200}


def test_what_costs_nothing_is_not_counted(tmp_path: Path, upstream: Upstream) -> None:
    """The budget is for what is paid: sketches beside paid pictures take nothing of it, and go on when it is spent."""
    with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_BUDGET="1/day", **BOTH) as service:
        assert [service.get(f"{DRAWN}&rev={rev}").status_code for rev in range(3)] == [200] * 3
        assert service.get(REAL).status_code == 200
        assert service.get(f"{REAL}&rev=1").json()["code"] == "budget_spent"
        assert service.get(f"{DRAWN}&rev=4").status_code == 200


def test_info_says_what_an_engine_does_not_understand(tmp_path: Path, upstream: Upstream) -> None:
    with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **BOTH) as service:
        said = service.get("/info" + REAL[1:] + "&scheduler=karras").json()

        assert said["resolved"]["scheduler"] == said["as_asked"]["scheduler"] == "karras"
        assert said["notes"] == [f"the engine {SDXL} does not understand scheduler: it does not change the picture"]
        assert service.get("/info" + DRAWN[1:] + "&scheduler=karras").json()["notes"] == []


def test_readiness_and_metrics_name_each_generator(tmp_path: Path, upstream: Upstream) -> None:
    with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **BOTH) as service:
        parts = service.get("/readyz").json()["parts"]
        assert parts["generator"]["detail"] == f"stability, engine {SDXL}"
        assert parts["generator sketch"]["detail"] == "sketch, engine sketch"
        service.get(REAL)
        service.get(DRAWN)
        metrics = service.get("/metrics").text
    for line in (
        'promptcdn_breaker_open{generator="stability"} 0.0',
        'promptcdn_breaker_open{generator="sketch"} 0.0',
    ):
        assert line in metrics
    assert service.said[0].startswith("promptcdn ")
    assert ": stability, sketch, engine " in service.said[0]
