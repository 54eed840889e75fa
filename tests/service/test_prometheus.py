"""The shipped configuration of Prometheus, run: it shows the token, and gets what is counted."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from tests.support.ports import free_port, is_open
from tests.support.service import Promptcdn
from tests.support.waiting import until

FOLDER = Path(__file__).parents[2] / "deploy" / "telemetry"
BIN = Path(sys.executable).parent
TOKEN = "canary-of-the-operator"  # noqa: S105


def config(folder: Path, target: str, token: str) -> Path:
    """The shipped file, with a target and a token that are here, and looks that are not so far apart."""
    page = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    (job,) = page["scrape_configs"]
    (folder / "token").write_text(f"{token}\n")
    job["authorization"]["credentials_file"] = str(folder / "token")
    job["static_configs"] = [{"targets": [target]}]
    page["global"] = {"scrape_interval": "1s"}
    (folder / "alerts.yml").write_text((FOLDER / "alerts.yml").read_text())
    (folder / "prometheus.yml").write_text(yaml.safe_dump(page))
    return folder / "prometheus.yml"


def looked_at(folder: Path, page: Path) -> dict[str, Any]:
    """What Prometheus says of its one target after it has looked there."""
    port = free_port()
    options = (
        f"--config.file={page}",
        f"--storage.tsdb.path={folder}/series",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen([BIN / "prometheus", *options], stdout=log, stderr=log)
    api = f"http://127.0.0.1:{port}"

    def targets() -> list[dict[str, Any]]:
        answer = httpx2.get(f"{api}/api/v1/targets").json()
        return [each for each in answer["data"]["activeTargets"] if each["health"] != "unknown"]

    try:
        until(lambda: is_open(port) and httpx2.get(f"{api}/-/ready").status_code == 200)
        until(lambda: bool(targets()))
        (target,) = targets()
        return target
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize(("token", "health"), [(TOKEN, "up"), ("of-somebody-else", "down")])
def test_prometheus_is_let_in_by_the_token_in_its_file(tmp_path: Path, token: str, health: str) -> None:
    with Promptcdn(tmp_path, PROMPTCDN_ADMIN_TOKEN=TOKEN) as service:
        page = config(tmp_path, service.url.removeprefix("http://"), token)
        checked = subprocess.run([BIN / "promtool", "check", "config", page], capture_output=True, text=True)
        target = looked_at(tmp_path, page)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert target["health"] == health, json.dumps(target)
    assert ("401" in target["lastError"]) is (health == "down")
    assert TOKEN not in (tmp_path / "prometheus.log").read_text() + (tmp_path / "log").read_text()
