"""What a start costs: until the port is bound, until `/healthz` answers, and until the first stored picture is shown.

Each figure is a ratio to a Python that imports what any such server needs, and ends. All ways take turns; one more copy
of that base (`base again`) says how small a difference can be trusted. Files are in the kernel's cache and compiled.

    python -m benchmarks.cold_start [--json] [--rounds 9] [--only disk]
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.buckets import BUCKET, moto
from tests.support.ports import free_port
from tests.support.service import PROMPTCDN, environment

BASE = "import uvicorn, uvloop, httptools, starlette.applications, cachetools"
PICTURE = "/?prompt=a+lighthouse&seed=7&width=256&height=256"
# What a command in a hook does.
COMMANDS = {"promptcdn --version": ["--version"], "promptcdn url": ["url", "a lighthouse", "--seed", "7"]}
MOMENTS = ("the port is bound", "/healthz answers", "the first stored picture")
_PAUSE, _PATIENCE = 0.001, 60


@dataclass(frozen=True)
class Cost:
    """Milliseconds of the process, and of the clock."""

    cpu: float
    wall: float


def settings(**more: object) -> dict[str, str]:
    """The environment of a process that may keep what it compiled, as an installed package does."""
    return {name: value for name, value in environment(**more).items() if name != "PYTHONDONTWRITEBYTECODE"}


def ended(command: list[str]) -> Cost:
    """A process from its start to its end."""
    began = time.monotonic()
    process = subprocess.Popen(command, env=settings(), stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return Cost(1000 * (used.ru_utime + used.ru_stime), 1000 * (time.monotonic() - began))


def started(folder: Path, **more: object) -> list[Cost]:
    """A service from its start to each of `MOMENTS`. It is ended by its id."""
    port = free_port()
    began = time.monotonic()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [PROMPTCDN, "serve"], env=settings(PORT=port, **more), cwd=folder, stdout=log, stderr=log
        )
    try:
        with _connected(port, process) as connection:
            moments = [_now(process, began)]
            for target in ("/healthz", PICTURE):
                _require_ok(connection, target)
                moments.append(_now(process, began))
    finally:
        process.terminate()
        process.wait(_PATIENCE)
    return moments


def _connected(port: int, process: "subprocess.Popen[bytes]") -> socket.socket:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), _PATIENCE)
        except ConnectionRefusedError:
            assert process.poll() is None, "the service ended"
            assert time.monotonic() < until, "the port was not bound"
            time.sleep(_PAUSE)


def _require_ok(connection: socket.socket, target: str) -> None:
    connection.sendall(f"GET {target} HTTP/1.1\r\nHost: pictures.example\r\nAccept: image/webp\r\n\r\n".encode())
    head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    (length,) = (int(line[16:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: "))
    while len(body) < length:
        body += connection.recv(65536)


def _now(process: "subprocess.Popen[bytes]", began: float) -> Cost:
    wall = 1000 * (time.monotonic() - began)
    threads = Path(f"/proc/{process.pid}/task").iterdir()
    return Cost(sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e6, wall)


@contextmanager
def stores(folder: Path, only: str) -> Iterator[dict[str, Callable[[], list[Cost]]]]:
    """A function for each kind of store, which has a picture: it starts a service and gives what that took."""

    def starts(name: str, **more: object) -> Callable[[], list[Cost]]:
        place = folder / name
        place.mkdir()
        data = {"PROMPTCDN_DATA_DIR": place / "data", "PROMPTCDN_CLIENT_RATE": "unlimited", **more}
        started(place, **data)  # the picture is made
        return lambda: started(place, **data)

    ways = {"disk": starts("disk")} if only in ("", "disk") else {}
    if only == "disk":
        yield ways
        return
    with moto(folder) as bucket:
        ways["S3"] = starts("S3", PROMPTCDN_STORE=f"s3://{BUCKET}/p", **bucket.environment)
        yield ways


def measured(rounds: int, only: str = "") -> dict[str, list[Cost]]:
    """What each way took, round by round; the base's own first."""
    base = [sys.executable, "-c", BASE]
    with TemporaryDirectory() as folder, stores(Path(folder), only) as ways:
        turns: list[Callable[[], dict[str, Cost]]] = [
            lambda: {"base": ended(base)},
            lambda: {"base again": ended(base)},
        ]
        for name, command in COMMANDS.items():
            turns.append(lambda name=name, command=command: {name: ended([PROMPTCDN, *command])})  # type: ignore[misc]
        for name, way in ways.items():
            turns.append(
                lambda name=name, way=way: {  # type: ignore[misc]
                    f"{name}: {moment}": cost for moment, cost in zip(MOMENTS, way(), strict=True)
                }
            )
        found: dict[str, list[Cost]] = {}
        for turn in range(rounds + 1):
            shift = turn % len(turns)
            costs = {name: cost for each in turns[shift:] + turns[:shift] for name, cost in each().items()}
            if turn:  # the first one compiles
                for name in sorted(costs, key=lambda name: name != "base"):
                    found.setdefault(name, []).append(costs[name])
    return found


def rows(found: dict[str, list[Cost]]) -> dict[str, tuple[float, float, float, float]]:
    """Of each way: median milliseconds of CPU; the median of their ratio to the base, and half the distance of its
    quartiles; the median of the ratio of the clock's."""
    table = {}
    for name, costs in found.items():
        pairs = list(zip(costs, found["base"], strict=True))
        ratios = [cost.cpu / base.cpu for cost, base in pairs]
        low, middle, high = statistics.quantiles(ratios, n=4)
        wall = statistics.median(cost.wall / base.wall for cost, base in pairs)
        table[name] = statistics.median(cost.cpu for cost in costs), middle, (high - low) / 2, wall
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", choices=("", "disk"))
    chosen = parser.parse_args()
    table = rows(measured(chosen.rounds, chosen.only))
    if chosen.json:
        print(json.dumps(table))
        return
    for name, (took, ratio, spread, wall) in table.items():
        print(f"{name:32}{took:7.0f} ms CPU{ratio:7.2f} ± {spread:.2f}   clock {wall:.2f}")


if __name__ == "__main__":
    main()
