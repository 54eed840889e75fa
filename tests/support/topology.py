"""compose.yaml without containers: what its services run, as processes on loopback, set up by its own values."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import yaml

from tests.support import buckets
from tests.support.caches import Nginx
from tests.support.ports import free_port, is_open
from tests.support.service import PROMPTCDN, Promptcdn, wait_until_ready
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
REPLICAS = ("promptcdn-a", "promptcdn-b")
READY_SECONDS = 30
TOKEN = "canary-of-the-operator"  # noqa: S105
# The store that compose.yaml names; ./scripts/compose-test installs it. Without it moto is the bucket.
WEED = shutil.which("weed", path=f"{Path(PROMPTCDN).parent}:{os.environ['PATH']}")

Mapping = dict[str, Any]


def compose(**said: str) -> Mapping:
    """The file with what `.env` would say, the needed secrets at least."""
    values = {"S3_SECRET": "canary-aws", "PROMPTCDN_ADMIN_TOKEN": TOKEN} | said
    filled: Mapping = _filled(yaml.safe_load((ROOT / "compose.yaml").read_text()), values)
    for service in filled["services"].values():
        if service.get("env_file") == [{"path": ".env", "required": False}]:
            service["environment"] = values | service["environment"]
    return filled


def _filled(part: Any, said: dict[str, str]) -> Any:
    """`${NAME:-default}` and `${NAME:?complaint}` as docker compose fills them in: after the file was read.

    A default may be of the same form: the innermost is filled in first.
    """
    if isinstance(part, dict):
        return {name: _filled(value, said) for name, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, said) for value in part]
    if not isinstance(part, str):
        return part

    def value(match: re.Match[str]) -> str:
        name, operator, text = match.groups()
        assert said.get(name) or operator == ":-", f"{name}: {text}"
        return said.get(name) or text

    while (filled := re.sub(r"\$\{(\w+)(:[-?])([^${}]*)\}", value, part)) != part:
        part = filled
    return part


@contextlib.contextmanager
def running(folder: Path, **said: str) -> Iterator[tuple[Nginx, list[Promptcdn]]]:
    """nginx, and the replicas behind it. The names by which they find each other are places on loopback."""
    services = compose(**said)["services"]
    with contextlib.ExitStack() as stack:
        places = {
            services["promptcdn-a"]["environment"]["AWS_ENDPOINT_URL_S3"]: stack.enter_context(
                _store(folder, services["seaweedfs"])
            ),
            "172.28.0.0/24": "127.0.0.1",
        }
        places["redis://redis:6379"] = stack.enter_context(_redis(folder, services["redis"]))
        replicas = [
            stack.enter_context(Promptcdn(folder / name, **_environment(services[name], places, folder)))
            for name in REPLICAS
        ]
        # Until the replicas have told a new Redis what they have spent it grants nothing.
        wait_until_ready(*replicas)
        site = _site(folder, [replica.url.removeprefix("http://") for replica in replicas])
        yield stack.enter_context(Nginx(folder / "nginx", "ORIGIN", site=site)), replicas


def _environment(service: Mapping, places: dict[str, str], folder: Path) -> Mapping:
    values = {name: str(value) for name, value in service["environment"].items()}
    for place, ours in places.items():
        values = {name: value.replace(place, ours) for name, value in values.items()}
    return values | {"PROMPTCDN_DATA_DIR": folder / "data"}


def shipped_site() -> str:
    """What nginx reads in the container: its command is run on the file that is mounted."""
    script = compose()["services"]["nginx"]["command"][2]
    sed, _, _ = script.replace("/etc/promptcdn/nginx.conf", "docs/caches/nginx.conf").partition(">")
    return subprocess.run(["sh", "-c", sed], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def _site(folder: Path, origins: list[str]) -> str:
    real_ip = compose()["configs"]["real-ip"]["content"].replace("172.28.0.1", "127.0.0.1")
    site = shipped_site().replace("listen 80;", "listen LISTEN;").replace("/var/cache/promptcdn", f"{folder}/cache")
    for name, origin in zip(REPLICAS, origins, strict=True):
        site = site.replace(f"{name}:8080", origin)
    return f"# ORIGIN\n{real_ip}{site}"


@contextlib.contextmanager
def _store(folder: Path, service: Mapping) -> Iterator[str]:
    if WEED is None:
        with buckets.moto(folder) as bucket:
            yield bucket.environment["AWS_ENDPOINT_URL_S3"]
        return
    ports = {name: free_port() for name in ("master", "volume", "filer", "s3")}
    grpc = {f"{name}.port.grpc": free_port() for name in ports}
    ours = [f"-{name}.port={port}" for name, port in ports.items()] + [f"-{name}={port}" for name, port in grpc.items()]
    (folder / "weed").mkdir()
    places = {"-dir=/data": f"-dir={folder}/weed", "-ip.bind=0.0.0.0": "-ip.bind=127.0.0.1"}
    command = [WEED, *(places.get(part, part) for part in service["command"]), *ours]
    healthy = service["healthcheck"]["test"][-1].replace(":8888/", f":{ports['filer']}/")
    with _process(folder / "weed.log", command, service["environment"]):
        until(lambda: is_open(ports["filer"]) and httpx2.get(healthy).status_code == 200)
        yield f"http://127.0.0.1:{ports['s3']}"


@contextlib.contextmanager
def _redis(folder: Path, service: Mapping) -> Iterator[str]:
    port = free_port()
    with _process(folder / "redis.log", [*service["command"], "--port", str(port), "--dir", str(folder)], {}):
        until(lambda: is_open(port))
        yield f"redis://127.0.0.1:{port}"


@contextlib.contextmanager
def _process(log: Path, command: list[str], variables: Mapping) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=os.environ | variables, stdout=output, stderr=output)
        try:
            yield
        finally:
            process.terminate()
            process.wait(READY_SECONDS)
