"""A model in a folder, in a real service and in a real worker: faults cost one picture, and no process is left."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.models import ROOT, STAND_IN, write_folder
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.support.waiting import until
from tests.support.workers import SETTINGS, WorkerProcess

HIT = "/?prompt=a+lighthouse&seed=7"


def settings_of(folder: Path, **settings: object) -> dict[str, object]:
    model = write_folder(folder / "tiny")
    return {"PROMPTCDN_LOCAL_MODEL": model, "PROMPTCDN_WAIT": "20", **STAND_IN, **settings}


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_there(pid: int) -> bool:
    """Whether a process runs: one that has ended and that nobody has asked for its exit code does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def hangs(pid: int) -> bool:
    return Path(f"/proc/{pid}/comm").read_text() == "hangs\n"


def test_a_readme_of_six_pictures(tmp_path: Path) -> None:
    urls = [f"/?prompt=picture+{number}&seed={number}" for number in range(6)]
    with Promptcdn(tmp_path, **settings_of(tmp_path)) as service:
        answers = service.get_together(*urls)
        info = service.get(f"/info{urls[0]}&scheduler=karras").json()

        assert [each.status_code for each in answers] == [200] * 6
        assert len({each.content for each in answers}) == 6
        assert (info["resolved"]["generator"], info["resolved"]["engine"]) == ("local", "tiny")
        assert info["notes"] == ["the engine tiny does not understand scheduler: it does not change the picture"]
        (model,) = children(service.process.pid)
    assert not is_there(model)
    with Promptcdn(tmp_path / "other", **settings_of(tmp_path)) as other:
        assert [other.get(url).content for url in urls] == [each.content for each in answers]


@pytest.mark.parametrize("word", ["crash", "leave", "garbage", "broken"])
def test_a_model_that_fails_costs_one_picture_and_no_hit(tmp_path: Path, word: str) -> None:
    with Promptcdn(tmp_path, **settings_of(tmp_path)) as service:
        hit = service.get(HIT)
        failed = service.get(f"/?prompt={word}&seed=7")

        assert (hit.status_code, failed.status_code) == (200, 502 if word in ("garbage", "broken") else 503)
        assert service.get(HIT).content == hit.content
        assert service.get("/?prompt=another&seed=7").status_code == 200
        # What failed for money elsewhere waits here, too: the same picture may end the process again.
        assert service.get(f"/?prompt={word}&seed=7").status_code == failed.status_code


def test_hits_go_on_while_the_model_is_killed_in_a_picture(tmp_path: Path) -> None:
    with Promptcdn(tmp_path, **settings_of(tmp_path, PROMPTCDN_WAIT="1")) as service:
        hit = service.get(HIT)
        (model,) = children(service.process.pid)
        assert service.get("/?prompt=hang&seed=7").status_code == 503
        until(lambda: hangs(model))
        assert service.get(HIT).content == hit.content
        os.kill(model, signal.SIGKILL)
        until(lambda: not is_there(model))
        until(lambda: service.get("/?prompt=hang&seed=7").json()["code"] == "upstream_unreachable")

        assert service.get(HIT).content == hit.content
        until(lambda: service.get("/?prompt=another&seed=7").status_code == 200)


def test_a_service_that_is_killed_leaves_no_process_behind(tmp_path: Path) -> None:
    with Promptcdn(tmp_path, **settings_of(tmp_path, PROMPTCDN_WAIT="1")) as service:
        assert service.get(HIT).status_code == 200
        (model,) = children(service.process.pid)
        service.get("/?prompt=hang&seed=7")
        until(lambda: hangs(model))
        service.stop(signal.SIGKILL)

        until(lambda: not is_there(model))


def test_a_service_that_is_stopped_ends_a_model_that_hangs(tmp_path: Path) -> None:
    with Promptcdn(tmp_path, **settings_of(tmp_path, PROMPTCDN_WAIT="1", PROMPTCDN_GRACE="1")) as service:
        assert service.get(HIT).status_code == 200
        (model,) = children(service.process.pid)
        service.get("/?prompt=hang&seed=7")
        until(lambda: hangs(model))

        service.stop(signal.SIGTERM)
        assert not is_there(model)


def test_a_worker_draws_with_a_model(tmp_path: Path) -> None:
    with Promptcdn(tmp_path / "service", **SETTINGS, PROMPTCDN_SIZE="256x256", PROMPTCDN_WAIT="30") as service:
        worker = WorkerProcess(tmp_path / "worker", service.url, generator="local", **settings_of(tmp_path))  # type: ignore[arg-type]
        with worker:
            answer = service.get(HIT)

            assert answer.status_code == 200
            (model,) = children(worker.process.pid)
            worker.stop()
        assert not is_there(model)
    with Promptcdn(tmp_path / "alone", **settings_of(tmp_path, PROMPTCDN_SIZE="256x256")) as alone:
        assert alone.get(HIT).content == answer.content


def told(command: str, folder: Path, **settings: object) -> subprocess.CompletedProcess[str]:
    usual = {"PROMPTCDN_DATA_DIR": folder / "data", **settings}
    return subprocess.run(
        [PROMPTCDN, command], cwd=folder, env=environment(**usual), capture_output=True, text=True, timeout=60
    )


def test_without_its_library_start_and_doctor_name_a_command(tmp_path: Path) -> None:
    settings = {**settings_of(tmp_path), "PYTHONPATH": ""}
    refused = Promptcdn(tmp_path, **settings).refused_start()
    doctor = told("doctor", tmp_path, **settings)

    for said in (refused.stderr, doctor.stdout):
        assert "the model tiny is drawn by openvino-genai, which is not installed" in said
        assert "pip install 'promptcdn[local]'" in said
    assert refused.returncode == 2


def test_doctor_says_memory_and_device_and_starts_no_model(tmp_path: Path) -> None:
    model = write_folder(tmp_path / "crash")
    found = told("doctor", tmp_path, PROMPTCDN_LOCAL_MODEL=model, PROMPTCDN_LOCAL_DEVICE="gpu.1", **STAND_IN)

    assert "good  generator: local: openvino-genai stand-in on GPU.1" in found.stdout
    assert "engine crash: Stable Diffusion, 256x256" in found.stdout
    assert "needs about 1.3 GB of memory, this machine has" in found.stdout


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"PROMPTCDN_LOCAL_MODEL": ROOT / "docs"}, "the folder has no model_index.json"),
        ({"PROMPTCDN_LOCAL_DEVICE": "rm -rf /"}, "allowed: the name of a device"),
        ({"PROMPTCDN_GENERATOR": "local", "PROMPTCDN_LOCAL_MODEL": ""}, "local needs PROMPTCDN_LOCAL_MODEL"),
        ({"PROMPTCDN_ENGINE": "sdxl"}, "sdxl"),
    ],
)
def test_a_wrong_setting_is_told(tmp_path: Path, wrong: dict[str, object], says: str) -> None:
    found = told("doctor", tmp_path, **{**settings_of(tmp_path), **wrong})

    assert says in found.stdout
