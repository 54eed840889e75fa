"""Caches in front of a service: real nginx and Varnish that run the files of docs/caches as they are shipped, and a
model of CloudFront.

with Nginx(folder, origin.address) as front:
    front.get("/?prompt=a&seed=1", accept="image/*")
    front.get_together(*["/?prompt=a&seed=2"] * 50)
"""

import grp
import os
import pwd
import re
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from tests.support.ports import free_port, is_open
from tests.support.service import get_together

CACHES = Path(__file__).parents[2] / "docs" / "caches"
READY_SECONDS = 30

# What stands around the shipped file: a folder of its own for everything, and the user who runs the tests.
# With the default of 512 connections requests that pile up on a busy machine are closed without an answer.
NGINX_MAIN = """
daemon off;
user USER GROUP;
worker_processes 2;
pid FOLDER/pid;
error_log FOLDER/error.log;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    include FOLDER/site.conf;
}
"""


class CacheServer:
    """A process on a free port of 127.0.0.1. Ended by its own process id when the block ends."""

    def __init__(self, folder: Path, port: int, *command: object) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._folder = folder
        self._port = port
        self._command = [str(part) for part in command]

    def __enter__(self) -> Self:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        self._wait_until_it_listens()
        self.client = httpx2.Client(base_url=self.url, timeout=60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self._process.terminate()
        self._process.wait(READY_SECONDS)

    def get(self, target: str, **headers: str) -> httpx2.Response:
        """The answer to GET."""
        return self.client.get(target, headers=headers)

    def get_together(self, *targets: str) -> list[httpx2.Response]:
        """The answers to all of `targets`, asked at the same time over connections of their own."""
        return get_together(self.url, *targets)

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if is_open(self._port):
                return
            time.sleep(0.02)
        self._process.kill()
        raise AssertionError((self._folder / "log").read_text())


class Nginx(CacheServer):
    """nginx with `docs/caches/nginx.conf` in front of `origins`; or with `site`, which says LISTEN and ORIGIN.

    `times` are directives of the file that would take too long, and what stands there instead.
    """

    def __init__(
        self, folder: Path, *origins: str, site: str | None = None, times: dict[str, str] | None = None
    ) -> None:
        folder.mkdir()
        port = free_port()
        listen = f"127.0.0.1:{port}"
        if site is None:
            shipped = (CACHES / "nginx.conf").read_text()
            (server,) = re.findall(r"server 127\.0\.0\.1:8080.*;", shipped)
            servers = " ".join(server.replace("127.0.0.1:8080", origin) for origin in origins)
            ours = {"listen 80;": f"listen {listen};", server: servers, "/var/cache/promptcdn": f"{folder}/cache"}
            site = _with(shipped, ours | (times or {}))
        else:
            site = _with(site, {"LISTEN": listen, "ORIGIN": origins[0]})
        user = pwd.getpwuid(os.getuid())
        names = {"USER": user.pw_name, "GROUP": grp.getgrgid(user.pw_gid).gr_name}
        (folder / "site.conf").write_text(site)
        (folder / "nginx.conf").write_text(_with(NGINX_MAIN, names).replace("FOLDER", str(folder)))
        super().__init__(folder, port, _command("nginx"), "-c", folder / "nginx.conf", "-e", folder / "error.log")


class Varnish(CacheServer):
    """Varnish with `docs/caches/varnish.vcl` in front of `origin`."""

    def __init__(self, folder: Path, origin: str) -> None:
        folder.mkdir()
        port = free_port()
        host, _, origin_port = origin.partition(":")
        ours = {'.host = "127.0.0.1";': f'.host = "{host}";', '.port = "8080";': f'.port = "{origin_port}";'}
        (folder / "site.vcl").write_text(_with((CACHES / "varnish.vcl").read_text(), ours))
        place = ["-a", f"127.0.0.1:{port}", "-n", folder / "varnish", "-f", folder / "site.vcl"]
        super().__init__(folder, port, _command("varnishd"), "-F", "-j", "none", "-s", "malloc,64m", *place)

    def logged(self, tag: str) -> list[str]:
        """The records of one kind so far, like `TTL`."""
        place = ["-n", str(self._folder / "varnish"), "-d", "-g", "raw", "-i", tag]
        ended = subprocess.run([_command("varnishlog"), *place], check=True, capture_output=True, text=True)
        return ended.stdout.splitlines()


class CloudFront(CacheServer):
    """`cloudfront.mjs`, which plays CloudFront with `terraform/aws/viewer.js`, in front of `origin`."""

    def __init__(self, folder: Path, origin: str) -> None:
        folder.mkdir()
        port = free_port()
        viewer = CACHES.parents[1] / "terraform" / "aws" / "viewer.js"
        super().__init__(
            folder, port, _command("node"), Path(__file__).with_name("cloudfront.mjs"), port, origin, viewer
        )


def _with(shipped: str, replaced: dict[str, str]) -> str:
    """`shipped` with other addresses and folders, and else as it is: each must be there once."""
    for text, other in replaced.items():
        assert shipped.count(text) == 1, text
        shipped = shipped.replace(text, other)
    return shipped


def _command(name: str) -> str:
    # Debian keeps these where only root's PATH looks.
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, f"{name} is missing: ./scripts/test installs it"
    return found
