"""The container as it is shipped. `./scripts/image-test` builds it and runs these; they need an image and root."""

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.container import Container, Image
from tests.support.buckets import BUCKET, moto
from tests.support.ports import free_port
from tests.upstream import Upstream

SKETCH = "/?prompt=a+lighthouse&seed=7"


def status_of(process: int) -> dict[str, str]:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return {name: " ".join(values.split()) for name, _, values in (line.partition(":") for line in lines)}


def test_it_answers_with_a_sketch(tmp_path: Path) -> None:
    with Container(tmp_path) as container:
        picture = container.get(SKETCH)

        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/webp")
        assert f"http://127.0.0.1:{container.port}{SKETCH}" in container.log
        status = status_of(container.process)
        print(f"\nstarted in {container.started_in:.2f} s, {int(status['VmRSS'].split()[0]) // 1024} MB resident")  # noqa: T201


def test_it_runs_unprivileged_on_a_read_only_root(tmp_path: Path) -> None:
    """It runs as a user without rights, on a root file system that it cannot write."""
    with Container(tmp_path) as container:
        assert container.get(SKETCH).status_code == 200
        status = status_of(container.process)
        assert status["Uid"] == "10001 10001 10001 10001"
        assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd")} == {"0" * 16}
        assert status["NSpid"].split()[-1] == "1"

        wrote = container.run("python3", "-c", "open('/app/x', 'w')")
        assert "Read-only file system" in wrote.stderr
    assert any((tmp_path / "data" / "store" / "masters").rglob("*"))


def test_a_picture_under_way_is_stored_when_it_is_stopped(tmp_path: Path) -> None:
    with Upstream() as upstream, ThreadPoolExecutor(1) as asking:
        with Container(tmp_path, STABILITY_HOST=upstream.url) as container:
            upstream.hold()
            asking.submit(container.get, SKETCH)
            upstream.wait_for_calls(1)
            os.kill(container.process, signal.SIGTERM)
            upstream.release()
            code = container.stop()
        assert (code, len(upstream.ledger.calls())) == (0, 1)

        with Container(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_MISSES="closed") as container:
            assert container.get(SKETCH).headers["cache-status"] == "promptcdn; hit; detail=store"


def test_the_health_check_tells_a_service_from_none(tmp_path: Path) -> None:
    kind, *command = Image.built().config["Healthcheck"]["Test"]
    assert kind == "CMD"
    with Container(tmp_path) as container:
        assert container.run(*command).returncode == 0
        proxied = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
        assert container.run(*command, **proxied).returncode == 0
        assert container.run(*command, PORT=free_port()).returncode != 0


def test_a_volume_is_said_to_survive_and_the_doctor_is_content(tmp_path: Path) -> None:
    with Upstream() as upstream, Container(tmp_path, STABILITY_HOST=upstream.url) as container:
        assert "budget 100/day, " in container.log
        assert "forgotten" not in container.log
        examined = container.run("promptcdn", "doctor")
        assert examined.returncode == 0, examined.stdout + examined.stderr


def test_pictures_in_a_bucket(tmp_path: Path) -> None:
    with (
        moto(tmp_path) as bucket,
        Container(tmp_path, PROMPTCDN_STORE=f"s3://{BUCKET}/pictures", **bucket.environment) as container,
    ):
        assert container.get(SKETCH).status_code == 200
        counted = container.run("promptcdn", "store", "stats", "--json")
        assert json.loads(counted.stdout)["masters"]["objects"] == 1


def test_nothing_that_builds_is_left() -> None:
    root = Image.built().root
    for tool in ("pip", "setuptools", "grpc_tools"):
        assert not list(root.glob(f"venv/lib/*/site-packages/{tool}*")), tool
    assert [tool for tool in ("cc", "gcc", "make", "curl", "git") if (root / "usr/bin" / tool).exists()] == []


def test_a_new_volume_belongs_to_the_service() -> None:
    image = Image.built()

    assert (image.root / "data").stat().st_uid == int(image.config["User"])  # which engines copy into the volume
