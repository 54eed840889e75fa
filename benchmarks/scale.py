"""Whether what is stored costs anything: the cost of a hit beside few and many stored pictures, and a walk through all
of them with a memory that holds a small part.

    python -m benchmarks.scale [--stored 100 10000 1000000] [--memory 67108864]
"""

import argparse
import json
import random
import statistics
import time
from contextlib import ExitStack
from pathlib import Path

import uvloop
from benchmarks.in_process import asked, service
from starlette.types import ASGIApp

from promptcdn.faces.app import create_app
from promptcdn.server.fastpath import fast_path
from promptcdn.stores import Name, Record, encoded
from promptcdn.url import keys
from promptcdn.url.order import Order
from promptcdn.url.parse import parse
from promptcdn.url.resolving import resolve
from promptcdn.wiring import Service

_BODY = 1000
_MADE_AT = 1_700_000_000
_ROUNDS, _PICTURES = 15, 64


def target(number: int) -> bytes:
    """The URL of one of the pictures."""
    return b"/i.png?prompt=picture+%d&seed=7&width=256&height=256" % number


def order(service: Service, number: int) -> Order:
    asked_for = parse(target(number).partition(b"?")[2], "png").asked
    return Order.of(keys.as_asked_key(asked_for), resolve(asked_for, service.settings.defaults))


def body(content_key: str) -> bytes:
    """The file of a picture: it says whose it is. Nobody decodes a stored PNG to send it as PNG."""
    return content_key.encode().ljust(_BODY, b".")


def stored(service: Service, root: Path, numbers: range) -> None:
    """Puts the pictures into the store's folder as the store itself would, but for the syncing of each file."""
    for number in numbers:
        made = order(service, number)
        parameters = made.resolved.parameters()
        binding = json.dumps({"content_key": made.content_key}).encode()
        for name, record in (
            (Name("sketch-bindings", made.as_asked_key), Record(binding, "application/json", _MADE_AT, parameters)),
            (Name("masters", made.content_key), Record(body(made.content_key), "image/png", _MADE_AT, parameters)),
        ):
            path = root / name.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encoded(record))


async def cost(app: ASGIApp, targets: list[bytes]) -> float:
    """Microseconds of CPU for a request, threads included."""
    began = time.process_time()
    for each in targets:
        await asked(app, each)
    return 1e6 * (time.process_time() - began) / len(targets)


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


async def costs(made: Service, apps: tuple[ASGIApp, ASGIApp], numbers: list[int]) -> tuple[float, float]:
    """The cost of hits of these pictures, from memory and from the disk. `apps`: with the fast path, and without."""
    fast, long_way = apps
    for number in numbers:
        found = order(made, number)
        made.renditions.forget(found.content_key)
        made.bindings.forget(found.as_asked_key)
    views = [target(number) for number in numbers]
    from_disk = await cost(long_way, views)
    await cost(fast, views)
    return await cost(fast, views * 8), from_disk


async def compared(services: dict[int, Service]) -> None:
    """The cost of hits in each service, by how many pictures it has stored; they take turns."""
    chance = random.Random(7)  # noqa: S311 - the same each time
    apps = {count: with_and_without(made) for count, made in services.items()}
    found: dict[int, list[tuple[float, float]]] = {count: [] for count in services}
    for turn in range(_ROUNDS):
        for count in sorted(services, key=lambda count: (count * (turn + 1)) % 7919):
            numbers = chance.sample(range(count), _PICTURES)
            found[count].append(await costs(services[count], apps[count], numbers))
    least = min(services)
    for count, times in found.items():
        memory, disk = (statistics.median(kind) for kind in zip(*times, strict=True))
        ratios = [
            statistics.median(ours / base for ours, base in zip(kind, of_least, strict=True))
            for kind, of_least in zip(zip(*times, strict=True), zip(*found[least], strict=True), strict=True)
        ]
        print(
            f"{count:8} stored: from memory {memory:6.1f} µs ({ratios[0]:.2f}), from the disk {disk:7.1f} µs"
            f" ({ratios[1]:.2f})",
            flush=True,
        )


def with_and_without(made: Service) -> tuple[ASGIApp, ASGIApp]:
    """The application with the fast path and without."""
    app = create_app(made)
    fast = fast_path(app, made)
    assert fast is not None
    return fast, app


async def walk(made: Service, count: int) -> None:
    """Asks for every picture once, and for some of them again, and looks at every body."""
    (fast, _), chance = with_and_without(made), random.Random(9)  # noqa: S311 - the same each time
    wrong = views = 0
    for number in range(count):
        for each in (number, chance.randrange(max(0, number - 5000), number + 1)):
            _, found = await asked(fast, target(each))
            views += 1
            wrong += found != body(order(made, each).content_key)
        if (number + 1) % (count // 10) == 0:
            memory = made.renditions.memory
            print(
                f"{number + 1:8} URLs, {views} views, {wrong} wrong bodies, {memory.bytes >> 20} MiB of pictures,"
                f" {resident() >> 20} MiB resident, {memory.evictions} evictions",
                flush=True,
            )


async def measured(counts: list[int], memory: int) -> None:
    with ExitStack() as stack:
        # The first is there twice: its second copy says how small a difference can be trusted.
        services = {count: stack.enter_context(service(memory=memory)) for count in (*counts, counts[0] + 1)}
        for count, made in services.items():
            await made.start()
            stored(made, made.settings.data_dir / "store", range(count))
            print(f"{count} stored", flush=True)
        await compared(services)
        await walk(services[counts[-1]], counts[-1])
        for made in services.values():
            await made.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stored", type=int, nargs="+", default=[100, 10_000, 1_000_000])
    parser.add_argument("--memory", type=int, default=64 << 20)
    chosen = parser.parse_args()
    uvloop.run(measured(chosen.stored, chosen.memory))


if __name__ == "__main__":
    main()
