"""deploy/kubernetes: what kustomize makes of it is valid, starts as the service is built, and selects what is there."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from promptcdn import __version__
from promptcdn.faces.openapi import document
from promptcdn.settings import Settings, load
from tests.shipped.test_compose import known_names
from tests.support.topology import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
WORKERS = ROOT / "deploy" / "workers" / "kubernetes.yaml"
GUIDE = (ROOT / "docs" / "deploy" / "kubernetes.md").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
NAMES = ("trial", "production", "production with disks", "production with disks and workers")
# The oldest version that the guide names, and the newest that has a schema.
VERSIONS = ("1.30", kubernetes_validate.latest_version())
# The service's own, for closing after PROMPTCDN_GRACE.
CLOSING_SECONDS = 5
SECRETS = re.compile("_KEY|TOKEN|PASSWORD|SECRET|API_KEYS")

pytestmark = pytest.mark.skipif(
    shutil.which("kubectl") is None, reason="NOT CHECKED: deploy/kubernetes, because kubectl is not installed"
)
every = pytest.mark.parametrize("name", NAMES)
Resource = Mapping[str, Any]


@cache
def resources(name: str) -> tuple[Resource, ...]:
    """What `kubectl apply -k` would send to the cluster."""
    folder, _, more = name.partition(" with ")
    if not more:
        return rendered(FOLDER / folder)
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(FOLDER, copy, dirs_exist_ok=True)
        file = Path(copy) / folder / "kustomization.yaml"
        text = file.read_text()
        for each in more.split(" and "):
            text = text.replace(f"# - ../{each}\n", f"- ../{each}\n")
        file.write_text(text)
        return rendered(file.parent)


def rendered(folder: Path) -> tuple[Resource, ...]:
    ended = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    return tuple(yaml.safe_load_all(ended.stdout))


def of_kind(name: str, *kinds: str) -> list[Resource]:
    return [each for each in resources(name) if each["kind"] in kinds]


def workload(name: str) -> Resource:
    """What runs the service, a Deployment or a StatefulSet."""
    (found,) = [each for each in of_kind(name, "Deployment", "StatefulSet") if each["metadata"]["name"] == "promptcdn"]
    return found


def pod(name: str) -> Any:
    return workload(name)["spec"]["template"]["spec"]


def container(name: str) -> Any:
    (found,) = pod(name)["containers"]
    return found


def values(name: str) -> dict[str, str]:
    (config,) = of_kind(name, "ConfigMap")
    assert container(name)["envFrom"][0] == {"configMapRef": {"name": config["metadata"]["name"]}}
    data: dict[str, str] = config["data"]
    return data


@every
@pytest.mark.parametrize("version", VERSIONS)
def test_every_resource_is_valid_by_the_schema(name: str, version: str) -> None:
    for resource in resources(name):
        kubernetes_validate.validate(resource, version, strict=True)


def test_the_file_for_workers_is_valid_by_the_schema() -> None:
    for version in VERSIONS:
        for resource in yaml.safe_load_all(WORKERS.read_text()):
            kubernetes_validate.validate(resource, version, strict=True)


@every
def test_probes_ask_what_there_is_at_the_port_of_the_image(name: str) -> None:
    (port,) = container(name)["ports"]
    (exposed,) = re.findall(r"(?m)^EXPOSE (\d+)$", DOCKERFILE)
    paths = document.described(load())["paths"]

    assert port == {"name": "http", "containerPort": int(exposed)}
    assert "PORT" not in values(name)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container(name)[probe]["httpGet"]
        assert (asked["port"], asked["path"]) == ("http", "/healthz")
        assert asked["path"] in paths
        assert container(name)[probe]["timeoutSeconds"] <= container(name)[probe]["periodSeconds"]


@every
def test_a_pod_has_the_time_to_store_pictures_under_way(name: str) -> None:
    (_, seconds) = container(name)["lifecycle"]["preStop"]["exec"]["command"]
    grace = float(values(name)["PROMPTCDN_GRACE"])

    assert grace == Settings.model_fields["grace"].default
    assert pod(name)["terminationGracePeriodSeconds"] >= int(seconds) + grace + CLOSING_SECONDS


@every
def test_the_service_starts_with_what_the_config_map_sets(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = {"PROMPTCDN_SIGNING_KEYS": "k1:a-secret-of-thirty-two-characters", "STABILITY_KEY": "k"}
    if "workers" in name:
        secret["PROMPTCDN_WORKER_TOKENS"] = "home:a-secret-of-thirty-two-characters"
    for setting, value in (values(name) | (secret if name != "trial" else {})).items():
        monkeypatch.setenv(setting, value)

    assert values(name).keys() <= known_names()
    assert load().memory * 4 <= in_bytes(container(name)["resources"]["limits"]["memory"])


def in_bytes(quantity: str) -> int:
    units = {"Mi": 1 << 20, "Gi": 1 << 30}
    return int(quantity[:-2]) * units[quantity[-2:]]


@every
def test_secrets_come_by_reference_and_the_guide_makes_them(name: str) -> None:
    (_, secret) = container(name)["envFrom"]
    wanted = name != "trial"

    assert of_kind(name, "Secret") == []
    assert [setting for setting in values(name) if SECRETS.search(setting)] == []
    assert "@" not in values(name).get("PROMPTCDN_REDIS_URL", "")
    assert secret == {"secretRef": {"name": "promptcdn"} | ({} if wanted else {"optional": True})}
    assert "create secret generic promptcdn " in GUIDE
    made = re.findall(r"(?m)^([A-Z0-9_]+)=", GUIDE)
    assert made
    assert set(made) <= known_names()


@every
def test_pods_have_no_rights(name: str) -> None:
    """What the Pod Security Standard `restricted` asks for, a root that cannot be written, and no token."""
    (space,) = of_kind(name, "Namespace")
    assert space["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for each in of_kind(name, "Deployment", "StatefulSet"):
        spec = each["spec"]["template"]["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        starts = "workers" in name and each["metadata"]["name"] == "promptcdn"
        assert spec["automountServiceAccountToken"] is starts
        for one in spec["containers"]:
            assert one["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }


@every
def test_the_pod_is_what_the_image_is_built_for(name: str) -> None:
    """The user, the volume and the version are those of the image, and the data folder is one of the service's own."""
    (user,) = re.findall(r"(?m)^USER (\d+)$", DOCKERFILE)
    (volume,) = re.findall(r"(?m)^VOLUME (\S+)$", DOCKERFILE)
    context = pod(name)["securityContext"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container(name)["volumeMounts"]}
    claims = [claim["metadata"]["name"] for claim in workload(name)["spec"].get("volumeClaimTemplates", [])]

    assert {context["runAsUser"], context["runAsGroup"], context["fsGroup"]} == {int(user)}
    assert mounts == {volume: "data", "/tmp": "tmp"}  # noqa: S108
    assert sorted([*claims, *(one["name"] for one in pod(name)["volumes"])]) == ["data", "tmp"]
    assert (claims == ["data"]) == ("disks" in name)
    assert Path(values(name)["PROMPTCDN_DATA_DIR"]).parent == Path(volume)
    assert container(name)["image"].endswith(f"promptcdn:{__version__}")


@every
def test_kubernetes_sets_no_variables_of_services_in_a_pod(name: str) -> None:
    """Those of a Service named promptcdn look like settings, and end the start (tests/service/test_starting.py)."""
    job = next(yaml.safe_load_all(WORKERS.read_text()))
    worker = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]

    assert pod(name)["enableServiceLinks"] is False
    assert worker["enableServiceLinks"] is False


@every
def test_every_selector_selects_pods_that_are_there(name: str) -> None:
    """A label too many in a selector shuts the network, or lets a node be emptied at once."""
    pods = [each["spec"]["template"]["metadata"]["labels"] for each in of_kind(name, "Deployment", "StatefulSet")]
    found = [labels for resource in resources(name) for labels in selectors(resource)]
    known = [labels for labels in found if labels != {"k8s-app": "kube-dns"}]  # the cluster's own

    assert len(known) < len(found)
    for labels in known:
        # There is no Redis in the trial, whose network policy allows one all the same.
        if name != "trial" or labels != {"app.kubernetes.io/name": "redis"}:
            assert [pod for pod in pods if labels.items() <= pod.items()], labels
            assert labels.keys() == {"app.kubernetes.io/name"}


def selectors(value: Any) -> Iterator[dict[str, str]]:
    """The labels in every selector of pods that a resource has."""
    if isinstance(value, list):
        for each in value:
            yield from selectors(each)
    elif isinstance(value, dict):
        for key, below in value.items():
            if key in ("selector", "podSelector", "labelSelector"):
                yield below.get("matchLabels", below)
            else:
                yield from selectors(below)


@every
def test_the_autoscaler_scales_what_there_is(name: str) -> None:
    found = of_kind(name, "HorizontalPodAutoscaler")

    assert len(found) == (name != "trial")
    for scaler in found:
        target = scaler["spec"]["scaleTargetRef"]
        there = workload(name)
        assert (target["apiVersion"], target["kind"]) == (there["apiVersion"], there["kind"])
        assert target["name"] == there["metadata"]["name"]
        assert "replicas" not in there["spec"]  # each `apply` would undo what the autoscaler did
        assert scaler["spec"]["minReplicas"] >= 2
        assert "PROMPTCDN_REDIS_URL" in values(name)  # or each replica has a budget of its own


@every
def test_pods_reach_names_redis_and_the_internet_by_tls(name: str) -> None:
    """Pods reach the servers of names, Redis, and what is on the internet by TLS, and nothing else."""
    (policy,) = [each for each in of_kind(name, "NetworkPolicy") if each["metadata"]["name"] == "promptcdn"]
    ports = [sorted({port["port"] for port in rule["ports"]}) for rule in policy["spec"]["egress"]]
    blocks = [peer["ipBlock"] for rule in policy["spec"]["egress"] for peer in rule["to"] if "ipBlock" in peer]

    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert ports == [[53], [6379], [443], *([[443, 6443]] if "workers" in name else [])]
    assert [block["cidr"] for block in blocks[:2]] == ["0.0.0.0/0", "::/0"]
    assert {"10.0.0.0/8", "169.254.0.0/16"} <= set(blocks[0]["except"])
    assert [rule["ports"] for rule in policy["spec"]["ingress"]] == [[{"protocol": "TCP", "port": "http"}]]


def test_the_guide_names_every_file_and_the_oldest_kubernetes() -> None:
    folders = sorted(path.name for path in FOLDER.iterdir())

    assert [name for name in folders if f"{name}/" not in GUIDE] == []
    assert f"Kubernetes {VERSIONS[0]} or later" in GUIDE
    assert set(re.findall(r"promptcdn:(\d[\d.]*)", GUIDE)) == {__version__}
