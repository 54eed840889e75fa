"""Hugging Face's hub as huggingface_hub 2.4 asks it for a model: what it has, and its files, in parts too.

with Hub(files) as hub:
    hub.url     # for HF_ENDPOINT
    hub.asked   # the path of each request, in order
"""

import hashlib
import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from tests.support.serving import Quiet, serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """`cut`: a file whose first answer ends in its middle. `token`: what a gated model wants."""

    def __init__(self, files: Mapping[str, bytes], cut: str = "", token: str = "") -> None:
        self.files = files
        self.cut = cut
        self.token = token
        self.asked: list[str] = []
        hub = self

        class Handler(Quiet, BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                hub.answer(self)

            def do_GET(self) -> None:
                hub.answer(self)

        self._serving = serving(Handler)

    def __enter__(self) -> Self:
        self.url = self._serving.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._serving.__exit__(kind, error, trace)

    def answer(self, call: BaseHTTPRequestHandler) -> None:
        path = unquote(urlsplit(call.path).path)
        self.asked.append(f"{call.command} {path}")
        if self.token and call.headers.get("authorization") != f"Bearer {self.token}":
            self._send(call, 401, b"{}", {"X-Error-Code": "GatedRepo"})
        elif path.startswith("/api/models/"):
            self._send(call, 200, self._about(path))
        elif f"/resolve/{COMMIT}/" in path and (name := path.partition(f"/resolve/{COMMIT}/")[2]) in self.files:
            self._file(call, name)
        else:
            self._send(call, 404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def _about(self, path: str) -> bytes:
        if "/tree/" in path:
            entries = [
                {
                    "type": "file",
                    "path": name,
                    "size": len(file),
                    "oid": hashlib.sha1(file, usedforsecurity=False).hexdigest(),
                }
                for name, file in self.files.items()
            ]
            return json.dumps(entries).encode()
        siblings = [{"rfilename": name, "size": len(file)} for name, file in self.files.items()]
        return json.dumps({"id": "a/model", "sha": COMMIT, "siblings": siblings, "tags": []}).encode()

    def _file(self, call: BaseHTTPRequestHandler, name: str) -> None:
        file = self.files[name]
        head = {"ETag": f'"{hashlib.sha1(file, usedforsecurity=False).hexdigest()}"', "X-Repo-Commit": COMMIT}
        first = int((call.headers.get("range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        if first:
            head["Content-Range"] = f"bytes {first}-{len(file) - 1}/{len(file)}"
        if name == self.cut and call.command == "GET":
            self.cut = ""
            self._send(call, 200, file[: len(file) // 2], {**head, "Content-Length": str(len(file))})
            call.close_connection = True
            return
        self._send(call, 206 if first else 200, file[first:], head)

    def _send(self, call: BaseHTTPRequestHandler, status: int, body: bytes, head: Mapping[str, str] = {}) -> None:
        call.send_response(status)
        for field, value in {"Content-Length": str(len(body)), **head}.items():
            call.send_header(field, value)
        call.end_headers()
        if call.command == "GET":
            call.wfile.write(body)
