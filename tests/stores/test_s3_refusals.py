"""Buckets that refuse: what is found out when a bucket is opened, and what its operator is told."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from promptcdn.problems import StoreUnavailable
from promptcdn.settings import environment as settings_environment
from promptcdn.stores import Name, Record
from promptcdn.stores.s3 import S3Store
from promptcdn.stores.s3.answers import Unusable
from promptcdn.stores.s3.buckets import Bucket
from promptcdn.stores.s3.connection import connected
from promptcdn.stores.s3.objects import WriteOnce
from tests.support.buckets import BUCKET, Page, environment, ingress, moto, reached
from tests.support.fake_s3 import PERSONALITIES, SLOW_DOWN, Personality, always, fake_s3

pytestmark = pytest.mark.anyio

URL = f"s3://{BUCKET}/some/prefix"
NAME, OTHER = Name("masters", "ab" * 32), Name("masters", "cd" * 32)
PICTURE = Record(b"picture", "image/png", 1, {"prompt": "北京"})
LOCKED = "Content-MD5 OR x-amz-checksum- HTTP header is required"

# What cannot be used, and the words that name the reason and the cure.
UNUSABLE = {
    "r2": ["already names a bucket", "NoSuchKey", "Leave the bucket's name out of AWS_ENDPOINT_URL_S3"],
    "no list": ["may not list the bucket (s3:ListBucket): the service answers AccessDenied", "Give the keys s3:ListBu"],
    "no read": ["may not read objects (s3:GetObject): the service", "Give the keys s3:GetObject on"],
    "read only": ["may not write objects (s3:PutObject) and may not delete objects (s3:DeleteObject): the service"],
    "list below a prefix": [
        "may not be told that an object is absent (s3:ListBucket without a condition on the prefix): the service",
        "Give the keys s3:ListBucket without a condition on the prefix on this bucket",
    ],
    "no delete of objects": ["the keys may not delete objects (s3:DeleteObject): the service answers AccessDenied"],
    "retention": ["keeps objects from being deleted", "RetentionPolicyNotMet", "Take the retention rule"],
    "retention, ignores": ["keeps objects from being deleted", "RetentionPolicyNotMet", "Take the retention rule"],
    "no delete": ["the keys may not delete objects (s3:DeleteObject): the service answers AccessDenied"],
    "forbids": ["may not list the bucket", "may not write objects", "may not delete objects"],
    "checksums alone": ["refuses such a request", f'the service answers InvalidRequest ("{LOCKED}', "Object Lock"],
    "skewed": ["clocks", "RequestTimeTooSkewed", "Set the clock"],
    "signature": ["the secret does not belong to the key", "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"],
    "no bucket": ["there is no such bucket", "NoSuchBucket", "Create the bucket"],
}


@pytest.mark.parametrize(("personality", "said"), UNUSABLE.items(), ids=UNUSABLE)
def test_what_can_never_work_is_named_with_its_cure(personality: str, said: list[str]) -> None:
    with fake_s3(personality) as service, reached(service.environment):
        with pytest.raises(Unusable) as caught:
            Bucket.parse(URL).open()

        assert all(words in str(caught.value) for words in said), caught.value
        assert "canary" not in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1


def test_advice_about_rights_is_for_missing_rights_alone() -> None:
    for personality in ("r2", "checksums alone", "skewed", "signature", "no bucket"):
        with fake_s3(personality) as service, reached(service.environment):
            with pytest.raises(Unusable) as caught:
                Bucket.parse(URL).open()

            assert not re.search("s3:[A-Z]", str(caught.value))


@pytest.mark.parametrize("personality", ["r2", "no list", "list below a prefix", "read only", "skewed", "no bucket"])
def test_a_bucket_that_cannot_be_used_is_left_as_it_was(personality: str) -> None:
    with fake_s3(personality) as service, reached(service.environment):
        with pytest.raises(Unusable):
            Bucket.parse(URL).open()

        assert service.objects == {}


KEEPING = ["no delete", "no delete of objects", "retention", "retention, ignores"]


@pytest.mark.parametrize("personality", KEEPING)
def test_where_nothing_may_be_deleted_one_probe_is_left(personality: str) -> None:
    """Where nothing may be deleted one probe is left, and no more."""
    with fake_s3(personality) as service, reached(service.environment):
        said = set()
        for _ in range(3):
            with pytest.raises(Unusable) as caught:
                Bucket.parse(URL).open()
            said.add(str(caught.value))

        assert len(said) == 1
        assert list(service.objects) == service.stored.puts == [f"{BUCKET}/some/prefix/probe/write"]


async def test_where_deleting_comes_to_be_forbidden_little_is_left() -> None:
    """Neither a look at the full bucket nor a corrupt object leaves an object each time."""
    with fake_s3("knows") as service, reached(service.environment):
        store = S3Store(Bucket.parse(URL))
        await store.put(NAME, PICTURE)
        store._bucket.write_new(OTHER.path, b"not what was written")
        service.personality = PERSONALITIES["quota"]
        with pytest.raises(StoreUnavailable):
            await store.put(Name("masters", "ef" * 32), PICTURE)
        service.personality = PERSONALITIES["retention"]
        for _ in range(3):
            store._bucket._failures.clear()
            with pytest.raises(StoreUnavailable, match="RetentionPolicyNotMet"):
                await store.require_writable()
            with pytest.raises(StoreUnavailable, match="RetentionPolicyNotMet"):
                await store.get(OTHER)
        await store.close()

        assert len([key for key in service.objects if "/probe/" in key]) == 2
        assert len([key for key in service.objects if "/corrupt/" in key]) <= 1


def test_a_bucket_with_versions_has_none_of_a_start(tmp_path: Path) -> None:
    """Nor a delete marker."""
    with moto(tmp_path) as service, reached(service.environment):
        client = connected("path").client
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        Bucket.parse(URL).open()
        found = client.list_object_versions(Bucket=BUCKET)
        client.close()

    assert found.get("Versions", []) == found.get("DeleteMarkers", []) == []


def test_a_probe_whose_answer_was_lost_is_deleted(tmp_path: Path) -> None:
    """A probe whose answer was lost is deleted, and that is told."""
    with moto(tmp_path) as service, ingress(service) as way, reached(way.environment):
        bucket = Bucket.parse(URL)
        bucket.open()
        bucket._refused = True
        del way.asked[:]
        way.meant = lambda method, path: method == "PUT" and not path.endswith("/probe/write")
        way.page = Page(200, b"", (("etag", '"d41d8cd98f00b204e9800998ecf8427e"'),))
        with pytest.raises(StoreUnavailable, match="does not have what it said it had stored"):
            bucket.require_writable()

        assert [method for method, path in way.asked if not path.endswith("/probe/write")][-1] == "DELETE"
        bucket.close()


def test_looks_at_a_bucket_that_is_down_leave_no_handlers() -> None:
    with fake_s3("slow down") as service, reached(service.environment):
        bucket = Bucket.parse(URL)
        counts = set()
        for _ in range(10):
            bucket._failures.clear()
            with pytest.raises(StoreUnavailable):
                bucket.open()
            assert bucket._connection is not None
            emitter: Any = bucket._connection.client.meta.events
            counts.add(len(emitter._emitter._handlers.prefix_search("before-sign.s3.PutObject")))
        bucket.close()

    assert len(counts) == 1


async def test_every_write_has_the_digest_that_object_lock_wants() -> None:
    with fake_s3("object lock") as service, reached(service.environment):
        store = S3Store(Bucket.parse(URL))
        assert await store.put(NAME, PICTURE) == PICTURE
        assert await store.get(NAME) == PICTURE
        store._bucket.write_new(OTHER.path, b"not what was written")
        assert await store.get(OTHER) is None  # set aside, which tries out a delete on an object of its own
        await store.close()

        writes = [
            asked for asked in service.asked if asked.method == "PUT" and "x-amz-copy-source" not in asked.headers
        ]
        assert writes
        assert all("content-md5" in asked.headers for asked in writes)


@pytest.mark.parametrize(
    ("personality", "way"), [("oss", WriteOnce.LOOK_FIRST), ("cos", WriteOnce.LOOK_FIRST)], ids=["oss", "cos"]
)
async def test_a_service_that_wants_the_bucket_in_the_host_gets_it(personality: str, way: WriteOnce) -> None:
    with fake_s3(personality) as service, reached(service.by_name):
        bucket = Bucket.parse(URL)
        assert bucket.open() is way
        assert bucket.write_new("key", b"data")
        found = bucket.read("key")
        assert found is not None
        assert found.data == b"data"
        assert [key for key, _ in bucket.listed()] == ["key"]
        bucket.close()

        # In the path at first, once.
        assert [asked.path_style for asked in service.asked].count(True) == 1


def test_the_setting_says_where_the_buckets_name_stands() -> None:
    with fake_s3("oss") as service, reached(service.by_name):
        Bucket.parse(URL, "virtual").open()
        assert not any(asked.path_style for asked in service.asked)

        with pytest.raises(Unusable, match=r'SecondLevelDomainForbidden \("Please use virtual hosted style') as caught:
            Bucket.parse(URL, "path").open()
        assert "PROMPTCDN_S3_ADDRESSING_STYLE=virtual" in str(caught.value)


async def test_a_bucket_that_is_full_is_read_and_says_that_it_is_full() -> None:
    with fake_s3("knows") as service, reached(service.environment):
        store = S3Store(Bucket.parse(URL))
        await store.put(NAME, PICTURE)
        await store.require_writable()

        service.personality = PERSONALITIES["quota"]
        with pytest.raises(StoreUnavailable, match="QuotaExceeded"):
            await store.put(OTHER, PICTURE)
        with pytest.raises(StoreUnavailable, match=r"full.*QuotaExceeded.*Raise the quota"):
            await store.require_writable()
        fresh = S3Store(Bucket.parse(URL))  # as after a restart
        assert await fresh.get(NAME) == PICTURE
        with pytest.raises(StoreUnavailable, match="QuotaExceeded"):
            await fresh.require_writable()

        service.personality = PERSONALITIES["knows"]
        for each in (store, fresh):
            each._bucket._failures.clear()  # what is remembered for a second
            await each.require_writable()
            assert await each.put(OTHER, PICTURE) == PICTURE
            await each.close()


def test_what_was_wrong_is_repeated_as_it_was() -> None:
    """What was wrong is told again, and not that it was a moment ago."""
    with fake_s3("slow down") as service, reached(service.environment):
        bucket = Bucket.parse(URL)
        for _ in range(3):
            with pytest.raises(StoreUnavailable, match="SlowDown"):
                bucket.open()
            with pytest.raises(StoreUnavailable, match="SlowDown"):
                bucket.read("key")

        # botocore asked twice, and nobody again.
        assert len(service.asked) == 2


def test_a_bucket_unusable_later_is_unknown_and_says_why() -> None:
    """A bucket that turns out to be unusable later is unknown, and says why."""
    with fake_s3("slow down") as service, reached(service.environment):
        bucket = Bucket.parse(URL)
        with pytest.raises(StoreUnavailable):
            bucket.open()
        service.personality = PERSONALITIES["no list"]
        bucket._failures.clear()

        with pytest.raises(StoreUnavailable, match="may not list the bucket"):
            bucket.read("key")


CHECKED = {
    "no list": ("may not list the bucket", "give the keys s3:ListBucket"),
    "skewed": ("RequestTimeTooSkewed", "set the clock"),
    "quota": ("QuotaExceeded", "raise the quota"),
    "slow down": ("SlowDown", "this goes on by itself"),
}


@pytest.mark.parametrize(("personality", "said"), CHECKED.items(), ids=CHECKED)
async def test_a_check_has_the_cause_and_the_advice_for_it(personality: str, said: tuple[str, str]) -> None:
    with fake_s3(personality) as service, reached(service.environment):
        store = S3Store(Bucket.parse(URL))
        (check,) = await store.checks()
        await store.close()

    assert not check.good
    assert check.detail.startswith(f"{URL}/: ")
    assert said[0] in check.detail
    assert check.advice.startswith(said[1])


def test_a_key_in_a_services_text_is_not_said() -> None:
    told = Personality(always(SLOW_DOWN.__class__(403, "InvalidAccessKeyId", "canary-aws is not a key")))
    with fake_s3("knows") as service, reached(service.environment):
        service.personality = told
        with pytest.raises(Unusable, match=r'InvalidAccessKeyId \("\*\*\* is not a key"\)'):
            Bucket.parse(URL).open()


PROFILE = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "mine"}


def test_a_profiles_keys_and_its_endpoints_password_are_not_said(tmp_path: Path) -> None:
    refusal = SLOW_DOWN.__class__(403, "InvalidAccessKeyId", "canary-of-a-profile is not a key")
    keys = "[profile mine]\naws_access_key_id = canary-of-a-profile\naws_secret_access_key = canary-secret\n"
    file = tmp_path / "config"
    with fake_s3("knows") as service, reached({**service.environment, **PROFILE, "AWS_CONFIG_FILE": str(file)}):
        service.personality = Personality(always(refusal))
        file.write_text(keys)
        with pytest.raises(Unusable, match=r'InvalidAccessKeyId \("\*\*\* is not a key"\)'):
            Bucket.parse(URL).open()

        del os.environ["AWS_ENDPOINT_URL_S3"]
        file.write_text(f"{keys}endpoint_url = http://user:hunter2@secret@127.0.0.1:9\n")
        with pytest.raises(StoreUnavailable, match=r"no answer from http://127\.0\.0\.1:9") as caught:
            Bucket.parse(URL).open()
        assert "hunter2" not in str(caught.value)

        file.write_text(f"{keys}endpoint_url = http://user:hunter2/secret@minio host\n")
        with pytest.raises(Unusable, match="boto3 says") as refused:
            Bucket.parse(URL).open()
        assert "hunter2" not in str(refused.value)


# What boto3 finds out by itself, each as one line with a cure.
WRONG = [
    ({"AWS_PROFILE": "nobody"}, "The config profile (nobody) could not be found", "AWS_…"),
    ({"AWS_CONFIG_FILE": __file__}, "Unable to parse config file", "AWS_…"),
    ({"AWS_DEFAULTS_MODE": "odd"}, "invalid defaults mode: odd", "AWS_…"),
    ({"AWS_CA_BUNDLE": "/nowhere.pem"}, 'AWS_CA_BUNDLE="/nowhere.pem": No such file or directory', "as PEM"),
    ({"AWS_CA_BUNDLE": __file__}, f'AWS_CA_BUNDLE="{__file__}": it has no certificate', "as PEM"),
    (
        {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"},
        "there are no keys for the bucket",
        "Set AWS_ACCESS_KEY_ID",
    ),
    (
        {
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/x",
            "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token",
        },
        "/nowhere/token: No such file or directory",
        "names this file",
    ),
]


@pytest.mark.parametrize(("variables", "said", "cure"), WRONG, ids=[" ".join(row[0]) for row in WRONG])
def test_what_is_wrong_on_this_side_is_no_silent_bucket(variables: dict[str, str], said: str, cure: str) -> None:
    with fake_s3("knows") as service, reached({**service.environment, **variables}):
        address = {"AWS_ENDPOINT_URL_S3": service.address.replace("http:", "https:")} if "CA" in str(variables) else {}
        with reached(address), pytest.raises(Unusable) as caught:
            Bucket.parse(URL).open()

    assert said in str(caught.value)
    assert cure in str(caught.value)
    assert "canary" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


UNANSWERED = {
    "https://127.0.0.1:{port}": "should. Look at AWS_ENDPOINT_URL_S3: should it begin with http://?",
    "http://127.0.0.1:9": "no answer from http://127.0.0.1:9",
    "http://nobody.invalid": "http://nobody.invalid has no address",
}


@pytest.mark.parametrize(("endpoint", "said"), UNANSWERED.items())
def test_who_does_not_answer_is_named(endpoint: str, said: str) -> None:
    with fake_s3("knows") as service:
        port = str(service.server_address[1])
        with (
            reached(environment(endpoint.replace("{port}", port))),
            pytest.raises(StoreUnavailable, match="the bucket does not answer") as caught,
        ):
            Bucket.parse(URL).open()

    assert said.replace("{port}", port) in str(caught.value)
    assert "AWS_ENDPOINT_URL_S3" in str(caught.value)


@pytest.mark.parametrize(
    ("others", "unread"),
    [({}, ""), ({"AWS_S3_ENDPOINT": "http://h"}, "; AWS_S3_ENDPOINT is set, and nobody reads that")],
)
def test_without_an_endpoint_the_silent_service_is_amazon(others: dict[str, str], unread: str) -> None:
    """Where no endpoint is set, the message says that the service is Amazon's, and which variable nobody reads."""
    # Nothing listens there, as nothing does for a machine without a way to Amazon.
    proxies = {"HTTPS_PROXY": "", "https_proxy": "", "NO_PROXY": "*"}
    variables = {**environment(""), **proxies, **others, "AWS_DEFAULT_REGION": "no-such-region"}
    with reached(variables), pytest.raises(StoreUnavailable) as caught:
        Bucket.parse(URL).open()

    advice = f"AWS_ENDPOINT_URL_S3 is not set, so this is Amazon; set it if your bucket is elsewhere{unread}"
    assert str(caught.value).endswith(advice)


def test_a_variable_that_is_empty_is_as_good_as_none() -> None:
    empty = dict.fromkeys(("AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"), "")
    with fake_s3("knows") as service, reached({**service.environment, **empty, "AWS_REGION": "eu-somewhere-1"}):
        settings_environment.variables()
        Bucket.parse(URL).open()

        assert all("/eu-somewhere-1/s3/" in asked.headers["authorization"] for asked in service.asked)


def test_a_client_leaves_the_environment_as_it_is() -> None:
    with fake_s3("knows") as service, reached({**service.environment, "AWS_SESSION_TOKEN": ""}):
        before = dict(os.environ)
        Bucket.parse(URL).open()

        assert dict(os.environ) == before
