"""The files that start workers: valid, and with options and settings that there are.

`./scripts/recipes-test` holds Google's to descriptions of Google's APIs, which are large; `test_kubernetes.py` has the
schemas of Kubernetes.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import typer
import yaml
from botocore.validate import validate_parameters

from promptcdn.cli import application
from promptcdn.cli.operators.submit import credentials
from tests.shipped.test_compose import known_names
from tests.support.service import PROMPTCDN
from tests.support.topology import ROOT

FOLDER = ROOT / "deploy" / "workers"
UNIT = FOLDER / "promptcdn-worker.service"
DOCKERFILE = (FOLDER / "Dockerfile.cuda").read_text()
CRON_JOB, ROLE, BINDING = yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text())
POD = CRON_JOB["spec"]["jobTemplate"]["spec"]["template"]["spec"]
STEP = yaml.safe_load((FOLDER / "github.yml").read_text())["jobs"]["draw"]["steps"][0]
CLOUD_RUN = yaml.safe_load((FOLDER / "cloud-run-job.yaml").read_text())["spec"]["template"]["spec"]["template"]["spec"]
GOOGLE = json.loads((FOLDER / "google-batch.json").read_text())["taskGroups"][0]["taskSpec"]
AWS = json.loads((FOLDER / "aws-batch-job-definition.json").read_text())
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]["worker"]
SYSTEMD = shutil.which("systemd-analyze")
# The unit's way of saying how long a stop may take, and the default of PROMPTCDN_GRACE.
STOP_SECONDS, GRACE = 35, 25
# Those of containers whose image begins a worker by itself.
IN_IMAGE = {
    "cloud run": CLOUD_RUN["containers"][0]["args"],
    "google batch": GOOGLE["runnables"][0]["container"]["commands"],
    "aws batch": AWS["containerProperties"]["command"],
    "compose": COMPOSE["command"],
}
WORDS = {
    "systemd": shlex.split(UNIT.read_text().partition("ExecStart=")[2].splitlines()[0])[1:],
    "kubernetes": POD["containers"][0]["args"],
    "github": shlex.split(STEP["run"])[1:],
    **{name: ["work", *words] for name, words in IN_IMAGE.items()},
}
# Each way to start one by the service, as the files and the page write it.
STARTS = sorted(
    set(
        re.findall(
            r"promptcdn submit https:.*",
            "\n".join(path.read_text() for path in (*FOLDER.iterdir(), ROOT / "docs" / "deploy" / "own-gpu.md")),
        )
    )
)


def unit(name: str) -> str:
    """The value of a line of the unit."""
    (value,) = [line.partition("=")[2] for line in UNIT.read_text().splitlines() if line.startswith(f"{name}=")]
    return value


def options(command: str) -> set[str]:
    """The options that a command has."""
    found: Any = typer.main.get_command(application([command]))
    return {option for parameter in found.commands[command].params for option in parameter.opts}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_a_worker_is_started_with_options_that_there_are(words: list[str]) -> None:
    assert words[0] == "work"
    assert {word for word in words if word.startswith("--")} <= options("work")


def test_the_image_begins_a_worker_that_draws_with_a_model() -> None:
    assert 'ENTRYPOINT ["promptcdn", "work"]' in DOCKERFILE
    assert {"diffusers"} == set(re.findall(r"\.\[(\w+)\]", DOCKERFILE))
    assert set(re.findall(r"PROMPTCDN_\w+(?==)", DOCKERFILE)) <= known_names()


def test_the_settings_are_real_ones_and_tokens_are_secrets() -> None:
    container = {each["name"]: each.get("value") for each in POD["containers"][0]["env"]}
    cloud_run = {each["name"]: each.get("value") for each in CLOUD_RUN["containers"][0]["env"]}
    google, aws = GOOGLE["environment"], AWS["containerProperties"]

    assert {*container, *cloud_run, *google["secretVariables"], *COMPOSE["environment"]} <= known_names()
    assert container["PROMPTCDN_WORKER_TOKEN"] is cloud_run["PROMPTCDN_WORKER_TOKEN"] is None
    assert google.keys() == {"secretVariables"}
    assert ([each["name"] for each in aws["secrets"]], "environment" in aws) == (["PROMPTCDN_WORKER_TOKEN"], False)
    assert {name for name in STEP["env"] if name.startswith("PROMPTCDN_")} <= known_names()  # another one is an error
    assert "A1111_URL" in known_names() & STEP["env"].keys()
    assert "secrets." in STEP["env"]["PROMPTCDN_WORKER_TOKEN"]


def test_a_picture_under_way_has_the_time_to_be_finished() -> None:
    (grace,) = [each["value"] for each in CLOUD_RUN["containers"][0]["env"] if each["name"] == "PROMPTCDN_GRACE"]

    assert int(unit("TimeoutStopSec")) == POD["terminationGracePeriodSeconds"] == STOP_SECONDS
    assert COMPOSE["stop_grace_period"] == f"{STOP_SECONDS}s"
    assert STOP_SECONDS > GRACE + 5
    assert int(grace) + 2 < 10  # what Cloud Run gives


def test_jobs_in_batches_end_by_themselves_and_once() -> None:
    batches = [WORDS[name] for name in ("kubernetes", "github", "cloud run", "google batch", "aws batch")]

    assert {words[words.index("--until-idle") + 1] for words in batches} == {"10m"}
    assert (CLOUD_RUN["maxRetries"], GOOGLE["maxRetryCount"], AWS["retryStrategy"]["attempts"]) == (0, 0, 1)


@pytest.mark.parametrize(
    ("operation", "file"),
    [("RegisterJobDefinition", "aws-batch-job-definition.json"), ("SubmitJob", "aws-batch-job.json")],
)
def test_aws_takes_its_files(operation: str, file: str) -> None:
    """By the model of the API that boto3 itself checks calls with."""
    model = botocore.session.get_session().get_service_model("batch").operation_model(operation)
    document = json.loads((FOLDER / file).read_text())
    assert model.input_shape is not None

    validate_parameters(document, model.input_shape)
    assert document.keys() <= model.input_shape.members.keys()
    assert document["jobDefinition" if operation == "SubmitJob" else "jobDefinitionName"] == AWS["jobDefinitionName"]


def test_there_is_a_way_to_start_one_in_each_cloud() -> None:
    assert {re.search(r"--as (\w+)", start)[1] for start in STARTS} == {"google", "aws", "kubernetes", "github"}  # type: ignore[index]


@pytest.mark.parametrize("start", STARTS)
def test_a_start_is_one_that_the_command_takes(start: str) -> None:
    """And that goes to the API of the cloud: AWS's path is that of its model; Google's are in `recipes-test`."""
    words = shlex.split(re.split(r'" *$|" +#|`', start.replace('\\"', "\x00"))[0].replace("\x00", '"'))
    way: credentials.Way = words[words.index("--as") + 1]  # type: ignore[assignment]
    credentials.require_address(way, words[2], {})

    assert {word for word in words if word.startswith("--")} <= options("submit")
    if way == "aws":
        model = botocore.session.get_session().get_service_model("batch").operation_model("SubmitJob")
        assert words[2].endswith(f".amazonaws.com{model.http['requestUri']}")
    if "--body" in words and (body := words[words.index("--body") + 1]).startswith("{"):
        assert json.loads(body)


def test_the_service_may_start_jobs_of_kubernetes_and_no_more() -> None:
    assert [rule["verbs"] for rule in ROLE["rules"]] == [["get"], ["create"]]
    assert ROLE["rules"][0]["resourceNames"] == [CRON_JOB["metadata"]["name"]]
    assert BINDING["roleRef"]["name"] == ROLE["metadata"]["name"]


@pytest.mark.parametrize(
    ("schema", "file"), [("vendor.github-workflows", "github.yml"), ("vendor.compose-spec", "compose.yaml")]
)
def test_a_file_is_as_its_schema_has_it(schema: str, file: str) -> None:
    check = Path(sys.executable).with_name("check-jsonschema")
    ended = subprocess.run([check, "--builtin-schema", schema, FOLDER / file], capture_output=True, text=True)

    assert ended.returncode == 0, ended.stdout


@pytest.mark.skipif(SYSTEMD is None, reason="there is no systemd")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace("/opt/promptcdn/bin/promptcdn", PROMPTCDN))
    ended = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True)

    assert [line for line in ended.stderr.splitlines() if UNIT.name in line] == []
