"""One call of an API that starts a job; two for Kubernetes, where a job is made from a CronJob."""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptcdn.cli.operators.submit import credentials
from promptcdn.cli.operators.submit.credentials import ACCOUNT, Call, Way
from promptcdn.misconfiguration import is_sendable
from promptcdn.problems import BadSettings

_SAID_LETTERS = 300


@dataclass(frozen=True)
class Timings:
    """Seconds for an answer of the metadata server, and of the API."""

    metadata: float = 5.0
    answer: float = 20.0


class Refused(Exception):
    """The API did not start a job. Says what it answered."""


class Submitter:
    """Makes the call, with credentials by these variables. No error and nothing that it says quotes a credential."""

    def __init__(self, variables: Mapping[str, str], account: Path = ACCOUNT, timings: Timings = Timings()) -> None:
        self._variables = variables
        self._account = account
        self._timings = timings

    def submit(self, address: str, way: Way | str, body: object = None) -> str:
        """What the API answered. Raises `BadSettings`, and `Refused`."""
        kind: Way = way  # type: ignore[assignment]  # one of the command's choices
        credentials.require_address(kind, address, self._variables)
        if kind == "kubernetes":
            return self._from_cron_job(address, body)
        return self._call(kind, Call("POST", address, b"" if body is None else json.dumps(body).encode()))

    def _from_cron_job(self, address: str, body: object) -> str:
        """A job as `kubectl create job --from=cronjob/NAME` makes it."""
        folder, found, name = address.rpartition("/cronjobs/")
        if not found or body is not None:
            raise BadSettings("--as kubernetes: the address of a CronJob ends in /cronjobs/NAME, and takes no --body")
        try:
            cron_job = json.loads(self._call("kubernetes", Call("GET", address)))
            job = job_of(name, cron_job)
        except (ValueError, KeyError, TypeError):
            raise Refused(f"{address} is no CronJob") from None
        return self._call("kubernetes", Call("POST", f"{folder}/jobs", json.dumps(job).encode()))

    def _call(self, way: Way, call: Call) -> str:
        import httpx2

        headers = {"content-type": "application/json", **self._headers(way, call)}
        context: ssl.SSLContext | bool = True
        if way == "kubernetes" and (self._account / "ca.crt").exists():
            context = ssl.create_default_context(cafile=str(self._account / "ca.crt"))
        try:
            with httpx2.Client(verify=context, timeout=self._timings.answer) as client:
                answer = client.request(call.method, call.address, content=call.body, headers=headers)
        except httpx2.ProtocolError as error:  # its text may quote a header field, with the token in it
            raise Refused(f"the API cannot be called ({type(error).__name__})") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Refused(f"the API cannot be called: {error or type(error).__name__}") from None
        if not answer.is_success:
            raise Refused(f"the API answers with status {answer.status_code}: {_shown(answer.text)}")
        return answer.text if call.method == "GET" else f"started: status {answer.status_code} {_shown(answer.text)}"

    def _headers(self, way: Way, call: Call) -> Mapping[str, str]:
        """Those that say who calls."""
        match way:
            case "google":
                return _bearer(credentials.google_token(self._variables, self._timings.metadata))
            case "kubernetes":
                return _bearer(credentials.kubernetes_token(self._account))
            case "github":
                return _bearer(credentials.github_token(self._variables)) | {"accept": "application/vnd.github+json"}
            case "aws":
                return credentials.signed_for_aws(call)


def job_of(name: str, cron_job: Mapping[str, Any]) -> dict[str, Any]:
    """A job by the template of a CronJob, which owns it: what `kubectl create job --from` sends."""
    template = cron_job["spec"]["jobTemplate"]
    metadata = template.get("metadata") or {}
    owner = {"apiVersion": "batch/v1", "kind": "CronJob", "name": name, "uid": cron_job["metadata"]["uid"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "generateName": f"{name}-",
            "labels": metadata.get("labels") or {},
            "annotations": {"cronjob.kubernetes.io/instantiate": "manual", **(metadata.get("annotations") or {})},
            "ownerReferences": [{**owner, "controller": True}],
        },
        "spec": template["spec"],
    }


def _bearer(token: str) -> dict[str, str]:
    """Raises `BadSettings` of a token that cannot be sent, without quoting it."""
    if not token or not is_sendable(token):
        raise BadSettings("the token has blanks, line breaks or letters beyond ASCII, and cannot be sent")
    return {"authorization": f"Bearer {token}"}


def _shown(text: str) -> str:
    return " ".join(text.split())[:_SAID_LETTERS]
