"""The way to an S3 service: a client for the `AWS_…` variables, and what it means where nobody answers."""

import contextlib
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from promptcdn import misconfiguration
from promptcdn.problems import StoreUnavailable
from promptcdn.stores.s3 import advice, answers
from promptcdn.stores.s3.answers import BucketUnavailable, Unusable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AddressingStyle = Literal["auto", "path", "virtual"]

CONNECTIONS = 16
_CONNECT_SECONDS, _READ_SECONDS = 1, 5
_LOOK_AT = "look at AWS_ENDPOINT_URL_S3, and whether the service runs there"
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def endpoint(variables: Mapping[str, str]) -> str:
    """The address of a service that is not Amazon's; empty where none is set."""
    return variables.get("AWS_ENDPOINT_URL_S3") or variables.get("AWS_ENDPOINT_URL") or ""


def secrets() -> tuple[str, ...]:
    """What stands in no message, whoever says it."""
    return tuple(filter(None, map(os.environ.get, _KEYS)))


def first_style(style: AddressingStyle) -> AddressingStyle:
    """How a bucket is addressed first: most services that are not Amazon's have no host name for each bucket."""
    if style != "auto":
        return style
    return "path" if endpoint(os.environ) else "auto"


def connected(style: AddressingStyle) -> "S3Client":
    """A client with short waits, whose uploads every S3-compatible service understands.

    Endpoint, region, keys and certificates come from the `AWS_…` variables, which boto3 reads itself.
    """
    import boto3
    from botocore.config import Config

    for name in [name for name, value in os.environ.items() if name.startswith("AWS_") and not value]:
        del os.environ[name]  # boto3 takes an empty one for a value: a profile without a name, a region
    _require_certificates()
    config = Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=CONNECTIONS,
        signature_version="s3v4",
        s3={"addressing_style": style},
        # The newer default sends trailing checksums over TLS, which breaks other services' signatures.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    # Other SDKs, and the platforms that containers run on, say AWS_REGION; boto3 does not read it.
    region = os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION") or None
    # A session of its own: the one that boto3 shares keeps the keys and the profile that it read first.
    client: S3Client = boto3.Session().client("s3", config=config, region_name=region)
    client.meta.events.register("before-call.s3.HeadBucket", _never_redirected)
    return client


def _never_redirected(params: Any, **_: object) -> None:
    """botocore asks `HeadBucket` where a redirect leads to, and where that is redirected too, it asks without end."""
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


def _require_certificates() -> None:
    """boto3 finds out at the first call that there is no such file, and says that the service does not answer."""
    name = next((name for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE") if os.environ.get(name)), "")
    if not name or endpoint(os.environ).startswith("http://"):
        return
    path = os.environ[name]
    place: dict[str, str] = {"capath" if os.path.isdir(path) else "cafile": path}
    try:
        ssl.create_default_context(**place)  # type: ignore[arg-type]
    except (OSError, ssl.SSLError) as error:
        why = "it has no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise Unusable(f'{name}="{path}": {why}', "name a file with the certificate of the authority, as PEM") from None


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Whatever goes wrong between here and the bucket as `Unusable`, where the operator has to do something about it
    first, and `StoreUnavailable` where nothing is known."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except NoCredentialsError as error:
        advised = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give this machine a role"
        raise Unusable("there are no keys for the bucket", advised) from error
    except ClientError as error:
        fault = answers.meaning(error, secrets())
        if fault.lasting:
            raise Unusable(fault.meaning, fault.advice) from error
        raise BucketUnavailable(fault.meaning, fault.advice) from error
    except ResponseParserError:  # its text is the whole page
        raise BucketUnavailable("what answers for the bucket is not S3: its answer is no XML", answers.NOT_S3) from None
    except (BotoCoreError, HTTPError, OSError, ValueError) as error:
        raise _explained(error) from error


def _explained(error: Exception) -> Exception:
    from botocore import exceptions
    from urllib3.exceptions import HTTPError

    on_the_way = (
        exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.IncompleteReadError, HTTPError,
        exceptions.ChecksumError, exceptions.FlexibleChecksumError, exceptions.CredentialRetrievalError,
        exceptions.MetadataRetrievalError, exceptions.TokenRetrievalError,
    )  # fmt: skip
    if isinstance(error, on_the_way) or (isinstance(error, OSError) and not error.filename):
        return _unanswered(error)
    if isinstance(error, OSError):
        return Unusable(f"{error.filename}: {error.strerror}", "correct the AWS_… variable that names this file")
    # boto3's own words for a profile that is not there, half a key pair, a file that cannot be read …
    text = advice.one_line(str(error), secrets())
    return Unusable(f"boto3 says: {text}", "correct the AWS_… variables, or the files that they name")


def _unanswered(error: Exception) -> StoreUnavailable:
    """That nobody answered, and what that looks like. The error's own text may have the keys in it."""
    from botocore import exceptions

    name = type(error).__name__
    address = _host(error) or "the service"
    if isinstance(error, exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" not in str(error):
        return BucketUnavailable(
            f"the bucket does not answer ({name}): {address} does not speak TLS as it should",
            "look at AWS_ENDPOINT_URL_S3: should it begin with http://?",
        )
    if isinstance(error, exceptions.SSLError):
        return BucketUnavailable(
            f"the bucket does not answer ({name}): the certificate of {address} is not trusted",
            "set AWS_CA_BUNDLE to the certificate of its authority",
        )
    if isinstance(error, exceptions.ProxyConnectionError):
        return BucketUnavailable(
            f"the bucket does not answer ({name}): the proxy does not", "look at HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
        )
    if isinstance(error, exceptions.CredentialRetrievalError | exceptions.MetadataRetrievalError):
        return BucketUnavailable(f"the role's keys cannot be had ({name})", "look at the role and at AWS_PROFILE")
    why = f"{address} has no address" if "NameResolution" in repr(error.__context__) else f"no answer from {address}"
    return BucketUnavailable(f"the bucket does not answer ({name}): {why}", _where_to_look(address, os.environ))


def _where_to_look(address: str, variables: Mapping[str, str]) -> str:
    if endpoint(variables) or ".amazonaws.com" not in address:  # a profile may have an endpoint, too
        return _LOOK_AT
    odd = misconfiguration.not_an_endpoint(variables)
    unread = f"; {odd} is set, and nobody reads that" if odd else ""
    return f"AWS_ENDPOINT_URL_S3 is not set, so this is Amazon; set it if your bucket is elsewhere{unread}"


def _host(error: Exception) -> str:
    """Scheme and host of the URL that could not be reached."""
    url = str(getattr(error, "kwargs", {}).get("endpoint_url", ""))
    found = re.match(r"https?://[^/?#@]+", url)
    return found[0] if found else ""
