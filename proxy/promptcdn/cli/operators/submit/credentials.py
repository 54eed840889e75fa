"""By which credentials a call of an API is made: those that the machine, or the environment, has for that purpose.

Each way has addresses that it may be used for, so that a slip in an address hands nobody else a token.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from promptcdn.problems import BadSettings

Way = Literal["google", "aws", "kubernetes", "github"]

# Where Kubernetes puts the account of a pod.
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
# Whose token it is: hosts of an address, or the ends of their names.
_HOSTS: Mapping[str, tuple[str, ...]] = {
    "google": (".googleapis.com",),
    "aws": (".amazonaws.com", ".amazonaws.com.cn"),
    "kubernetes": (),
    "github": ("api.github.com", ".ghe.com"),
}


@dataclass(frozen=True)
class Call:
    """A request of an API."""

    method: str
    address: str
    body: bytes = b""


def require_address(way: Way, address: str, variables: Mapping[str, str]) -> None:
    """Raises `BadSettings` where these credentials are not for this address, or would be read on the way to it."""
    try:
        parts = urlsplit(address)
    except ValueError:  # brackets without an IPv6 address
        raise BadSettings(f'the address "{address}" is none') from None
    host, own = parts.hostname or "", _own_hosts(way, variables)
    if host in _LOOPBACK:
        return
    # Other letters, like a backslash, are an end of the host for some and a part of it for others.
    if parts.scheme != "https" or re.fullmatch(r"[a-z0-9.:-]+", host) is None or parts.username is not None:
        raise BadSettings(
            f'the address "{address}" does not begin with https:// and a host: credentials are sent there'
        )
    if host in own or any(host.endswith(each) if each.startswith(".") else host == each for each in _HOSTS[way]):
        return
    named = ", ".join(f"*{each}" if each.startswith(".") else each for each in (*_HOSTS[way], *own))
    raise BadSettings(f'the address "{address}" is none of --as {way}: allowed: {named}')


def _own_hosts(way: Way, variables: Mapping[str, str]) -> tuple[str, ...]:
    """Hosts of this machine's surroundings: the cluster that the pod is in, and a GitHub of one's own."""
    if way == "kubernetes":
        return ("kubernetes.default.svc", *filter(None, [variables.get("KUBERNETES_SERVICE_HOST")]))
    if way == "github":
        return tuple(filter(None, [urlsplit(variables.get("GITHUB_API_URL", "")).hostname]))
    return ()


def google_token(variables: Mapping[str, str], seconds: float) -> str:
    """The access token of the machine's service account. Raises `BadSettings` where there is no metadata server.

    https://docs.cloud.google.com/compute/docs/access/authenticate-workloads
    """
    import httpx2

    host = variables.get("GCE_METADATA_HOST", "metadata.google.internal")  # Google's own libraries have this variable
    address = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
    try:
        # A proxy of the environment has no part in it: the server is the machine's own.
        answer = httpx2.get(address, headers={"metadata-flavor": "Google"}, timeout=seconds, trust_env=False)
        return str(answer.raise_for_status().json()["access_token"])
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError) as error:
        raise BadSettings(
            f"--as google: the metadata server {host} gives no token ({type(error).__name__}): this is for machines of"
            " Google's cloud that have a service account"
        ) from None


def github_token(variables: Mapping[str, str]) -> str:
    """The token that GitHub's own programs use. Raises `BadSettings` where there is none."""
    token = (variables.get("GH_TOKEN") or variables.get("GITHUB_TOKEN") or "").strip()
    if not token:
        raise BadSettings("--as github: set GH_TOKEN to a token that may write to the repository's actions")
    return token


def kubernetes_token(account: Path) -> str:
    """The token of the pod's account. Raises `BadSettings` where there is none."""
    try:
        return (account / "token").read_text().strip()
    except OSError as wrong:
        raise BadSettings(
            f"--as kubernetes: {account}/token cannot be read ({wrong.strerror}): this is for a pod with a service"
            " account whose token is mounted"
        ) from None


def signed_for_aws(call: Call) -> Mapping[str, str]:
    """The headers of a call that is signed with the credentials that boto3 finds. Raises `BadSettings` without any."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.session import get_session

    session = get_session()
    # batch.eu-central-1.amazonaws.com
    service, _, rest = (urlsplit(call.address).hostname or "").partition(".")
    try:
        credentials = session.get_credentials()
        # A role that is assumed is asked for here, and not before.
        found = credentials and credentials.get_frozen_credentials()
        region = rest.partition(".")[0] if ".amazonaws." in rest else session.get_config_variable("region")
    except (BotoCoreError, ClientError) as wrong:
        raise BadSettings(f"--as aws: {wrong}") from None
    if found is None or not region:
        raise BadSettings("--as aws: boto3 finds no credentials, or no region: give the machine or the task a role")
    request = AWSRequest(call.method, call.address, data=call.body, headers={"content-type": "application/json"})
    SigV4Auth(found, service if ".amazonaws." in rest else "batch", region).add_auth(request)
    return dict(request.headers.items())
