"""The files that start workers: valid, and with options and settings that there are."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from promptcdn.cli import application
from tests.shipped.test_compose import known_names
from tests.support.service import PROMPTCDN
from tests.support.topology import ROOT

FOLDER = ROOT / "deploy" / "workers"
UNIT = FOLDER / "promptcdn-worker.service"
JOB = yaml.safe_load((FOLDER / "kubernetes.yaml").read_text())
POD = JOB["spec"]["jobTemplate"]["spec"]["template"]["spec"]
STEP = yaml.safe_load((FOLDER / "github.yml").read_text())["jobs"]["draw"]["steps"][0]
SYSTEMD = shutil.which("systemd-analyze")
# The unit's way of saying how long a stop may take, and the default of PROMPTCDN_GRACE.
STOP_SECONDS, GRACE = 35, 25


def unit(name: str) -> str:
    """The value of a line of the unit."""
    (value,) = [line.partition("=")[2] for line in UNIT.read_text().splitlines() if line.startswith(f"{name}=")]
    return value


@pytest.mark.parametrize(
    "words",
    [
        shlex.split(unit("ExecStart"))[1:],
        POD["containers"][0]["args"],
        shlex.split(STEP["run"])[1:],
    ],
    ids=["systemd", "kubernetes", "github"],
)
def test_a_worker_is_started_with_options_that_there_are(words: list[str]) -> None:
    assert words[0] == "work"
    command: Any = typer.main.get_command(application(["work"]))
    options = {option for parameter in command.commands["work"].params for option in parameter.opts}

    assert {word for word in words if word.startswith("--")} <= options


def test_the_settings_are_real_ones_and_tokens_are_secrets() -> None:
    container = {each["name"]: each.get("value") for each in POD["containers"][0]["env"]}

    assert container.keys() <= known_names()
    assert container["PROMPTCDN_WORKER_TOKEN"] is None
    assert STEP["env"].keys() - {"PROMPTCDN_URL"} <= known_names()
    assert "secrets." in STEP["env"]["PROMPTCDN_WORKER_TOKEN"]


def test_a_picture_under_way_has_the_time_to_be_finished() -> None:
    assert int(unit("TimeoutStopSec")) == POD["terminationGracePeriodSeconds"] == STOP_SECONDS
    assert STOP_SECONDS > GRACE + 5


def test_the_workflow_is_one_of_github() -> None:
    check = Path(sys.executable).with_name("check-jsonschema")
    ended = subprocess.run(
        [check, "--builtin-schema", "vendor.github-workflows", FOLDER / "github.yml"], capture_output=True, text=True
    )

    assert ended.returncode == 0, ended.stdout


@pytest.mark.skipif(SYSTEMD is None, reason="there is no systemd")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/promptcdn/bin/promptcdn", PROMPTCDN))
    ended = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True)

    assert [line for line in ended.stderr.splitlines() if UNIT.name in line] == []
