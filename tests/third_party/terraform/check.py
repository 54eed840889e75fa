"""What the Terraform module for AWS made on moto, and a service with a task's settings: `./scripts/terraform-test`."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.support.service import PROMPTCDN, Promptcdn, environment

ENDPOINT = os.environ["MOTO_ENDPOINT"]
BUCKET = "pictures-of-example"
# The script looks for them in Terraform's state.
VALUES = {"signing-keys": "k1:never-in-a-state-0123456789abcdef", "admin-token": "never-in-a-state-fedcba9876543210"}


def client(service: str) -> Any:
    session: Any = boto3.Session("testing", "testing", region_name="eu-central-1")
    return session.client(service, endpoint_url=ENDPOINT)


@pytest.fixture(scope="module")
def container() -> dict[str, Any]:
    """What a task is started with."""
    (running,) = client("ecs").describe_services(cluster="promptcdn", services=["promptcdn"])["services"]
    task = client("ecs").describe_task_definition(taskDefinition=running["taskDefinition"])["taskDefinition"]
    (only,) = task["containerDefinitions"]
    return {**only, "roles": (task["taskRoleArn"], task["executionRoleArn"])}


@pytest.fixture(scope="module")
def settings(container: dict[str, Any]) -> dict[str, str]:
    """The environment of a task: ECS puts the secrets' values where their ARNs are."""
    for name, value in VALUES.items():
        client("secretsmanager").put_secret_value(SecretId=f"promptcdn/{name}", SecretString=value)
    secrets = {
        each["name"]: client("secretsmanager").get_secret_value(SecretId=each["valueFrom"])["SecretString"]
        for each in container["secrets"]
    }
    plain = {each["name"]: each["value"] for each in container["environment"]}
    assert not plain.keys() & secrets.keys()
    return plain | secrets


def rights(role: str, name: str) -> list[tuple[list[str], list[str]]]:
    """The actions and the resources of each statement of a role's policy."""
    statements = client("iam").get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]
    assert {each["Effect"] for each in statements} == {"Allow"}
    return [(listed(each["Action"]), listed(each["Resource"])) for each in statements]


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else sorted(value)


def test_the_bucket_is_closed_encrypted_and_has_versions() -> None:
    s3 = client("s3")
    rules = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]

    assert set(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values()) == {True}
    assert [each["ApplyServerSideEncryptionByDefault"] for each in rules] == [{"SSEAlgorithm": "AES256"}]
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"


def test_no_rule_of_the_bucket_deletes_what_is_there() -> None:
    rules = client("s3").get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]

    assert len(rules) == 2
    assert all(rule.get("Expiration", {}).keys() <= {"ExpiredObjectDeleteMarker"} for rule in rules)
    assert not any("Transitions" in rule or "NoncurrentVersionTransitions" in rule for rule in rules)


def test_nobody_reads_the_bucket_without_tls() -> None:
    (statement,) = json.loads(client("s3").get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]

    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert set(statement["Resource"]) == {f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"}


def test_a_task_may_read_and_write_the_bucket_and_nothing_else(container: dict[str, Any]) -> None:
    assert container["roles"][0].endswith("role/promptcdn-service")
    assert rights("promptcdn-service", "pictures") == [
        (["s3:ListBucket"], [f"arn:aws:s3:::{BUCKET}"]),
        (["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], [f"arn:aws:s3:::{BUCKET}/*"]),
    ]


def test_who_starts_a_task_reads_its_image_and_its_secrets_alone(container: dict[str, Any]) -> None:
    assert container["roles"][1].endswith("role/promptcdn-start")
    log, image, login, secrets = rights("promptcdn-start", "start")

    assert (log[0], len(log[1])) == (["logs:CreateLogStream", "logs:PutLogEvents"], 1)
    assert image[1] == ["arn:aws:ecr:eu-central-1:123456789012:repository/promptcdn"]
    assert login == (["ecr:GetAuthorizationToken"], ["*"])
    assert secrets == (["secretsmanager:GetSecretValue"], sorted(each["valueFrom"] for each in container["secrets"]))


@pytest.fixture
def open_to_moto() -> Iterator[None]:
    """moto takes the bucket's policy for a refusal of all that is asked: it does not look at conditions."""
    s3 = client("s3")
    policy = s3.get_bucket_policy(Bucket=BUCKET)["Policy"]
    s3.delete_bucket_policy(Bucket=BUCKET)
    yield
    everything = s3.list_object_versions(Bucket=BUCKET)
    for each in [*everything.get("Versions", ()), *everything.get("DeleteMarkers", ())]:
        s3.delete_object(Bucket=BUCKET, Key=each["Key"], VersionId=each["VersionId"])
    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)


@pytest.mark.usefixtures("open_to_moto")
def test_a_service_with_a_tasks_settings_draws_into_the_bucket(settings: dict[str, str], tmp_path: Path) -> None:
    """With all of them but the folder and the port, which are a container's, and where moto is for Amazon."""
    keys = {"AWS_ENDPOINT_URL_S3": ENDPOINT, "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    own = {name: value for name, value in settings.items() if name not in ("PORT", "TMPDIR")}
    fargate = {"AWS_EXECUTION_ENV": "AWS_ECS_FARGATE"}
    signing = environment(**own, PROMPTCDN_DATA_DIR=tmp_path / "data")
    with Promptcdn(tmp_path, **own, **keys, **fargate) as service:
        url = f"{own['PROMPTCDN_PUBLIC_URL']}/?prompt=a+lighthouse&seed=7"
        ended = subprocess.run([PROMPTCDN, "sign", url], env=signing, capture_output=True, text=True, check=True)
        unsigned = service.get("/?prompt=a+lighthouse&seed=7")
        signed = service.get(ended.stdout.strip().removeprefix(own["PROMPTCDN_PUBLIC_URL"]))

        assert (unsigned.status_code, signed.status_code) == (403, 200)
        assert service.get("/healthz").status_code == 200
        assert service.get("/metrics").status_code == 401
    stored = client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert any(each["Key"].startswith("masters/") for each in stored), [each["Key"] for each in stored]
    assert "Fargate keeps no disk" in service.said[0]
