"""The store of a service, and what stands before it. `opened_store` opens the store that a URL names."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from promptcdn import misconfiguration
from promptcdn.clock import Clock
from promptcdn.problems import BadSettings, StoreUnavailable
from promptcdn.replicas.connection import RedisConnection
from promptcdn.settings import Settings, forms
from promptcdn.stores import IdentifiableStore, InspectedStore
from promptcdn.stores.disk import DiskStore, missing
from promptcdn.stores.store_ids import StoreIds
from promptcdn.stores.verified import Timings, VerifiedStore
from promptcdn.telemetry import Telemetry
from promptcdn.telemetry.observed import ObservedStore

if TYPE_CHECKING:
    from promptcdn.stores.disk_cache import DiskCache
    from promptcdn.stores.s3.connection import AddressingStyle

# For how many seconds a bucket's id that was seen is believed.
_BUCKET_TRUST = 1.0


def stores(
    settings: Settings,
    clock: Clock,
    connection: RedisConnection | None,
    telemetry: Telemetry,
    writes: bool,
    any_bucket: bool,
) -> "tuple[VerifiedStore, DiskCache | None, InspectedStore]":
    """The store, the disk before it where there is one, and the one of them that is to be asked. With `any_bucket` a
    bucket that cannot be used is for `checks` to tell."""
    observed = ObservedStore(verified := _verified_store(settings, connection, writes, any_bucket), telemetry)
    if not (settings.disk_cache and writes):
        return verified, None, observed
    from promptcdn.stores import disk_cache  # late: for those who have one
    from promptcdn.stores.disk_cache.files import Files

    files = Files(settings.data_dir / disk_cache.FOLDER, forms.disk_cache(settings.disk_cache))
    cache = disk_cache.DiskCache(observed, lambda: verified.id, files, clock.unix)
    return verified, cache, cache


def _verified_store(
    settings: Settings, connection: RedisConnection | None, writes: bool, any_bucket: bool
) -> VerifiedStore:
    ids = StoreIds(settings.store_id, settings.data_dir, connection)
    # Where a store is remembered, a folder that is missing is one that is not mounted: a new one would be in its way.
    folder = folder_of(settings.store_url)
    prepare = writes and not (ids.remembered_here and folder is not None and _is_missing(folder))
    url, setting, style = settings.store_url, settings.store_setting, settings.s3_addressing_style
    if any_bucket and folder is None:
        from promptcdn.stores.s3 import S3Store  # late, as in `_opened_bucket`
        from promptcdn.stores.s3.buckets import Bucket

        store: IdentifiableStore = S3Store(Bucket.parse(url, style))
    else:
        store = opened_store(url, setting, style, prepare=prepare, unbegun=not writes)
    # A look at a folder's identity costs microseconds, at a bucket's a way there and back.
    timings = Timings(trust=_BUCKET_TRUST) if folder is None else Timings()
    return VerifiedStore(store, ids, timings)


def _is_missing(folder: Path) -> bool:
    try:
        return bool(missing(folder))
    except OSError:  # whoever opens the store says what is wrong
        return False


def folder_of(store_url: str) -> Path | None:
    """The folder of a disk store; `None` for a bucket."""
    scheme, _, path = store_url.partition(":")
    return Path(path.strip()) if scheme == "disk" else None


def opened_store(
    url: str, setting: str, style: "AddressingStyle" = "auto", *, prepare: bool = True, unbegun: bool = False
) -> IdentifiableStore:
    """The store at `disk:PATH` or `s3://bucket/prefix`. Raises `BadSettings`, naming `setting`, where it is unusable.

    A folder is made where it is missing, unless `prepare` is false: then it is left as it is, and with `unbegun` it is
    a store without pictures where the folder above is missing too.
    A bucket that does not answer is no reason not to start: it is connected to when it is back.
    """
    try:
        forms.require_store(url)
    except misconfiguration.WrongVariable as wrong:
        raise BadSettings(wrong.needed_by(f"{setting}{misconfiguration.shown(url)}")) from None
    except ValueError as wrong:
        raise BadSettings(f"{setting}{misconfiguration.shown(url)}: {wrong}") from None
    if (folder := folder_of(url)) is not None:
        try:
            return DiskStore(folder, prepare=prepare, unbegun=unbegun)
        except OSError as error:
            raise BadSettings(f"{setting}: the folder {folder} cannot be used: {error.strerror}") from error
    return _opened_bucket(url, setting, style)


def _opened_bucket(url: str, setting: str, style: "AddressingStyle") -> IdentifiableStore:
    from promptcdn.stores.s3 import S3Store  # late: for those who have a bucket
    from promptcdn.stores.s3.answers import Unusable
    from promptcdn.stores.s3.buckets import Bucket

    bucket = Bucket.parse(url, style)
    try:
        with suppress(StoreUnavailable):  # whoever uses the store says so: `VerifiedStore`, or the command
            bucket.open()
    except Unusable as unusable:
        # What is wrong with a variable begins with its name.
        place = "" if unusable.detail.startswith(("AWS_", "REQUESTS_")) else f"{bucket} (of {setting}): "
        raise BadSettings(f"{place}{unusable}") from unusable
    return S3Store(bucket)
