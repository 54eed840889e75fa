"""What a new picture costs beside its encoder, and how late the event loop is while pictures are made and sent.

The service runs in this process, and its upstream, which draws PNG files of 2 MB, in another one. CPU is that of all
threads of this process. The base of each way is Pillow alone in the same round: it decodes the same picture once, and
encodes it as that way does.

    python -m benchmarks.misses [--json] [--rounds 20] [--seconds 20]
"""

import argparse
import asyncio
import io
import json
import random
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, cycle, repeat
from typing import Any

import uvloop
from benchmarks.in_process import asked, service
from PIL import Image, ImageChops
from starlette.types import ASGIApp

from promptcdn import pictures
from promptcdn.event_loop.lag import LagMeter, Timings
from promptcdn.faces.app import create_app
from promptcdn.pictures.sizing import Variant
from promptcdn.server.fastpath import fast_path

SIZE = 1024, 1024
# Squares of noise, how many a side, and how much of the picture each is: large shapes, and grain.
_OCTAVES = ((4, 0.45), (16, 0.25), (64, 0.14), (256, 0.1), (1024, 0.06))
_TURNS = 5
_UPSTREAM = "from benchmarks.misses import serve_upstream; serve_upstream()"


@lru_cache(maxsize=1)
def lifelike() -> Image.Image:
    """A picture that compresses as a real one does: noise of every size, the same in each run."""
    chance, bands = random.Random(1), []  # noqa: S311 - the same picture in each run
    for _ in "RGB":
        band = Image.new("L", SIZE)
        for side, share in _OCTAVES:
            squares = Image.frombytes("L", (side, side), chance.randbytes(side * side))
            shapes = squares.resize(SIZE, Image.Resampling.BICUBIC)
            band = ImageChops.add(band, shapes.point([int(share * value) for value in range(256)]))
        bands.append(band)
    return Image.merge("RGB", bands)


def drawn(call: str) -> bytes:
    """The file of one picture: each `call` has another one, of the same kind."""
    file = io.BytesIO()
    ImageChops.offset(lifelike(), zlib.crc32(call.encode()) % SIZE[0]).save(file, "PNG", compress_level=1)
    return file.getvalue()


def serve_upstream() -> None:
    """An upstream on a port of its own, until its input ends; the process does nothing else."""
    from tests.upstream import Upstream
    from tests.upstream import pictures as stand_ins

    lifelike()
    stand_ins.picture = lambda _, call, *__, **___: drawn(call)
    with Upstream() as upstream:
        print(upstream.url, flush=True)
        sys.stdin.read()


@contextmanager
def upstream() -> Iterator[str]:
    """Where the upstream is, in a process that ends with the block."""
    process = subprocess.Popen([sys.executable, "-c", _UPSTREAM], stdin=-1, stdout=-1, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(30)


@dataclass(frozen=True)
class Way:
    """Something that costs CPU; `base` names the way that is its measure."""

    name: str
    work: Callable[[], Awaitable[Any]]
    base: str


def alone(variant: Variant) -> Callable[[], Awaitable[Any]]:
    """Pillow without the service, beside the loop as the service does it."""
    file = drawn("")

    async def encode() -> None:
        await asyncio.to_thread(lambda: pictures.encoded(file, variant, "trainedAlgorithmicMedia"))

    return encode


def asking(app: ASGIApp, query: bytes, prompts: Iterator[int]) -> Callable[[], Awaitable[Any]]:
    """Asks for the next picture that nobody has asked for yet, or that nobody has asked for in this form."""

    async def ask() -> None:
        await asked(app, b"/?seed=7&wait=100&prompt=picture+%d" % next(prompts) + query)

    return ask


def ways(app: ASGIApp) -> list[Way]:
    """What takes turns. Renditions are made of the pictures that were made in the same order before."""
    webp, avif, small = alone(Variant("webp")), alone(Variant("avif")), alone(Variant("webp", (512, 512)))
    return [
        Way("Pillow: WebP", webp, "Pillow: WebP"),
        Way("Pillow: WebP again", webp, "Pillow: WebP"),
        Way("Pillow: WebP again, twice", webp, "Pillow: WebP"),
        Way("a new picture as WebP", asking(app, b"", count()), "Pillow: WebP"),
        Way("Pillow: AVIF", avif, "Pillow: AVIF"),
        Way("a stored picture as AVIF", asking(app, b"&format=avif", count()), "Pillow: AVIF"),
        Way("Pillow: WebP, 512 wide", small, "Pillow: WebP, 512 wide"),
        Way("a stored picture as WebP, 512 wide", asking(app, b"&w=512", count()), "Pillow: WebP, 512 wide"),
    ]


@asynccontextmanager
async def running() -> AsyncIterator[ASGIApp]:
    """The service as it answers over ASGI, with the fast path."""
    with (
        upstream() as url,
        service(generator="stability", stability_host=url, budget="unlimited", client_rate="unlimited") as made,
    ):
        await made.start()
        app = create_app(made)
        yield fast_path(app, made) or app
        await made.close()


async def cpu(work: Callable[[], Awaitable[Any]]) -> float:
    """Milliseconds on a core, in all threads of this process."""
    began = time.process_time()
    await work()
    return 1e3 * (time.process_time() - began)


async def measured(rounds: int) -> dict[str, list[float]]:
    """Of each way: what one turn cost, round by round. Each round has all ways, in the order in which they build on
    each other."""
    async with running() as app:
        every = ways(app)
        for way in every:  # imports, connections and folders
            await way.work()
        found: dict[str, list[float]] = {way.name: [] for way in every}
        for _ in range(rounds):
            for way in every:
                found[way.name].append(await cpu(way.work))
    return found


def rows(rounds: int) -> dict[str, tuple[float, float, float]]:
    """Of each way: median milliseconds of CPU, median ratio to its base, and half the distance of its quartiles."""
    found, table = uvloop.run(measured(rounds)), {}
    bases = {way.name: way.base for way in ways(_nobody)}
    for name, times in found.items():
        ratios = [time / of for time, of in zip(times, found[bases[name]], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        table[name] = statistics.median(times), middle, (high - low) / 2
    return table


async def _nobody(*_: Any) -> None: ...


async def lags(seconds: float) -> dict[str, float]:
    """How late the loop is in milliseconds, at 99 %: with nothing to do, and while new pictures are made, others are
    encoded in sizes that are not stored, and hits are answered. The two take turns, `seconds` each in all."""
    late: dict[str, list[float]] = {"idle": [], "hits, misses and renditions": []}
    async with running() as app:
        new, hit = asking(app, b"", count()), asking(app, b"", repeat(0))
        await new()
        odd = (asking(app, b"&w=%d" % width, repeat(0)) for width in cycle(range(520, 1024, 8)))
        for _ in range(_TURNS):
            late["idle"] += await lag((), seconds / _TURNS)
            loads = _going_on(lambda: new), _going_on(lambda: next(odd)), _going_on(lambda: hit, 0.002)
            late["hits, misses and renditions"] += await lag(loads, seconds / _TURNS)
    return {name: 1e3 * statistics.quantiles(each, n=100)[98] for name, each in late.items()}


async def lag(loads: Iterable[Coroutine[Any, Any, None]], seconds: float) -> list[float]:
    """How late the loop is in seconds, again and again, while all `loads` go on."""
    late: list[float] = []
    meter = LagMeter(late.append, Timings(between_measures=0.005))
    tasks = [asyncio.create_task(load) for load in loads]
    meter.start()
    await asyncio.sleep(seconds)
    meter.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return late


async def _going_on(following: Callable[[], Callable[[], Awaitable[Any]]], pause: float = 0.0) -> None:
    while True:
        await following()()
        await asyncio.sleep(pause)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    chosen = parser.parse_args()
    table, late = rows(chosen.rounds), uvloop.run(lags(chosen.seconds))
    if chosen.json:
        print(json.dumps({"cpu": table, "lag": late}))
        return
    for name, (took, ratio, spread) in table.items():
        print(f"{name:46}{took:8.1f} ms{ratio:8.2f} ± {spread:.2f}")
    for name, milliseconds in late.items():
        print(f"lag of the loop at 99 %, {name:30}{milliseconds:8.2f} ms")


if __name__ == "__main__":
    main()
