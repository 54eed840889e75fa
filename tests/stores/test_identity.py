"""Which store this is: the policy on whether it is the right one, and the object that says so."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from promptcdn.stores import Corrupt, IdentifiableStore, identity
from promptcdn.stores.disk import DiskStore
from promptcdn.stores.identity import RememberedIds, objection
from promptcdn.stores.s3 import S3Store
from promptcdn.stores.s3.buckets import Bucket
from tests.support.buckets import BUCKET, moto, reached
from tests.support.fake_s3 import fake_s3

ONE, OTHER = "1" * 32, "2" * 32

FINE = ""
GONE = "there is no store in the folder x: the folder is not there"
SILENT = "Redis does not answer"
JUDGED: dict[str, tuple[RememberedIds, str | None, str]] = {
    "nothing is remembered, and there is no id": (RememberedIds(), None, FINE),
    "nothing is remembered": (RememberedIds(), ONE, FINE),
    "the folder's": (RememberedIds(own=ONE), ONE, FINE),
    "Redis's": (RememberedIds(shared=ONE), ONE, FINE),
    "the setting's": (RememberedIds(setting=ONE), ONE, FINE),
    "none, the folder has one": (RememberedIds(own=ONE), None, f"no id, but the data folder remembers the id {ONE}"),
    "not the folder's": (RememberedIds(own=ONE), OTHER, f"the id {OTHER}, but the data folder remembers the id {ONE}"),
    "not Redis's": (RememberedIds(shared=ONE), OTHER, f"the id {OTHER}, but Redis remembers the id {ONE}"),
    "none, the setting has one": (RememberedIds(setting=ONE), None, f"PROMPTCDN_STORE_ID remembers the id {ONE}"),
    "not the setting's": (RememberedIds(setting=ONE), OTHER, f"If this one is right: set PROMPTCDN_STORE_ID={OTHER}"),
    "advice without an id": (RememberedIds(setting=ONE), None, "take PROMPTCDN_STORE_ID out of the settings, run"),
    "advice": (RememberedIds(own=ONE), OTHER, "If this one is right: promptcdn store adopt"),
    # What all replicas share is newer than what one of them remembers, and the operator's word goes first.
    "Redis's, not the folder's": (RememberedIds(own=OTHER, shared=ONE), ONE, FINE),
    "the folder's, not Redis's": (RememberedIds(own=ONE, shared=OTHER), ONE, "Redis remembers"),
    "the setting's alone": (RememberedIds(own=OTHER, shared=OTHER, setting=ONE), ONE, FINE),
    # Somebody who cannot be asked may remember another: a store is taken, but none is made.
    "Redis is down": (RememberedIds(unread=SILENT), ONE, FINE),
    "none, Redis is down": (RememberedIds(unread=SILENT), None, f"is not known: {SILENT}"),
    "the folder's, Redis is down": (RememberedIds(own=ONE, unread=SILENT), ONE, FINE),
    "not the folder's, Redis is down": (RememberedIds(own=ONE, unread=SILENT), OTHER, "the data folder remembers"),
}  # fmt: skip


@pytest.mark.parametrize(("remembered", "found", "expected"), JUDGED.values(), ids=JUDGED)
def test_a_store_is_used_where_it_is_the_one_that_is_remembered(
    remembered: RememberedIds, found: str | None, expected: str
) -> None:
    said = str(objection(remembered, found) or "")

    assert expected in said
    assert bool(said) == bool(expected)


def test_a_store_that_is_missing_has_no_id() -> None:
    assert objection(RememberedIds(), None, GONE) is None
    assert GONE in str(objection(RememberedIds(own=ONE), None, GONE))


def test_an_identity_survives_being_written() -> None:
    assert identity.read(identity.written(ONE, 1)) == ONE
    assert identity.new() != identity.new()


@pytest.mark.parametrize(
    "data",
    [b"", ONE.encode(), identity.written("x", 1), identity.written(ONE, 1)[:-1]],
    ids=["empty", "no header", "no id", "cut"],
)
def test_what_is_no_identity_is_corrupt(data: bytes) -> None:
    with pytest.raises(Corrupt):
        identity.read(data)


def identified_together(stores: list[IdentifiableStore]) -> set[str]:
    with ThreadPoolExecutor(len(stores)) as together:
        made = set(together.map(lambda store: store.identify(), stores))
    assert made == {store.identity() for store in stores}
    return made


def test_processes_that_start_together_on_a_folder_have_one_id(tmp_path: Path) -> None:
    assert len(identified_together([DiskStore(tmp_path) for _ in range(8)])) == 1


def test_processes_that_start_together_on_a_bucket_have_one_id(tmp_path: Path) -> None:
    with moto(tmp_path) as service, reached(service.environment):
        assert len(identified_together([S3Store(Bucket.parse(f"s3://{BUCKET}/new")) for _ in range(8)])) == 1


@pytest.mark.parametrize("habit", ["google", "ignores", "refuses"])
def test_an_id_is_one_whatever_keeps_it_from_being_overwritten(habit: str) -> None:
    with fake_s3(habit) as service, reached(service.environment):
        assert len(identified_together([S3Store(Bucket.parse(f"s3://{BUCKET}/new")) for _ in range(4)])) == 1
