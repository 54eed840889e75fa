"""The files for Cloud Run say what the service understands."""

import re
from typing import Any

import pytest
import yaml

from promptcdn.settings import load
from promptcdn.settings.generators import PREFIX
from tests.shipped.test_compose import known_names
from tests.support.topology import ROOT

FOLDER = ROOT / "deploy" / "cloud-run"
SERVICE = yaml.safe_load((FOLDER / "service.yaml").read_text())
JOB = yaml.safe_load((FOLDER / "warm-job.yaml").read_text())
TERRAFORM = (ROOT / "terraform" / "gcp" / "main.tf").read_text()
KILLED_AFTER = 10  # https://cloud.google.com/run/docs/container-contract#instance-shutdown
SECRETS = {
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "STABILITY_KEY"),
    *("PROMPTCDN_SIGNING_KEYS", "PROMPTCDN_ADMIN_TOKEN"),
}

POD = SERVICE["spec"]["template"]["spec"]
TASK = JOB["spec"]["template"]["spec"]["template"]["spec"]


def variables(pod: Any) -> dict[str, Any]:
    (container,) = pod["containers"]
    named = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert len(named) == len(container["env"])
    return named


@pytest.mark.parametrize("pod", [POD, TASK], ids=["service", "job"])
def test_secrets_come_from_the_secret_manager(pod: Any) -> None:
    """The settings are real ones, and secrets come from the secret manager."""
    plain = {name for name, value in variables(pod).items() if value is not None}
    (container,) = pod["containers"]

    assert variables(pod).keys() <= known_names()
    assert not plain & SECRETS
    assert all(isinstance(variables(pod)[name], str) for name in plain)
    for variable in container["env"]:
        if variable["name"] not in plain:
            assert variable["valueFrom"]["secretKeyRef"].keys() == {"name", "key"}


def test_the_values_are_ones_that_the_service_starts_with(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables(POD).items():
        if name.startswith(PREFIX) or name == "STABILITY_KEY":
            monkeypatch.setenv(name, value or "id:a-secret-of-thirty-two-characters")

    settings = load()

    assert [each.name for each in settings.generators] == ["stability"]
    assert settings.grace + 1 < KILLED_AFTER
    assert settings.memory * 4 < 1024**3  # of the gibibyte, in which files are too


def test_the_guide_makes_every_secret_of_the_service() -> None:
    """What the service counts is the operator's alone to read, and every secret is made in the guide."""
    guide = (ROOT / "docs" / "deploy" / "cloud-run.md").read_text()
    (container,) = POD["containers"]
    named = [each["valueFrom"]["secretKeyRef"]["name"] for each in container["env"] if "valueFrom" in each]

    assert "promptcdn-admin-token" in named
    assert [name for name in named if f"gcloud secrets create {name} " not in guide] == []


def test_terraform_keeps_its_secrets_out_of_sight() -> None:
    variables_ = (ROOT / "terraform" / "gcp" / "variables.tf").read_text()
    blocks = dict(re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', variables_, re.DOTALL | re.MULTILINE))
    secrets = set(
        re.findall(r"(?:PROMPTCDN_SIGNING_KEYS|PROMPTCDN_ADMIN_TOKEN|STABILITY_KEY) += var\.(\w+)", TERRAFORM)
    )

    assert secrets == {"signing_keys", "admin_token", "stability_key"}
    assert all("sensitive   = true" in blocks[name] for name in secrets)
    assert "default" not in blocks["admin_token"]


def test_it_is_the_kind_of_service_that_pictures_under_way_need() -> None:
    notes = SERVICE["spec"]["template"]["metadata"]["annotations"]
    (container,) = POD["containers"]

    assert (SERVICE["apiVersion"], SERVICE["kind"]) == ("serving.knative.dev/v1", "Service")
    assert notes["run.googleapis.com/cpu-throttling"] == "false"
    assert notes["autoscaling.knative.dev/maxScale"] == "1"
    assert all(isinstance(value, str) for value in notes.values())
    assert POD["timeoutSeconds"] > 120  # the longest `wait`
    assert "PORT" not in variables(POD)
    (port,) = container["ports"]
    for probe in ("startupProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/healthz", "port": port["containerPort"]}
        assert container[probe]["timeoutSeconds"] <= container[probe]["periodSeconds"]


def test_the_job_warms_what_the_service_shows() -> None:
    (container,) = TASK["containers"]
    service = variables(POD)
    same = {"PROMPTCDN_STORE", "AWS_ENDPOINT_URL_S3", "PROMPTCDN_PUBLIC_URL"}

    assert (JOB["apiVersion"], JOB["kind"]) == ("run.googleapis.com/v1", "Job")
    assert container["args"] == ["warm", "/lists/warm.txt"]
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/lists"]
    assert {name: variables(TASK)[name] for name in same} == {name: service[name] for name in same}


def test_terraform_sets_what_the_service_file_sets() -> None:
    named = set(re.findall(r"\b((?:PROMPTCDN|AWS|STABILITY)_[A-Z0-9_]+)", TERRAFORM))
    said = dict(re.findall(r'(PROMPTCDN_[A-Z_]+|AWS_[A-Z0-9_]+) += "([^"$]+)"', TERRAFORM))

    assert named - {"STABILITY_HOST"} == variables(POD).keys()
    assert {name: variables(POD)[name] for name in said} == said
