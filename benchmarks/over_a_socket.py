"""What a hit costs over a socket, with all that the kernel does: CPU of the server for each request, as a ratio.

The base is a constant ASGI answer with the same headers and body on the same uvicorn. All servers run side by side and
are asked in rounds of a second, one after the other, in an order that rotates; a ratio is taken inside a round. Two
more copies of the base say how small a difference can be trusted. Server and client have a core each.

A 304 has a base of its own, with the three headers that a 304 needs most; `304 base, twelve headers` has as many as a
200, for comparisons with figures whose base is that.

    python -m benchmarks.over_a_socket [--json] [--rounds 9] [--size 150000]
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import httpx2
from PIL import Image
from tests.support.ports import free_port, is_open
from tests.support.service import PROMPTCDN, environment

from promptcdn.stores import Name, Record, decoded, encoded

SERVER_CORE, CLIENT_CORE = 0, (os.cpu_count() or 1) - 1
CONNECTIONS, SECONDS = 32, 1
SIDE = "width=512&height=512"
SEEDED, SEEDLESS = f"/?prompt=a+lighthouse&seed=7&{SIDE}", f"/?prompt=a+lighthouse&{SIDE}"
READER = {
    "user-agent": "github-camo (1a2b3c4d)",
    "accept": "image/avif,image/webp,image/*,*/*;q=0.8",
    "via": "github-camo (1a2b3c4d)",
    "accept-encoding": "gzip",
}

CONSTANT = """
import json, pathlib, sys
import uvicorn
from benchmarks.in_process import constant, starlette_constant

headers, body = json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(sys.argv[2]).read_bytes()
made = starlette_constant if sys.argv[3] == "starlette" else constant
status = 304 if sys.argv[3] == "304" else 200
app = made([(name.encode(), value.encode()) for name, value in headers], body, status)
uvicorn.run(app, port=int(sys.argv[4]), access_log=False, server_header=False, date_header=False, lifespan="off",
            proxy_headers=False, log_level="error")
"""

NGINX = """
daemon off; worker_processes 1; pid FOLDER/pid; error_log FOLDER/error.log;
events { worker_connections 1024; }
http { access_log off; sendfile on; tcp_nopush on; open_file_cache max=100; default_type image/webp;
  client_body_temp_path FOLDER/b; proxy_temp_path FOLDER/p; fastcgi_temp_path FOLDER/f; uwsgi_temp_path FOLDER/u;
  scgi_temp_path FOLDER/s;
  server { listen 127.0.0.1:PORT backlog=2048; keepalive_requests 1000000000; root FOLDER/www;
    add_header Cache-Control "public, max-age=31536000, immutable"; } }
"""


THUMBOR = """
LOADER = "thumbor.loaders.file_loader"
FILE_LOADER_ROOT_PATH = "FOLDER/source"
RESULT_STORAGE = "thumbor.result_storages.file_storage"
RESULT_STORAGE_FILE_STORAGE_ROOT_PATH = "FOLDER/results"
RESULT_STORAGE_STORES_UNSAFE = True
STORAGE = "thumbor.storages.no_storage"
"""
THUMBOR_TARGET = "/unsafe/picture.webp"


class Server:
    """A process with all its children, pinned to the server's core, and ended by its id."""

    def __init__(self, name: str, command: list[str], port: int, **settings: str) -> None:
        self.name, self.port = name, port
        pinned = ["taskset", "-c", str(SERVER_CORE), *command]
        self._log = TemporaryDirectory()
        with (Path(self._log.name) / "log").open("wb") as log:
            self._process = subprocess.Popen(pinned, env=environment(**settings), stdout=log, stderr=log)
        until = time.monotonic() + 30
        while not is_open(port):
            if self._process.poll() is not None or time.monotonic() > until:
                raise SystemExit((Path(self._log.name) / "log").read_text())
            time.sleep(0.05)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._log.cleanup()

    def cpu(self) -> float:
        """Seconds on a core so far, in user and kernel, of the process and its children and all their threads."""
        seconds = 0.0
        for process in (self._process.pid, *children(self._process.pid)):
            for thread in Path(f"/proc/{process}/task").iterdir():
                seconds += int((thread / "schedstat").read_text().split()[0]) / 1e9
        return seconds


def children(parent: int) -> list[int]:
    found = [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    return found + [each for child in found for each in children(child)]


@dataclass(frozen=True)
class Way:
    """One thing that is measured: a server, and a request."""

    name: str
    server: Server
    target: str
    lines: tuple[str, ...] = ()
    base: str = "base"


def asked(way: Way) -> tuple[float, float, float]:
    """Microseconds of the server's CPU for one request, requests a second, and the 99th percentile in ms."""
    headers = [f"-H{name}: {value}" for name, value in READER.items()] + [f"-H{line}" for line in way.lines]
    url = f"http://127.0.0.1:{way.server.port}{way.target}"
    before = way.server.cpu()
    command = ["taskset", "-c", str(CLIENT_CORE), "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency"]
    done = subprocess.run([*command, *headers, url], capture_output=True, text=True, check=True)
    took = way.server.cpu() - before
    if "Non-2xx" in done.stdout and "304" not in way.name:
        raise SystemExit(f"{way.name}: {done.stdout}")
    (requests,) = re.findall(r"(\d+) requests in", done.stdout)
    (rate,) = re.findall(r"Requests/sec: +([\d.]+)", done.stdout)
    (late, unit) = re.findall(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)[0]
    return 1e6 * took / int(requests), float(rate), float(late) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def resized(store: Path, size: int) -> None:
    """Makes every stored rendition as long as a real picture's: what is read from the store is what is sent."""
    for path in store.glob("renditions/*/*/*"):
        name = Name.parse(path.relative_to(store).as_posix())
        assert name is not None
        record = decoded(path.read_bytes())
        body = (record.body * (size // len(record.body) + 1))[:size]
        path.write_bytes(encoded(Record(body, record.media_type, record.made_at, record.resolved, record.lineage)))


def promptcdn(name: str, folder: Path, fastpath: str) -> Server:
    port = free_port()
    settings = {"PROMPTCDN_DATA_DIR": str(folder), "PROMPTCDN_FASTPATH": fastpath, "PROMPTCDN_CLIENT_RATE": "unlimited"}
    return Server(name, [PROMPTCDN, "serve", "--port", str(port)], port, **settings)


def constant(name: str, folder: Path, headers: list[tuple[str, str]], body: bytes, kind: str = "200") -> Server:
    port = free_port()
    (folder / f"{name}.json").write_text(json.dumps(headers))
    (folder / f"{name}.body").write_bytes(body)
    files = [str(folder / f"{name}.json"), str(folder / f"{name}.body")]
    return Server(name, [sys.executable, "-c", CONSTANT, *files, kind, str(port)], port)


def nginx(folder: Path, body: bytes) -> Server:
    port = free_port()
    (folder / "www").mkdir(parents=True)
    (folder / "www" / "picture.webp").write_bytes(body)
    folder.chmod(0o755)
    (folder / "nginx.conf").write_text(NGINX.replace("FOLDER", str(folder)).replace("PORT", str(port)))
    return Server("nginx", ["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")], port)


def varnish(folder: Path, origin: int) -> Server:
    port = free_port()
    folder.mkdir()
    vcl = folder / "default.vcl"
    vcl.write_text(f'vcl 4.1; backend default {{ .host = "127.0.0.1"; .port = "{origin}"; }}')
    command = ["varnishd", "-F", "-n", str(folder / "n"), "-f", str(vcl), "-a", f"127.0.0.1:{port}", "-s", "malloc,64m"]
    return Server("Varnish", command, port)


def thumbor(folder: Path, body: bytes) -> Server:
    """thumbor with its results in files. The result that is asked for becomes `body`: its own would be another size."""
    port = free_port()
    for part in ("source", "results"):
        (folder / part).mkdir(parents=True)
    Image.new("RGB", (64, 64), "teal").save(folder / "source" / "picture.webp")
    (folder / "thumbor.conf").write_text(THUMBOR.replace("FOLDER", str(folder)))
    command = [os.environ["THUMBOR"], "--ip", "127.0.0.1", "--port", str(port), "--log-level", "error"]
    server = Server("thumbor", [*command, "--conf", str(folder / "thumbor.conf")], port)
    url = f"http://127.0.0.1:{port}{THUMBOR_TARGET}"
    httpx2.get(url, timeout=60)
    (result,) = (path for path in (folder / "results").rglob("*") if path.is_file())
    result.write_bytes(body)
    assert len(httpx2.get(url, timeout=60).content) == len(body)
    return server


@contextmanager
def ways(size: int) -> Iterator[list[Way]]:
    with TemporaryDirectory() as name, ExitStack() as opened:
        folder = Path(name)
        folder.chmod(0o755)
        data = folder / "data"
        with promptcdn("first", data, "off") as first:
            client = httpx2.Client(base_url=f"http://127.0.0.1:{first.port}", timeout=60)
            client.get(SEEDED)
            places: set[str] = set()
            while len(places) < 8:
                places.add(client.get(SEEDLESS).headers["content-location"])
        resized(data / "store", size)
        fast = opened.enter_context(promptcdn("below ASGI", data, "on"))
        asgi = opened.enter_context(promptcdn("ASGI", data, "asgi"))
        off = opened.enter_context(promptcdn("no fast path", data, "off"))
        for server in (fast, asgi, off):
            client = httpx2.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60)
            seen: set[str] = set()
            while len(seen) < 8:
                seen.add(client.get(SEEDLESS, headers=READER).headers["content-location"])
            answer = [client.get(SEEDED, headers=READER) for _ in range(3)][-1]
            assert len(answer.content) == size, (server.name, len(answer.content))
        fields = list(answer.headers.items())
        short = [(name, value) for name, value in fields if name in ("date", "etag", "cache-control")]
        twelve = [(name, value) for name, value in fields if name != "content-length"][:12]
        assert len(twelve) == 12, twelve
        condition = (f"if-none-match: {answer.headers['etag']}",)
        bases = [opened.enter_context(constant(f"base{n}", folder, fields, answer.content)) for n in range(3)]
        base_304 = opened.enter_context(constant("base304", folder, short, b"", "304"))
        long_304 = opened.enter_context(constant("base304of12", folder, twelve, b"", "304"))
        plain = opened.enter_context(constant("starlette", folder, fields, answer.content, "starlette"))
        peer = opened.enter_context(thumbor(folder / "thumbor", answer.content))
        static = opened.enter_context(nginx(folder / "nginx", answer.content))
        cache = opened.enter_context(varnish(folder / "varnish", off.port))
        httpx2.get(f"http://127.0.0.1:{cache.port}{SEEDED}")
        yield [
            Way("base", bases[0], SEEDED),
            Way("base again", bases[1], SEEDED),
            Way("base again, twice", bases[2], SEEDED),
            Way("hit, below ASGI", fast, SEEDED),
            Way("hit, ASGI", asgi, SEEDED),
            Way("hit, no fast path", off, SEEDED),
            Way("seedless hit, below ASGI", fast, SEEDLESS),
            Way("seedless hit, ASGI", asgi, SEEDLESS),
            Way("seedless hit, no fast path", off, SEEDLESS),
            Way("Starlette, a constant Response", plain, SEEDED),
            Way("thumbor, the same result", peer, THUMBOR_TARGET),
            Way("nginx, the same file", static, "/picture.webp"),
            Way("Varnish, the same object", cache, SEEDED),
            Way("304 base", base_304, SEEDED, condition, "304 base"),
            Way("304 base, twelve headers", long_304, SEEDED, condition, "304 base"),
            Way("304, below ASGI", fast, SEEDED, condition, "304 base"),
            Way("304, ASGI", asgi, SEEDED, condition, "304 base"),
            Way("304, no fast path", off, SEEDED, condition, "304 base"),
        ]


def measured(size: int, rounds: int) -> dict[str, dict[str, float]]:
    """Of each way: CPU in µs, its ratio to the base and half the distance of the ratio's quartiles, rate, p99 in ms."""
    with ways(size) as all_ways:
        found: dict[str, list[tuple[float, float, float]]] = {way.name: [] for way in all_ways}
        for turn in range(rounds):
            shift = turn % len(all_ways)
            for way in all_ways[shift:] + all_ways[:shift]:
                found[way.name].append(asked(way))
        table = {}
        for way in all_ways:
            ratios = [one[0] / base[0] for one, base in zip(found[way.name], found[way.base], strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            cpu, rate, late = (statistics.median(column) for column in zip(*found[way.name], strict=True))
            table[way.name] = {"µs": cpu, "ratio": middle, "spread": (high - low) / 2, "rate": rate, "p99": late}
        return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--size", type=int, default=150_000)
    chosen = parser.parse_args()
    table = measured(chosen.size, chosen.rounds)
    if chosen.json:
        print(json.dumps(table))
        return
    for name, row in table.items():
        cost = f"{name:28}{row['µs']:8.1f} µs{row['ratio']:8.2f} ± {row['spread']:.2f}"
        print(f"{cost}{row['rate']:9.0f}/s{row['p99']:8.1f} ms")


if __name__ == "__main__":
    main()
