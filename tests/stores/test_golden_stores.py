"""What older versions stored: shown as it was, never paid for again, and just what this version would have written."""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from promptcdn.stores import Name, decoded, identity
from tests.faults.stage import paid, verified
from tests.support.buckets import BUCKET, moto, reached
from tests.support.service import Promptcdn
from tests.upstream import Upstream

GOLDEN = sorted(path for path in (Path(__file__).parents[1] / "golden" / "stores").iterdir() if path.is_dir())
# No new pictures, and no upstream to make them.
SHOWS = {"STABILITY_HOST": "grpc://127.0.0.1:9", "PROMPTCDN_MISSES": "closed"}
OTHER_DEFAULTS = {"PROMPTCDN_ENGINE": "another", "PROMPTCDN_SIZE": "512x512", "PROMPTCDN_STEPS": 50}


@dataclass(frozen=True)
class Golden:
    """One of them, in a copy that may be written: the store, what was said of it, and how a service reaches it."""

    store: Path
    said: dict[str, Any]
    url: str
    environment: dict[str, str]

    def service(self, folder: Path, **settings: object) -> Promptcdn:
        return Promptcdn(folder, PROMPTCDN_STORE=self.url, **self.environment, **settings)


@pytest.fixture(params=GOLDEN, ids=lambda path: path.name)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Golden:
    folder: Path = request.param
    store = shutil.copytree(folder / "store", tmp_path / "store")
    return Golden(store, json.loads((folder / "shown.json").read_text()), f"disk:{store}", {})


@pytest.fixture
def golden_bucket(golden: Golden, tmp_path: Path) -> Iterator[Golden]:
    """The same objects in a bucket."""
    with moto(tmp_path) as service:
        upload(golden.store, service.environment)
        yield replace(golden, url=f"s3://{BUCKET}/older", environment=service.environment)


def upload(store: Path, environment: dict[str, str]) -> None:
    """By boto3 alone: our own writer would move with our own reader, and both be wrong."""
    with reached(environment):
        client = boto3.client("s3")
        for path in (path for path in store.rglob("*") if path.is_file()):
            client.put_object(Bucket=BUCKET, Key=f"older/{path.relative_to(store).as_posix()}", Body=path.read_bytes())
        client.close()


def objects(store: Path) -> dict[Name, bytes]:
    """The files of a store but its identity, by the names of their objects."""
    files = (path for path in store.rglob("*") if path.is_file() and path != store / identity.PATH)
    named = {Name.parse(path.relative_to(store).as_posix()): path.read_bytes() for path in files}
    assert None not in named
    return {name: data for name, data in named.items() if name is not None}


def answered(service: Promptcdn, row: dict[str, Any]) -> dict[str, Any]:
    """What a service answers to a row's URL, in the row's own words."""
    answer = service.get(row["url"])
    said = {"url": row["url"], "status": answer.status_code}
    if answer.status_code != 200:
        return said | {"code": answer.json()["code"]}
    headers = {name: answer.headers[name] for name in ("etag", "last-modified", "content-type")}
    key = answer.headers["link"].partition("/i/")[2][:64]
    return said | {"sha256": hashlib.sha256(answer.content).hexdigest(), **headers, "content_key": key}


def require_shown(golden: Golden, folder: Path) -> None:
    """By a service that makes nothing: with the defaults of then, and, but for verdicts, with those of anybody."""
    shown, sketched = golden.said["shown"], golden.said["sketched"]
    bound = [row for row in shown if row.get("code") != "filtered"]
    for defaults, rows in ((golden.said["defaults"], shown), (OTHER_DEFAULTS, bound)):
        with golden.service(folder, **SHOWS, **defaults) as service:
            assert [answered(service, row) for row in rows] == rows
            # All views of a URL without a seed are of the one picture of its pool that is there.
            assert {service.get(golden.said["pool"]).status_code for _ in range(3)} == {200}
            permalinks = [f"/i/{row['content_key']}" for row in rows if "content_key" in row]
            assert {service.get(permalink).status_code for permalink in permalinks} == {200}
    with golden.service(folder, PROMPTCDN_MISSES="closed") as service:
        assert [answered(service, row) for row in sketched] == sketched
    assert verified(golden.url, **golden.environment)[0] == 0


def test_what_was_said_is_what_is_stored(golden: Golden) -> None:
    """Any other refusal binds nobody: the grammar may widen."""
    refused = {row["code"] for row in golden.said["shown"] + golden.said["sketched"] if row["status"] != 200}
    assert refused <= {"filtered", "removed"}


def test_what_an_older_version_stored_in_a_folder_is_unchanged(golden: Golden, tmp_path: Path) -> None:
    require_shown(golden, tmp_path / "service")


def test_what_an_older_version_stored_in_a_bucket_is_unchanged(golden_bucket: Golden, tmp_path: Path) -> None:
    require_shown(golden_bucket, tmp_path / "service")


# Side by side


def asked_again(golden: Golden, folder: Path, upstream: Upstream) -> dict[Name, bytes]:
    """What is stored once this version was asked for all that the older one was asked for."""
    defaults = golden.said["defaults"]
    with golden.service(folder, STABILITY_HOST=upstream.url, PROMPTCDN_BUDGET="unlimited", **defaults) as service:
        for row in golden.said["shown"]:
            assert service.get(row["url"]).status_code in (200, row["status"])
    with golden.service(folder, PROMPTCDN_SIZE=defaults["PROMPTCDN_SIZE"]) as service:
        for row in golden.said["sketched"]:
            assert service.get(row["url"]).status_code == 200
    return objects(golden.store)


def but_for_their_times(stored: Mapping[Name, bytes]) -> dict[Name, tuple[bytes, str, dict[str, Any]]]:
    records = {name: decoded(data) for name, data in stored.items()}
    return {name: (record.body, record.media_type, dict(record.resolved)) for name, record in records.items()}


def but_for_their_pixels(stored: Mapping[Name, bytes]) -> dict[Name, tuple[bytes, str, dict[str, Any]]]:
    """And for pictures without their bytes, which another version of a library encodes in another way."""
    return {
        name: (b"" if name.folder in ("masters", "renditions") else body, media_type, resolved)
        for name, (body, media_type, resolved) in but_for_their_times(stored).items()
    }


def test_a_picture_that_an_older_version_did_not_bind_is_bound(golden: Golden, tmp_path: Path) -> None:
    """As the older version would have bound it, had it had the time."""
    before = objects(golden.store)
    for name in before:
        if name.folder in ("bindings", "sketch-bindings"):
            (golden.store / name.path).unlink()

    with Upstream() as upstream:
        after = asked_again(golden, tmp_path / "service", upstream)
        assert upstream.ledger.calls() == []

    # What was taken down is not bound again.
    taken_down = {name.leaf for name in before if name.folder == "tombstones"}
    expected = {
        name: record
        for name, record in but_for_their_times(before).items()
        if name.folder not in ("bindings", "sketch-bindings") or json.loads(record[0])["content_key"] not in taken_down
    }
    assert but_for_their_times(after) == expected


def test_this_version_stores_what_the_older_one_would_have(golden: Golden, tmp_path: Path) -> None:
    before = objects(golden.store)
    shutil.rmtree(golden.store)

    with Upstream() as upstream:
        after = asked_again(golden, tmp_path / "service", upstream)

    made = {name: data for name, data in before.items() if name.folder not in ("purges", "tombstones")}
    assert but_for_their_pixels({name: after[name] for name in made}) == but_for_their_pixels(made)


@pytest.mark.parametrize("first", ["master", "binding"])
def test_what_an_older_version_stores_first_is_what_both_show(golden: Golden, tmp_path: Path, first: str) -> None:
    """On one bucket, without Redis. Under other defaults it is another picture that this version makes in vain."""
    row = next(row for row in golden.said["shown"] if "seed=octocat" in row["url"])
    others = OTHER_DEFAULTS | {"PROMPTCDN_ENGINES": "another,other"}
    defaults = golden.said["defaults"] if first == "master" else others
    with moto(tmp_path) as bucket, Upstream() as upstream, ThreadPoolExecutor(1) as reader:
        shared = replace(golden, url=f"s3://{BUCKET}/older", environment=bucket.environment)
        makes = {"STABILITY_HOST": upstream.url, "PROMPTCDN_BUDGET": "unlimited"}
        with shared.service(tmp_path / "service", **makes, **defaults) as service:
            upstream.hold()
            loser = reader.submit(answered, service, row)
            upstream.wait_for_calls(1)
            upload(golden.store, bucket.environment)
            upstream.release()
            assert loser.result(60) == row
        assert (row["content_key"] in paid(upstream)) is (first == "master")
        # Another process remembers nothing.
        with shared.service(tmp_path / "another", **SHOWS, **defaults) as another:
            assert answered(another, row) == row
