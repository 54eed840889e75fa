"""The way to an S3 service: a client for the `AWS_…` variables, and what it means where nobody answers."""

import contextlib
import os
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from promptcdn import misconfiguration
from promptcdn.problems import StoreUnavailable
from promptcdn.stores.s3 import advice, answers
from promptcdn.stores.s3.answers import BucketUnavailable, Unusable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

AddressingStyle = Literal["auto", "path", "virtual"]

CONNECTIONS = 16
CONNECT_SECONDS, READ_SECONDS = 1, 5
_LOOK_AT = "look at AWS_ENDPOINT_URL_S3, and whether the service runs there"
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# Up to the last `@` of a word: the text may have a password with any signs in it.
_USER = re.compile(r"(https?://)\S*@")
# What a write has as `If-None-Match` so that it is sent with Google's condition instead.
NO_GENERATION = "generation 0"


@dataclass(frozen=True)
class Connection:
    """A client, and the credentials that it signs with: those of a profile or a role stand in no variable."""

    client: "S3Client"
    credentials: Any = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What stands in no message, whoever says it."""
        from botocore.exceptions import BotoCoreError

        keys: tuple[str | None, ...] = ()
        # A role's keys may have to be renewed; where that fails, a call says so.
        with contextlib.suppress(BotoCoreError, OSError):
            if self.credentials is not None:
                found = self.credentials.get_frozen_credentials()
                keys = (found.access_key, found.secret_key, found.token)
        return (*variables_secrets(), *filter(None, keys))


def endpoint(variables: Mapping[str, str]) -> str:
    """The address of a service that is not Amazon's; empty where none is set."""
    return variables.get("AWS_ENDPOINT_URL_S3") or variables.get("AWS_ENDPOINT_URL") or ""


def variables_secrets() -> tuple[str, ...]:
    """The keys among the variables."""
    return tuple(filter(None, map(os.environ.get, _KEYS)))


def first_style(style: AddressingStyle) -> AddressingStyle:
    """How a bucket is addressed first: most services that are not Amazon's have no host name for each bucket."""
    if style != "auto":
        return style
    return "path" if endpoint(os.environ) else "auto"


def connected(style: AddressingStyle) -> Connection:
    """A client with short waits, whose uploads every S3-compatible service understands.

    Endpoint, region, keys and certificates come from the `AWS_…` variables, which boto3 reads itself. It takes an empty
    one for a value, like a profile without a name: `settings.environment` takes them away.
    """
    import boto3
    from botocore.config import Config

    _require_certificates()
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
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
    session = boto3.Session()
    client: S3Client = session.client("s3", config=config, region_name=region)
    client.meta.events.register("before-call.s3.HeadBucket", _never_redirected)
    client.meta.events.register("before-sign.s3.PutObject", _with_googles_condition)
    return Connection(client, session.get_credentials())


def _never_redirected(params: Any, **_: object) -> None:
    """botocore sends `HeadBucket` to find out where a redirect leads. Where that is redirected too, it sends another
    one, without end."""
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


def _with_googles_condition(request: Any, **_: object) -> None:
    """boto3 has no argument for Google's header field, and the field must be there before the request is signed."""
    if request.headers.get("If-None-Match") == NO_GENERATION:
        del request.headers["If-None-Match"]
        request.headers["x-goog-if-generation-match"] = "0"


def authority(variables: Mapping[str, str]) -> tuple[str, str] | None:
    """The variable that names the certificates to trust in place of the well-known ones, and the path in it."""
    names = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
    return next(((name, variables[name]) for name in names if variables.get(name)), None)


def _require_certificates() -> None:
    """boto3 finds out at the first call that there is no such file, and says that the service does not answer."""
    named = authority(os.environ)
    if named is None or endpoint(os.environ).startswith("http://"):
        return
    name, path = named
    place: dict[str, str] = {"capath" if os.path.isdir(path) else "cafile": path}
    try:
        ssl.create_default_context(**place)  # type: ignore[arg-type]
    except (OSError, ssl.SSLError) as error:
        why = "it has no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise Unusable(f'{name}="{path}": {why}', "name a file with the certificate of the authority, as PEM") from None


@contextlib.contextmanager
def explained(secrets: Callable[[], tuple[str, ...]]) -> Iterator[None]:
    """Whatever goes wrong between here and the bucket as `Unusable`, where the operator has to do something about it
    first, and `StoreUnavailable` where nothing is known. No message has one of the `secrets`."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except NoCredentialsError as error:
        advised = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give this machine a role"
        raise Unusable("there are no keys for the bucket", advised) from error
    except ClientError as error:
        raise answers.as_unavailable(error, secrets()) from error
    except ResponseParserError:  # its text is the whole page
        raise BucketUnavailable("what answers for the bucket is not S3: its answer is no XML", answers.NOT_S3) from None
    except (BotoCoreError, HTTPError, OSError, ValueError) as error:
        raise _explained(error, secrets()) from error


def _explained(error: Exception, secret: tuple[str, ...]) -> Exception:
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
    text = advice.one_line(_USER.sub(r"\1", str(error)), secret)
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
    """Scheme and host of the URL that could not be reached, without a user and a password (RFC 3986 section 3.2.1)."""
    url = str(getattr(error, "kwargs", {}).get("endpoint_url", ""))
    found = re.match(r"(https?://)(?:[^/?#]*@)?([^/?#@]+)", url)
    return found[1] + found[2] if found else ""
