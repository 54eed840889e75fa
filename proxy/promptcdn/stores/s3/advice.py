"""What an error of an S3 service means, and what its operator is to do: the one table for the start, `/readyz`,
`doctor` and log lines.

Codes are those of Amazon (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html), and of services that
have codes of their own: MinIO (`XMinio…`), Ceph, Aliyun OSS, Tencent COS, Huawei OBS, Cloudflare R2, Backblaze B2.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

_TEXT_MOST = 300
# Every run of characters that cannot be printed becomes one space: the text stands in one line of a log or a terminal.
_UNPRINTABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069]+")
# A secret that is shorter guards nothing, and taking it out of texts would make them unreadable.
_SECRET_MIN = 6


class Right(Enum):
    """What the keys must be allowed to do, by the name of Amazon's action."""

    LIST = "s3:ListBucket"
    # Amazon answers 403 for an absent object where the right to list has a condition on the prefix.
    LIST_ALL = "s3:ListBucket without a condition on the prefix"
    READ = "s3:GetObject"
    WRITE = "s3:PutObject"
    DELETE = "s3:DeleteObject"

    @property
    def forbidden(self) -> str:
        """That the keys lack the right, in words."""
        verbs = {
            "LIST": "list the bucket",
            "LIST_ALL": "be told that an object is absent",
            "READ": "read objects",
            "WRITE": "write objects",
            "DELETE": "delete objects",
        }
        return f"may not {verbs[self.name]} ({self.value})"


@dataclass(frozen=True)
class Fault:
    """What an error means, and what to do. A `lasting` one does not end before the operator does something about it,
    and stored pictures cannot be read meanwhile: then the service does not start."""

    meaning: str
    advice: str
    lasting: bool = True


_RIGHTS = Fault(
    "the keys lack a right",
    f"give the keys {Right.LIST.value}, {Right.READ.value}, {Right.WRITE.value} and {Right.DELETE.value}",
)
_CLOCK = Fault("the clocks of this machine and of the service differ", "set the clock of this machine (NTP)")
_SECRET = Fault(
    "the secret does not belong to the key, or something on the way changed the request",
    "correct AWS_SECRET_ACCESS_KEY and AWS_DEFAULT_REGION; a reverse proxy in between has to leave Host and path alone",
)
_KEY = Fault(
    "the service does not know the key",
    "correct AWS_ACCESS_KEY_ID, or AWS_ENDPOINT_URL_S3: where that is not set, this is Amazon",
)
_TOKEN = Fault(
    "the session token is not valid, or not any more",
    "get new temporary keys: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN belong together",
)
_QUOTA = Fault(
    "the bucket or the account is full: stored pictures are shown, nothing new can be stored",
    "raise the quota, or delete what nobody needs",
    lasting=False,
)
_ACCOUNT = Fault("the account is closed, suspended or in arrears", "see to the account at the service")
_BUCKET = Fault(
    "there is no such bucket",
    "create the bucket, or correct its name, AWS_DEFAULT_REGION or AWS_ENDPOINT_URL_S3: where that is not set, this is"
    " Amazon",
)
_REGION = Fault(
    "the bucket is in another region, or at another endpoint",
    "set AWS_DEFAULT_REGION to the bucket's region, and AWS_ENDPOINT_URL_S3 to its endpoint",
)
_VIRTUAL_HOSTED = Fault(
    "the service wants the bucket's name in the host",
    "set PROMPTCDN_S3_ADDRESSING_STYLE=virtual, or leave it out",
)
_REQUEST = Fault(
    "the service refuses such a request",
    "look at the bucket's rules (Object Lock, encryption, policies) and at what docs/stores.md says of this service",
)
_ENCRYPTION = Fault(
    "the key that encrypts the bucket cannot be used", "let the keys use it, or look at its state in KMS"
)
_RETENTION = Fault(
    "the bucket keeps objects from being deleted",
    "take the retention rule from the bucket, or use a bucket with versions: takedowns delete objects",
)
_NO_SUCH_CALL = Fault(
    "the service does not have this call",
    "use a service that has GetObject, PutObject, DeleteObject and ListObjectsV2",
)
_PREFIX = Fault("the prefix is too long", "use a shorter prefix in PROMPTCDN_STORE")
_BUSY = Fault("the service is busy or being repaired", "this goes on by itself as soon as it answers", lasting=False)
_UNKNOWN = Fault("the service refuses", "look the code up in the documentation of the service")

# What a list of a bucket is answered where the endpoint has the bucket's name in it already: then the path of the list
# is the path of an object (https://github.com/cloudflare/cloudflare-docs/issues/11313).
BUCKET_IN_ENDPOINT = Fault(
    "the endpoint already names a bucket, so that a list of the bucket asks for an object",
    "leave the bucket's name out of AWS_ENDPOINT_URL_S3: it stands in PROMPTCDN_STORE=s3://bucket/prefix alone",
)

FAULTS: Mapping[str, Fault] = {
    **dict.fromkeys(("AccessDenied", "AllAccessDisabled", "Unauthorized", "UnauthorizedAccess"), _RIGHTS),
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"), _CLOCK),
    **dict.fromkeys(("SignatureDoesNotMatch", "InvalidSignature"), _SECRET),
    **dict.fromkeys(("InvalidAccessKeyId", "InvalidSecurity"), _KEY),
    **dict.fromkeys(("ExpiredToken", "InvalidToken", "TokenRefreshRequired"), _TOKEN),
    **dict.fromkeys(
        (
            "QuotaExceeded",
            "StorageQuotaExceeded",
            "InsufficientStorage",
            "StorageFull",
            "XMinioAdminBucketQuotaExceeded",
            "XMinioStorageFull",
        ),
        _QUOTA,
    ),
    **dict.fromkeys(
        ("AccountProblem", "NotEntitled", "NotSignedUp", "ServiceSuspended", "UserDisable", "UserSuspended"), _ACCOUNT
    ),
    **dict.fromkeys(("NoSuchBucket", "InvalidBucketName"), _BUCKET),
    **dict.fromkeys(
        (
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException",
            "InvalidRegion",
            "PermanentRedirect",
            "Redirect",
            "TemporaryRedirect",
        ),
        _REGION,
    ),
    **dict.fromkeys(
        ("PathStyleDomainForbidden", "SecondLevelDomainForbidden", "VirtualHostDomainRequired"), _VIRTUAL_HOSTED
    ),
    **dict.fromkeys(("BadDigest", "InvalidArgument", "InvalidDigest", "InvalidRequest", "MissingContentMD5"), _REQUEST),
    **dict.fromkeys(("KMS.DisabledException", "KMS.NotFoundException", "KMSNotConfigured"), _ENCRYPTION),
    **dict.fromkeys(("FileImmutable", "InvalidObjectState", "ObjectLocked", "RetentionPolicyNotMet"), _RETENTION),
    **dict.fromkeys(("MethodNotAllowed", "NotImplemented"), _NO_SUCH_CALL),
    "KeyTooLongError": _PREFIX,
    **dict.fromkeys(
        (
            "Busy",
            "InternalError",
            "OperationAborted",
            "RequestLimitExceeded",
            "RequestTimeout",
            "ServerBusy",
            "ServiceUnavailable",
            "SlowDown",
            "SlowDownRead",
            "SlowDownWrite",
            "Throttling",
            "ThrottlingException",
            "TooManyRequests",
            "XMinioServerNotInitialized",
        ),
        _BUSY,
    ),
}

# What says that one right is missing, and not that everything would be refused.
DENIED = frozenset(code for code, fault in FAULTS.items() if fault is _RIGHTS)
WANTS_VIRTUAL_HOSTED = frozenset(code for code, fault in FAULTS.items() if fault is _VIRTUAL_HOSTED)


def fault(code: str, status: int) -> Fault:
    """What an error with that code and HTTP status means."""
    if (known := FAULTS.get(code)) is not None:
        return known
    if code.startswith("KMS."):
        return _ENCRYPTION
    if status == 507:
        return _QUOTA
    return _BUSY if status >= 500 or status == 429 else _UNKNOWN


def answer(code: str, text: str) -> str:
    """The service's own code and text."""
    return f'the service answers {code} ("{text}")' if text else f"the service answers {code}"


def one_line(text: str, secrets: Iterable[str] = ()) -> str:
    """A text that others wrote, as one line that is not too long and has none of the `secrets`."""
    for secret in secrets:
        if len(secret) >= _SECRET_MIN:
            text = text.replace(secret, "***")
    line = _UNPRINTABLE.sub(" ", text).strip()
    return line if len(line) <= _TEXT_MOST else f"{line[:_TEXT_MOST]}…"


def missing(rights: Sequence[Right], answered: str) -> Fault:
    """Which rights the keys lack; `answered` is what the service answered where the first one was tried."""
    lacking = " and ".join(right.forbidden for right in rights)
    names = " and ".join(right.value for right in rights)
    return Fault(f"the keys {lacking}: {answered}", f"give the keys {names} on this bucket and its objects")
