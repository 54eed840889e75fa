"""`promptcdn submit`: jobs started by the APIs of clouds, which are stood in for on loopback."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from promptcdn.cli.operators.submit import credentials
from promptcdn.cli.operators.submit.calls import Refused, Submitter, Timings
from promptcdn.problems import BadSettings
from tests.support.service import PROMPTCDN, environment
from tests.support.serving import Quiet, serving

RUN = "/v2/projects/p/locations/europe-west1/jobs/promptcdn-worker:run"
CRON_JOB = {
    "metadata": {"name": "promptcdn-worker", "uid": "0-1"},
    "spec": {"jobTemplate": {"spec": {"backoffLimit": 2, "template": {"spec": {"containers": []}}}}},
}
TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105 - where a token is asked for
GITHUB = {"GH_TOKEN": "canary-gh"}
AWS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "canary-secret", "AWS_DEFAULT_REGION": "eu-central-1"}


@dataclass
class Cloud:
    """An API, and the metadata server of a machine of the cloud."""

    address: str = ""
    calls: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    status: int = 200

    @property
    def host(self) -> str:
        return self.address.removeprefix("http://")


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    seen = Cloud()

    class Api(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == TOKEN_PATH:
                flavoured = self.headers["metadata-flavor"] == "Google"
                self.answer(200 if flavoured else 403, {"access_token": "canary-token", "expires_in": 3599})
            else:
                self.note()
                self.answer(200 if "/cronjobs/" in self.path else 404, CRON_JOB)

        def do_POST(self) -> None:
            self.note()
            self.answer(
                seen.status, {"name": "operations/1"} if seen.status < 300 else {"message": "PERMISSION_DENIED"}
            )

        def note(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"] or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            seen.calls.append((self.command, self.path, headers, body))

        def answer(self, status: int, document: object) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

    with serving(Api) as seen.address:
        yield seen


def submit(cloud: Cloud, path: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command as PROMPTCDN_WORKER_START runs it."""
    settings = {"GCE_METADATA_HOST": cloud.host, **variables}
    command = [PROMPTCDN, "submit", f"{cloud.address}{path}", *options]
    return subprocess.run(command, env=environment(**settings), capture_output=True, text=True, timeout=60)


def test_a_job_of_google_is_run_with_the_machines_token(cloud: Cloud, tmp_path: Path) -> None:
    """Cloud Run's job is there already and takes no body; a job of Batch is the body."""
    job = tmp_path / "job.json"
    job.write_text('{"taskGroups": []}')
    ended = [
        submit(cloud, RUN, "--as", "google"),
        submit(cloud, "/v1/projects/p/locations/l/jobs", "--as", "google", "--body", str(job)),
    ]

    assert [each.returncode for each in ended] == [0, 0], ended
    assert [(call[0], call[1], call[3]) for call in cloud.calls] == [
        ("POST", RUN, b""),
        ("POST", "/v1/projects/p/locations/l/jobs", b'{"taskGroups": []}'),
    ]
    assert {call[2]["authorization"] for call in cloud.calls} == {"Bearer canary-token"}
    assert "canary" not in "".join(each.stdout + each.stderr for each in ended)


def test_what_the_api_refuses_is_told_with_its_reason(cloud: Cloud) -> None:
    cloud.status = 403
    ended = submit(cloud, RUN, "--as", "google")

    assert ended.returncode == 1
    assert "status 403" in ended.stderr
    assert "PERMISSION_DENIED" in ended.stderr
    assert "canary" not in ended.stderr


def test_a_workflow_of_github_is_dispatched(cloud: Cloud) -> None:
    path = "/repos/o/r/actions/workflows/promptcdn-worker.yml/dispatches"
    cloud.status = 204
    ended = submit(cloud, path, "--as", "github", "--body", '{"ref": "main"}', **GITHUB)

    assert ended.returncode == 0, ended.stderr
    ((_, asked, headers, body),) = cloud.calls
    assert (asked, json.loads(body), headers["authorization"]) == (path, {"ref": "main"}, "Bearer canary-gh")


def test_a_job_of_aws_is_signed(cloud: Cloud) -> None:
    """With the signature that botocore's own client would have made at that moment."""
    ended = submit(cloud, "/v1/submitjob", "--as", "aws", "--body", '{"jobName": "w"}', **AWS)

    assert ended.returncode == 0, ended.stderr
    ((_, path, headers, body),) = cloud.calls
    again = AWSRequest("POST", f"{cloud.address}{path}", data=body, headers={"content-type": headers["content-type"]})
    again.context["timestamp"] = headers["x-amz-date"]
    again.headers["X-Amz-Date"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials(AWS["AWS_ACCESS_KEY_ID"], AWS["AWS_SECRET_ACCESS_KEY"]), "batch", "eu-central-1")
    signature = signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)
    assert headers["authorization"].endswith(f"Signature={signature}")
    assert "Credential=AKIA/" in headers["authorization"]
    assert "/eu-central-1/batch/aws4_request" in headers["authorization"]


def test_a_job_of_kubernetes_is_made_from_its_cron_job(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("canary-pod\n")
    namespace = f"{cloud.address}/apis/batch/v1/namespaces/pictures"
    said = Submitter({}, tmp_path).submit(f"{namespace}/cronjobs/promptcdn-worker", "kubernetes")

    assert "started" in said
    read, made = cloud.calls
    job = json.loads(made[3])
    assert (read[0], made[0], made[1]) == ("GET", "POST", "/apis/batch/v1/namespaces/pictures/jobs")
    assert {call[2]["authorization"] for call in cloud.calls} == {"Bearer canary-pod"}
    assert (job["kind"], job["metadata"]["generateName"]) == ("Job", "promptcdn-worker-")
    assert job["metadata"]["ownerReferences"][0]["uid"] == "0-1"
    assert job["spec"] == CRON_JOB["spec"]["jobTemplate"]["spec"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("way", "address", "good"),
    [
        ("google", "https://run.googleapis.com/v2/x:run", True),
        ("google", "http://run.googleapis.com/v2/x:run", False),
        ("google", "https://run.googleapis.com.example.org/v2/x:run", False),
        ("google", "https://googleapis.example.org/", False),
        ("google", "https://example.org\\.googleapis.com/", False),
        ("google", "https://example.org%2f.googleapis.com/", False),
        ("google", "https://run.googleapis.com@example.org/", False),
        ("google", "https://somebody@run.googleapis.com/", False),
        ("google", "run.googleapis.com/v2/x:run", False),
        ("aws", "https://batch.eu-central-1.amazonaws.com/v1/submitjob", True),
        ("aws", "https://amazonaws.com.example.org/", False),
        ("github", "https://api.github.com/repos/o/r/actions/workflows/w/dispatches", True),
        ("github", "https://notapi.github.com/", False),
        ("github", "https://github.example.org/api/v3/repos", True),
        ("kubernetes", "https://kubernetes.default.svc/apis/batch/v1", True),
        ("kubernetes", "https://10.0.0.1/apis/batch/v1", True),
        ("kubernetes", "https://cluster.example.org/apis/batch/v1", False),
    ],
)
def test_a_credential_goes_to_its_own_hosts_alone(way: credentials.Way, address: str, good: bool) -> None:
    known = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "GITHUB_API_URL": "https://github.example.org/api/v3"}
    if good:
        credentials.require_address(way, address, known)
    else:
        with pytest.raises(BadSettings):
            credentials.require_address(way, address, known)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--as", "gogle"), 2, "did you mean google?"),
        (("--as", "google", "--body", "/no/such/file"), 2, "cannot be read"),
        (("--as", "google", "--body", "{oops"), 2, "no JSON"),
        (("--as", "github"), 2, "GH_TOKEN"),
        (("--as", "aws"), 2, "no credentials"),
        (("--as", "kubernetes"), 2, "/cronjobs/NAME"),
    ],
)
def test_what_cannot_be_submitted_says_why(cloud: Cloud, options: tuple[str, ...], code: int, said: str) -> None:
    nobody = dict.fromkeys(("GH_TOKEN", "GITHUB_TOKEN"), "") | {"AWS_EC2_METADATA_DISABLED": "true"}
    ended = submit(cloud, RUN, *options, **nobody)

    assert (ended.returncode, cloud.calls) == (code, [])
    assert said in ended.stderr


@pytest.mark.parametrize("way", ["google", "kubernetes"])
def test_without_an_account_nobody_is_called(cloud: Cloud, tmp_path: Path, way: str) -> None:
    nowhere: dict[str, Any] = {"GCE_METADATA_HOST": "127.0.0.1:9"}
    with pytest.raises(BadSettings, match=f"--as {way}"):
        Submitter(nowhere, tmp_path, Timings(metadata=1.0)).submit(f"{cloud.address}/x/cronjobs/w", way)
    assert cloud.calls == []


@pytest.mark.parametrize("token", ["canary gh", "canary\x01gh", "canaryé"])
def test_a_token_that_cannot_be_sent_is_not_quoted(cloud: Cloud, token: str) -> None:
    with pytest.raises(BadSettings, match="cannot be sent") as caught:
        Submitter({"GH_TOKEN": token}).submit(f"{cloud.address}/repos", "github")
    assert "canary" not in str(caught.value)


def test_a_line_break_behind_a_token_is_not_sent(cloud: Cloud) -> None:
    """As `echo token | base64` puts it into a secret of Kubernetes."""
    assert "started" in Submitter({"GH_TOKEN": "canary-gh\n"}).submit(f"{cloud.address}/repos", "github")
    assert cloud.calls[0][2]["authorization"] == "Bearer canary-gh"


def test_a_role_that_is_not_given_is_told(cloud: Cloud, tmp_path: Path) -> None:
    """The role of a pod on EKS is asked for with the first signature."""
    (tmp_path / "token").write_text("canary-pod")
    role = {
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/promptcdn",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
        "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    ended = submit(cloud, "/v1/submitjob", "--as", "aws", **role)

    assert (ended.returncode, cloud.calls) == (2, [])
    assert "--as aws: " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(BadSettings, match="is none"):
        credentials.require_address("google", "https://[run.googleapis.com/", {})


def test_an_api_that_is_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="cannot be called"):
        Submitter({"GH_TOKEN": "x"}, tmp_path).submit("http://127.0.0.1:9/", "github")
