"""A worker in a network namespace of its own, in which nothing listens: run by `test_outbound_only.py`, in a namespace.

    this namespace            the box: a namespace with one address
    the service, readers  ◀── the worker

`unshare --user --map-root-user --net python -m tests.service.outbound_only FOLDER`
"""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.service import PROMPTCDN, Promptcdn
from tests.support.waiting import until
from tests.support.workers import SETTINGS, WorkerProcess

HERE, BOX = "10.23.0.1", "10.23.0.2"
LISTENS = "0A"  # a state in /proc/net/tcp
SIZE = "&width=256&height=256"


def run(*words: str) -> None:
    subprocess.run(words, check=True)


@contextlib.contextmanager
def box() -> Iterator[tuple[str, ...]]:
    """A namespace with a cable to this one; what begins a command that runs in it."""
    holder = subprocess.Popen(["unshare", "--net", "sleep", "600"])
    try:
        pid, ours = str(holder.pid), Path("/proc/self/ns/net").readlink()
        until(lambda: Path(f"/proc/{pid}/ns/net").readlink() != ours)
        inside = ("nsenter", "--target", pid, "--net")
        run("ip", "link", "add", "here", "type", "veth", "peer", "name", "box", "netns", pid)
        run("ip", "address", "add", f"{HERE}/24", "dev", "here")
        run("ip", "link", "set", "here", "up")
        run(*inside, "ip", "address", "add", f"{BOX}/24", "dev", "box")
        for device in ("box", "lo"):
            run(*inside, "ip", "link", "set", device, "up")
        yield inside
    finally:
        holder.kill()
        holder.wait()


def listeners(inside: tuple[str, ...]) -> list[str]:
    """The sockets in the box that take connections or datagrams of anybody."""
    found = list[str]()
    for file in ("tcp", "tcp6", "udp", "udp6"):
        table = subprocess.run([*inside, "cat", f"/proc/net/{file}"], capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in table.splitlines()[1:]]
        found += [f"{file} {row[1]}" for row in rows if row[3] == LISTENS or file.startswith("udp")]
    return found


def refuses(port: int) -> bool:
    """Whether nobody in the box answers there."""
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex((BOX, port)) != 0


def main(folder: Path) -> None:
    run("ip", "link", "set", "lo", "up")
    settings = {**SETTINGS, "PROMPTCDN_HOST": HERE, "PROMPTCDN_WAIT": 60}
    with box() as inside, Promptcdn(folder / "service", **settings) as service:
        worker = WorkerProcess(folder / "worker", f"http://{HERE}:{service.url.rpartition(':')[2]}")
        worker.program = (*inside, PROMPTCDN)
        with worker:
            pictures = [service.get(f"/?prompt=a+lighthouse&seed={seed}{SIZE}") for seed in range(3)]
            there, closed = listeners(inside), all(map(refuses, (22, 80, 443, 7860, 8080)))
            stopped = worker.stop()
            assert [picture.status_code for picture in pictures] == [200] * 3, worker.said
            assert (there, closed, stopped) == ([], True, 0), worker.said
            assert listeners(()) != [], "the service listens, and is not found"
            assert worker.said.count(" drew ") == len(pictures), worker.said
    print("three pictures were drawn in a namespace in which nothing listens")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
