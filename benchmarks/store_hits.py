"""What a picture costs that is stored and not in memory: from a folder, from a bucket, and from the disk before one.

CPU of this process alone, by `time.process_time`; the bucket is a stand-in in a process of its own. A store hit is the
whole way of a parsed request below HTTP (binding, rendition, the master's header), of a service that has forgotten the
URL and the picture. All ways are measured in one process, in rotated order; the first one is measured three times, and
what the three differ by is noise.

    .venv/bin/python -m benchmarks.store_hits --rounds 15
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.buckets import BUCKET, reached

from promptcdn.catalog import bindings
from promptcdn.readers.answers import Answer, Asker
from promptcdn.readers.clients import Client
from promptcdn.settings import Settings
from promptcdn.stores import decoded, encoded
from promptcdn.stores.s3 import S3Store
from promptcdn.url import keys
from promptcdn.url.parse import parse
from promptcdn.wiring import Service, opened

_PICTURES = 64
_AT_ONCE = 8
_SERVER = """
import asyncio, pathlib, sys, uvloop
from tests.support.fake_s3 import PERSONALITIES, FakeS3
root = pathlib.Path(sys.argv[1])
service = FakeS3(PERSONALITIES["knows"])
for path in root.rglob("*"):
    if path.is_file():
        service.objects["pictures/" + path.relative_to(root).as_posix()] = path.read_bytes()
print(service.address, flush=True)
service.serve_forever()
"""


@dataclass(frozen=True)
class Way:
    """A service on one kind of store."""

    name: str
    service: Service


@contextmanager
def bucket_of(folder: Path) -> Iterator[dict[str, str]]:
    """A bucket with the objects of a folder store, in a process of its own; the variables by which it is reached."""
    command = [sys.executable, "-c", _SERVER, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            yield {
                "AWS_ACCESS_KEY_ID": "an-id",
                "AWS_SECRET_ACCESS_KEY": "a-secret",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ENDPOINT_URL_S3": address,
            }
        finally:
            process.kill()


_REQUESTS = [parse(f"prompt=a+lighthouse&seed={seed}&width=512&height=512".encode()) for seed in range(_PICTURES)]
_AS_ASKED = [keys.as_asked_key(request.asked) for request in _REQUESTS]
_CONTENT: dict[int, str] = {}


async def shown(service: Service, seed: int) -> Answer:
    asker = Asker(service.clock.monotonic() + 60, Client(None))
    answer = await service.cdn.answer(_REQUESTS[seed], asker)
    assert isinstance(answer, Answer)
    return answer


async def forgotten_and_shown(service: Service, seed: int) -> None:
    """A picture that neither memory nor the notes of what is absent know anything of."""
    service.bindings.forget(_AS_ASKED[seed])
    service.renditions.forget(_CONTENT[seed])
    answer = await shown(service, seed)
    assert answer.status.hit == "store", str(answer.status)


def as_if_paid() -> None:
    """Sketches have a folder of bindings of their own, beside the one that all others have: one more look-up."""
    bindings.bindings_folders = lambda _: ("bindings",)
    bindings.bindings_folder = lambda _: "bindings"


async def filled(folder: Path, size: int) -> None:
    """A folder store with pictures whose renditions have `size` bytes."""
    as_if_paid()
    service = opened(Settings(data_dir=folder))
    await service.start()
    for seed in range(_PICTURES):
        _CONTENT[seed] = (await shown(service, seed)).rendition.content_key
    await service.close()
    for path in (folder / "store" / "renditions").rglob("*.webp"):
        record = decoded(path.read_bytes())
        body = (record.body * (size // len(record.body) + 1))[:size]
        path.write_bytes(encoded(replace(record, body=body)))


def ways(folder: Path) -> list[Way]:
    """All ways, on the objects that `filled` made."""
    disk = [Way(f"folder{again}", opened(Settings(data_dir=folder))) for again in ("", " again", " again, twice")]

    def bucket(name: str, **settings: str) -> Service:
        return opened(Settings(data_dir=folder / name, store=f"s3://{BUCKET}", **settings))  # type: ignore[arg-type]

    def by_boto3(name: str, threads: int) -> Service:
        service = bucket(name)
        store = service.verified._store
        assert isinstance(store, S3Store)
        store._bucket._reads = None
        store._threads = ThreadPoolExecutor(threads, thread_name_prefix="s3")
        return service

    return [
        *disk,
        Way("bucket, boto3, 16 threads", by_boto3("boto3-16", 16)),
        Way("bucket, boto3, 64 threads", by_boto3("boto3-64", 64)),
        Way("bucket, obstore", bucket("obstore")),
        Way("disk before a bucket", bucket("disk-cache", disk_cache="1GB")),
    ]


async def timed(way: Way) -> float:
    """The milliseconds of CPU that this process took for one hit."""
    left = iter(range(_PICTURES))

    async def reader() -> None:
        for seed in left:
            await forgotten_and_shown(way.service, seed)

    began = time.process_time()
    await asyncio.gather(*(reader() for _ in range(_AT_ONCE)))
    return 1e3 * (time.process_time() - began) / _PICTURES


async def measured(size: int, rounds: int) -> dict[str, list[float]]:
    """Of each way, the milliseconds of each round."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        await filled(folder, size)
        with bucket_of(folder / "store") as variables, reached(variables):
            compared = ways(folder)
            for way in compared:
                await way.service.start()
            await _warmed(compared)
            found: dict[str, list[float]] = {way.name: [] for way in compared}
            for turn in range(rounds):
                shift = turn % len(compared)
                for way in compared[shift:] + compared[:shift]:
                    found[way.name].append(await timed(way))
            for way in compared:
                await way.service.close()
    return found


async def _warmed(compared: list[Way]) -> None:
    """Waits until the disk before the bucket has all pictures, and every way was gone once."""
    for way in compared:
        cache = way.service.disk_cache
        while cache is not None and not cache.check.detail.startswith("is used"):
            await asyncio.sleep(0.1)
        await timed(way)
        while cache is not None and cache.files.count < 3 * _PICTURES:
            await asyncio.sleep(0.1)
            await timed(way)


def rows(size: int = 150_000, rounds: int = 15) -> dict[str, tuple[float, float, float]]:
    """Of each way: median milliseconds of CPU, median ratio to a folder's, and half the distance of its quartiles."""
    import uvloop

    found = uvloop.run(measured(size, rounds))
    table = {}
    for name, times in found.items():
        ratio = [time / of for time, of in zip(times, found["folder"], strict=True)]
        low, _, high = statistics.quantiles(ratio, n=4)
        table[name] = statistics.median(times), statistics.median(ratio), (high - low) / 2
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--size", type=int, default=150_000)
    chosen = parser.parse_args()
    table = rows(chosen.size, chosen.rounds)
    if chosen.json:
        print(json.dumps(table))
        return
    for name, (took, ratio, spread) in table.items():
        print(f"{name:28}{took:8.2f} ms{ratio:8.2f} ± {spread:.2f}")


if __name__ == "__main__":
    main()
