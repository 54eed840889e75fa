"""Buckets for the tests: moto as a process, plain or over TLS, and what may stand in the way of a bucket.

`fake_s3` has services that refuse.
"""

import contextlib
import http.client
import os
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme

from promptcdn.stores.s3.buckets import Bucket
from tests.support.ports import free_port

MOTO = str(Path(sys.executable).with_name("moto_server"))
BUCKET = "pictures"


@dataclass(frozen=True)
class Service:
    """An S3 service with one bucket; `environment` is how processes reach it."""

    port: int
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None


def environment(endpoint: str, authority: Path | None = None) -> dict[str, str]:
    """The `AWS_…` variables of a service on loopback."""
    return {
        "AWS_ACCESS_KEY_ID": "an-id",
        "AWS_SECRET_ACCESS_KEY": "canary-aws",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_S3": endpoint,
        **({"AWS_CA_BUNDLE": str(authority)} if authority else {}),
    }


@contextlib.contextmanager
def moto(folder: Path, *, tls: bool = False, port: int = 0) -> Iterator[Service]:
    """A moto server with the bucket `pictures`, which is empty whatever was there before; on a free port by default."""
    port = port or free_port()
    command = [MOTO, "-H", "127.0.0.1", "-p", str(port)]
    authority = None
    if tls:
        authority = folder / "authority.pem"
        command += _certificate(folder, authority)
    with (folder / "moto.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            _create_bucket(port, authority)
            scheme = "https" if tls else "http"
            yield Service(port, environment(f"{scheme}://127.0.0.1:{port}", authority), process)
        finally:
            process.kill()
            process.wait()


def _certificate(folder: Path, authority: Path) -> list[str]:
    made = trustme.CA()
    issued = made.issue_cert("localhost", "127.0.0.1")
    made.cert_pem.write_to_path(str(authority))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(folder / "chain.pem"))
    return ["--ssl", "--ssl-cert", str(folder / "chain.pem"), "--ssl-key", str(folder / "key.pem")]


def _create_bucket(port: int, authority: Path | None) -> None:
    """As soon as the server answers."""
    deadline = time.monotonic() + 30
    while True:
        context = ssl.create_default_context(cafile=str(authority)) if authority else None
        connection = (
            http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
            if context
            else http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        )
        try:
            connection.request("PUT", f"/{BUCKET}")
            assert connection.getresponse().status == 200
        except OSError:
            assert time.monotonic() < deadline, "moto does not answer"
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()


def stored(service: Service, prefix: str) -> Counter[str]:
    """How many objects each folder of a store in the bucket has."""
    with reached(service.environment):
        bucket = Bucket.parse(f"s3://{BUCKET}/{prefix}")
        counted = Counter(key.partition("/")[0] for key, _ in bucket.listed())
        bucket.close()
    return counted


@dataclass(frozen=True)
class Page:
    """What is answered instead of a bucket."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


XHTML = b'<?xml version="1.0"?><html><head><title>Back soon</title></head><body><p>Maintenance</p></body></html>'
# What stands in the way of a bucket, and answers everything alike.
PAGES = {
    "ingress 404": Page(404, b"404 page not found\n", (("content-type", "text/plain"),)),
    "html 404": Page(404, b"<html><body><h1>Not Found<br></h1></body></html>", (("content-type", "text/html"),)),
    "xhtml 404": Page(404, XHTML, (("content-type", "text/html"),)),
    "maintenance 200": Page(200, b"<!doctype html><p>Back soon", (("content-type", "text/html"),)),
    "static 200": Page(200, XHTML, (("content-type", "text/html"), ("etag", '"5f3c-61a"'))),
    "empty 200": Page(200),
    "empty 204": Page(204),
    "moved 301": Page(301, b"<html>", (("location", "http://127.0.0.1:9/login"),)),
    "moved 307": Page(307, b"", (("location", "http://127.0.0.1:9/login"),)),
    "forbidden 403": Page(403, b"<html>Forbidden<br></html>"),
    "condition 412": Page(412, b"no"),
}


class Ingress(ThreadingHTTPServer):
    """The way to a bucket on which somebody else answers, while `page` is set, every request that is `meant`.

    `changed` gets path and body of each answer to a GET of an object, and gives the body that is sent on; `before` is
    called before a request is passed on. `asked` is each request, `paged` those that the page answered.
    """

    daemon_threads = True
    request_queue_size = 100

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _OnTheWay)
        self.service_port = port
        self.page: Page | None = None
        self.meant: Callable[[str, str], bool] = lambda _method, _path: True
        self.changed: Callable[[str, bytes], bytes] = lambda _path, body: body
        self.before: Callable[[str, str], None] = lambda _method, _path: None
        self.asked: list[tuple[str, str]] = []
        self.paged: list[tuple[str, str]] = []
        self.environment = environment(f"http://127.0.0.1:{self.server_address[1]}")


class _OnTheWay(BaseHTTPRequestHandler):
    server: Ingress
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        way, asked = self.server, (self.command, self.path)
        way.asked.append(asked)
        sent = self.rfile.read(int(self.headers.get("content-length", 0)))
        if way.page is not None and way.meant(*asked):
            way.paged.append(asked)
            self._send(way.page.status, way.page.body, way.page.headers)
            return
        way.before(*asked)
        connection = http.client.HTTPConnection("127.0.0.1", way.service_port, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("connection", "expect")}
        connection.request(self.command, self.path, sent, headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if self.command == "GET" and "?" not in self.path and answer.status < 300:
            body = way.changed(self.path, body)
        dropped = ("connection", "content-length", "transfer-encoding", "date", "server")
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in dropped]
        self._send(answer.status, body, kept)

    do_HEAD = do_PUT = do_DELETE = do_POST = do_GET  # noqa: N815 - the server's own names

    def _send(self, status: int, body: bytes, headers: Iterable[tuple[str, str]]) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextlib.contextmanager
def ingress(service: Service) -> Iterator[Ingress]:
    """The way to a plain service, open."""
    with Ingress(service.port) as way:
        thread = threading.Thread(target=way.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield way
        finally:
            way.shutdown()
            thread.join()


@contextlib.contextmanager
def reached(variables: dict[str, str]) -> Iterator[None]:
    """This process with the `AWS_…` variables of a service."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
