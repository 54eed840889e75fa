"""What an S3 service's error means and what to do about it: the table that the start, `/readyz` and `doctor` share."""

import pytest

from promptcdn.stores.s3 import advice
from promptcdn.stores.s3.advice import Right

# A code and its status, words of the meaning, words of the advice, and whether the service may not start with it.
CODES = [
    ("AccessDenied", 403, "lack a right", "s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject", True),
    ("RequestTimeTooSkewed", 403, "clocks", "set the clock", True),
    ("SignatureDoesNotMatch", 403, "secret", "AWS_SECRET_ACCESS_KEY", True),
    ("InvalidAccessKeyId", 403, "does not know the key", "AWS_ACCESS_KEY_ID", True),
    ("ExpiredToken", 400, "session token", "AWS_SESSION_TOKEN", True),
    ("QuotaExceeded", 403, "full", "raise the quota", False),
    ("XMinioStorageFull", 507, "full", "raise the quota", False),
    ("NoSuchBucket", 404, "no such bucket", "create the bucket", True),
    ("AuthorizationHeaderMalformed", 400, "another region", "AWS_DEFAULT_REGION", True),
    ("PermanentRedirect", 301, "another region", "AWS_ENDPOINT_URL_S3", True),
    ("SecondLevelDomainForbidden", 403, "in the host", "PROMPTCDN_S3_ADDRESSING_STYLE=virtual", True),
    ("PathStyleDomainForbidden", 403, "in the host", "PROMPTCDN_S3_ADDRESSING_STYLE=virtual", True),
    ("InvalidRequest", 400, "refuses", "Object Lock", True),
    ("KMS.NotFoundException", 400, "encrypts", "KMS", True),
    ("KMS.KeyUnavailableException", 500, "encrypts", "KMS", True),
    ("UserDisable", 403, "arrears", "account", True),
    ("ObjectLocked", 403, "keeps objects from being deleted", "retention rule", True),
    ("RetentionPolicyNotMet", 403, "keeps objects from being deleted", "retention rule", True),
    ("NotImplemented", 501, "does not have this call", "ListObjectsV2", True),
    ("SlowDown", 503, "busy", "by itself", False),
    # Codes of nobody's: what the status says.
    ("SomethingNew", 403, "refuses", "documentation of the service", True),
    ("SomethingNew", 429, "busy", "by itself", False),
    ("SomethingNew", 500, "busy", "by itself", False),
    ("SomethingNew", 507, "full", "raise the quota", False),
]  # fmt: skip


@pytest.mark.parametrize(("code", "status", "meaning", "advised", "lasting"), CODES)
def test_each_code_has_a_meaning_and_advice_of_its_own(
    code: str, status: int, meaning: str, advised: str, *, lasting: bool
) -> None:
    found = advice.fault(code, status)

    assert meaning in found.meaning
    assert advised in found.advice
    assert found.lasting is lasting


def test_only_a_missing_right_gets_advice_about_rights() -> None:
    """Only a missing right is answered with advice about rights."""
    about_rights = {code for code, fault in advice.FAULTS.items() if "s3:GetObject" in fault.advice}

    assert about_rights == advice.DENIED


def test_every_right_that_is_missing_is_named() -> None:
    fault = advice.missing([Right.WRITE, Right.DELETE], "the service answers AccessDenied")

    assert fault.meaning.startswith("the keys may not write objects (s3:PutObject) and may not delete objects (s3:Dele")
    assert fault.advice == "give the keys s3:PutObject and s3:DeleteObject on this bucket and its objects"


TEXTS = [
    ("Access Denied", "Access Denied"),
    ("two\r\nlines\x1b[2J\u202e", "two lines [2J"),
    ("the key canary-id does not exist", "the key *** does not exist"),
    ("x" * 1000, "x" * 300 + "…"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS, ids=["plain", "control characters", "a secret", "long", "none"])
def test_what_a_service_says_is_one_line_without_secrets(text: str, expected: str) -> None:
    assert advice.one_line(text, ("canary-id", "")) == expected
