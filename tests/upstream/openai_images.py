"""Servers with OpenAI's images API on loopback, and Hugging Face's beside it: real HTTP, scripted faults, and a ledger
of every call that would be paid for.

    with OpenAiImages("sd-cpp") as upstream:
        upstream.url                  # http://127.0.0.1:PORT/v1, for OPENAI_BASE_URL
        upstream.endpoint             # http://127.0.0.1:PORT/predict, for HF_INFERENCE_ENDPOINT
        upstream.bodies               # what was asked for, as it came

All else is as with the gRPC server (tests/upstream/__init__.py). Each kind is written from its documentation or, where
that says so, from what was measured on the real server in November 2026 (docs/generators.md):

    openai      refuses fields that it does not know; answers `b64_json`
    xai         refuses `size`; answers a URL unless asked otherwise; what is moderated is an empty list
    together    `response_format` is `base64`; width and height
    deepinfra   no seed
    localai     what stands behind `|` is the negative prompt; a seed of 32 bits with a sign
    sd-cpp      measured: a seed beside the prompt is ignored (42 holds), one in the tag is obeyed; a side becomes a
                multiple of 64; there is a text chunk in the file
    hf-serve    measured: 422 without a model, 400 without `response_format`, HEIGHTxWIDTH, the seed is dropped;
                Hugging Face's API: seed 0 is random, and 406 unless `Accept` is one media type
    vllm-omni   a seed beside the prompt
    sglang      the same; a URL unless asked otherwise, and seed 1024 unless one is sent
"""

import json
import re
import secrets
import select
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from tests.upstream import pictures
from tests.upstream.control import Control
from tests.upstream.faults import Faults
from tests.upstream.ledger import Call

# Refused before any work: status, and the error as OpenAI has it, with what must never be shown.
REFUSALS: Mapping[str, tuple[int, Mapping[str, str]]] = {
    "unauthenticated": (401, {"code": "invalid_api_key", "message": "Incorrect API key provided: sk-canary"}),
    "permission_denied": (403, {"code": "unsupported_country", "message": "canary is not supported"}),
    "rate_limited": (429, {"code": "rate_limit_exceeded", "message": "Rate limit reached for images per minute"}),
    "resource_exhausted": (429, {"code": "rate_limit_exceeded", "message": "Too many requests"}),
    "out_of_credits": (429, {"type": "insufficient_quota", "message": "You exceeded your current quota: canary"}),
    "invalid_prompt": (400, {"code": "moderation_blocked", "message": "Rejected by the safety system: canary"}),
    "invalid_argument": (400, {"code": "invalid_value", "message": "Invalid value: canary"}),
    "not_found": (404, {"code": "model_not_found", "message": "The model does not exist: canary"}),
    "overloaded": (503, {"code": "server_overloaded", "message": "The engine is currently overloaded"}),
    "redirected": (307, {}),
}
BREAKS: Mapping[str, tuple[int, Mapping[str, str]]] = {
    "internal": (500, {"message": "The server had an error: sk-canary"}),
    "unavailable": (503, {}),
    "deadline": (504, {}),
}
OPENAI_FIELDS = {"model", "prompt", "n", "size", "quality", "background", "moderation", "output_format"}
SHAPES = {"1:1": (1024, 1024), "16:9": (1408, 768), "3:2": (1248, 832), "2:3": (832, 1248)}  # made up in xAI's likeness


@dataclass(frozen=True)
class Asked:
    """What a server takes a request for."""

    prompt: str
    negative: str = ""
    seed: int = 0
    size: tuple[int, int] = (1024, 1024)
    steps: int = 0
    cfg_scale: float = 0.0
    engine: str = ""

    def call(self, authorization: str) -> Call:
        """What the ledger says of it. The API has no id for a request, so that prompt and seed stand for it."""
        prompts = [(self.prompt, 1.0), *([(self.negative, -1.0)] if self.negative else [])]
        return Call(
            at=time.time(),
            deadline=None,
            authorization=authorization,
            request_id=f"{self.prompt} {self.seed}",
            engine=self.engine,
            prompts=tuple(prompts),
            seeds=(self.seed,),
            samples=1,
            width=self.size[0],
            height=self.size[1],
            steps=self.steps,
            cfg_scale=self.cfg_scale,
            sampler=None,
            guidance=None,
            style=None,
        )


class Refused(Exception):
    """A request that the server does not take: status and body."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.status, self.body = status, body


def understood(kind: str, body: Mapping[str, Any]) -> Asked:
    """A request as that kind of server understands it. Raises `Refused`."""
    prompt = str(body.get("prompt", ""))
    if kind == "openai" and (strange := sorted(body.keys() - OPENAI_FIELDS)):
        raise Refused(400, {"error": {"code": "unknown_parameter", "message": f"Unknown parameter: {strange[0]}"}})
    if kind == "xai" and "size" in body:
        raise Refused(400, {"code": "invalid argument", "error": "Argument not supported: size"})
    if kind == "hf-serve" and "model" not in body:
        raise Refused(422, {"detail": [{"loc": ["body", "model"], "msg": "Field required"}], "body": dict(body)})
    if kind == "hf-serve" and body.get("response_format") != "b64_json":
        raise Refused(400, {"detail": "response_format url is not supported"})
    asked: dict[str, Any] = {
        "prompt": prompt,
        "negative": body.get("negative_prompt", ""),
        "seed": body.get("seed", 1024 if kind == "sglang" else secrets.randbelow(1 << 31)),
        "size": _size(kind, body),
        "steps": body.get("num_inference_steps", body.get("steps", body.get("step", 0))),
        "cfg_scale": body.get("guidance_scale", 0.0),
        "engine": body.get("model", ""),
    }
    if kind == "localai":
        asked["prompt"], _, asked["negative"] = prompt.partition("|")
        assert -(1 << 31) <= asked["seed"] < 1 << 31, "the seed has 32 bits"
    if kind in ("hf-serve", "deepinfra", "openai", "xai"):
        asked["seed"] = secrets.randbelow(1 << 31)
    return Asked(**(asked | _tagged(prompt) if kind == "sd-cpp" else asked))


def _size(kind: str, body: Mapping[str, Any]) -> tuple[int, int]:
    if "aspect_ratio" in body:
        return SHAPES[body["aspect_ratio"]]
    if "width" in body:
        return body["width"], body["height"]
    first, _, second = body.get("size", "1024x1024").partition("x")
    if kind == "hf-serve":
        return int(second), int(first)
    return (int(first), int(second)) if kind != "sd-cpp" else (-(-int(first) // 64) * 64, -(-int(second) // 64) * 64)


def _tagged(prompt: str) -> dict[str, Any]:
    """What sd-server reads out of a prompt: the first tag holds, and all are taken out."""
    pattern = "<sd_cpp_extra_args>(.*?)</sd_cpp_extra_args>"
    found = re.search(pattern, prompt)
    said = json.loads(found[1]) if found else {}
    sample = said.get("sample_params", {})
    settings = {"seed": said.get("seed", 42), "negative": said.get("negative_prompt", "")}
    settings |= {"prompt": re.sub(pattern, "", prompt), "steps": sample.get("sample_steps", 2)}
    settings |= {"cfg_scale": sample.get("guidance", {}).get("txt_cfg", 1.0)}
    return settings | ({"size": (said["width"], said["height"])} if "width" in said else {})


def inferred(body: Mapping[str, Any], engine: str) -> Asked:
    """A request of Hugging Face's API as hf-serve understands it: seed 0 is random."""
    said = body.get("parameters", {})
    return Asked(
        prompt=body["inputs"],
        negative=said.get("negative_prompt", ""),
        seed=said.get("seed", 0) or secrets.randbelow(1 << 31),
        size=(said.get("width", 512), said.get("height", 512)),
        steps=said.get("num_inference_steps", 0),
        cfg_scale=said.get("guidance_scale", 0.0),
        engine=engine,
    )


class OpenAiImages(Control):
    """A server on 127.0.0.1 in threads of this process, at a port that was free."""

    def __init__(
        self, kind: str = "openai", ledger: Path | None = None, key: str | None = None, *, repeats: bool = False
    ) -> None:
        super().__init__(ledger, repeats=repeats)
        self.kind = kind
        self.key = key
        self.bodies: list[dict[str, Any]] = []
        self.fetched: list[str] = []
        self.files: dict[str, bytes] = {}
        self.elsewhere = ""  # the base of URLs that are not at this server
        self.models: Any = {"data": [{"id": "gpt-image-2"}, {"id": None}]}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.upstream = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.port: int = self._server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}/v1"
        self.endpoint = f"http://{self.host}/predict"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        self._server.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._folder.cleanup()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 512
    upstream: OpenAiImages

    def __init__(self, *arguments: Any) -> None:
        self.stopping = threading.Event()
        super().__init__(*arguments)


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Says nothing."""

    @property
    def _upstream(self) -> OpenAiImages:
        return cast("_Server", self.server).upstream

    def do_GET(self) -> None:
        upstream = self._upstream
        if self.path == "/v1/models":
            right = upstream.key is None or self.headers.get("Authorization") == f"Bearer {upstream.key}"
            self._json(200 if right else 401, upstream.models)
        elif self.path in upstream.files:
            upstream.fetched.append(self.path)
            assert "Authorization" not in self.headers, "the key went along"
            self._send(200, {"Content-Type": "image/png"}, upstream.files[self.path])
        else:
            self._send(404, {}, b"canary")

    def do_POST(self) -> None:
        upstream = self._upstream
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        upstream.bodies.append(body)
        raw = not self.path.endswith("/images/generations")
        faults = upstream.faults(str(body.get("inputs" if raw else "prompt", "")))
        sent = self.headers.get("Authorization")
        authorization = {None: "none", f"Bearer {upstream.key}": "right"}.get(sent, "wrong")
        refusal = _one_of(REFUSALS, faults)
        if upstream.key and authorization != "right":
            refusal = REFUSALS["unauthenticated"]
        if "loading" in faults:
            return self._json(503, {"error": "Model is currently loading", "estimated_time": faults["loading"]})
        if refusal:
            return self._refuse(refusal, faults)
        if raw and self.headers.get("Accept") not in ("image/png", "image/jpeg", "image/webp"):
            return self._json(406, {"detail": "Accept must be one of image/png, image/jpeg, image/webp"})
        try:
            asked = inferred(body, self.path) if raw else understood(upstream.kind, body)
        except Refused as refused:
            return self._json(refused.status, refused.body)
        with upstream.accepted(asked.call(authorization)):
            return self._answer(asked, body, faults, raw=raw)

    def _answer(self, asked: Asked, body: Mapping[str, Any], faults: Faults, *, raw: bool) -> None:
        upstream = self._upstream
        if "hang" in faults:
            return self._wait_until_gone()
        if "slow" in faults:
            cast("_Server", self.server).stopping.wait(faults["slow"])
        if "reset" in faults:
            return self._break_off()
        if broken := _one_of(BREAKS, faults):
            return self._refuse(broken, faults)
        if "html" in faults:
            return self._send(200, {"Content-Type": "text/html"}, b"<!doctype html><title>502</title>" + b"x" * 2000)
        if "endless" in faults:
            return self._pour()
        file = _file(asked, faults, upstream.call_name())
        whole = file if raw else json.dumps(self._document(asked, body, faults, file)).encode()
        if "hang_mid" in faults:
            self._send(200, {"Content-Length": str(len(whole))}, whole[:100])
            return self._wait_until_gone()
        return self._send(200, {"Content-Type": "image/png" if raw else "application/json"}, whole)

    def _document(self, asked: Asked, body: Mapping[str, Any], faults: Faults, file: bytes) -> Any:
        kind = self._upstream.kind
        if "no_picture" in faults:
            return {"created": 1, "data": [{}]}
        if "filter" in faults:
            return {"data": [] if kind == "xai" else [{"b64_json": "", "respect_moderation": False}]}
        wanted = body.get("response_format", "url" if kind in ("xai", "together", "localai", "sglang") else "b64_json")
        if wanted == "url" or "url" in faults:
            return {"created": 1, "data": [{"url": self._url(faults, file), "revised_prompt": "canary"}]}
        data: dict[str, Any] = {"b64_json": b64encode(file).decode(), "revised_prompt": "canary"}
        if "wrong_seed" in faults:
            data["seed"] = asked.seed + 1
        return {"created": 1, "data": [data]}

    def _url(self, faults: Faults, file: bytes) -> str:
        upstream = self._upstream
        path = f"/generated-images/{secrets.token_hex(4)}.png"
        if "lost" not in faults:
            upstream.files[path] = file
        base = upstream.elsewhere if "elsewhere" in faults else f"http://{upstream.host}"
        if "private" in faults:
            base = "http://169.254.169.254"
        return f"{base}{path}"

    def _refuse(self, refusal: tuple[int, Mapping[str, str]], faults: Faults) -> None:
        status, error = refusal
        head = {"Location": f"http://{self.headers['Host']}/canary"} if status == 307 else {}
        if "retry_after" in faults:
            head["Retry-After"] = str(int(faults["retry_after"]))
        self._send(status, head, json.dumps({"error": error}).encode() if error else b"<html>canary</html>")

    def _json(self, status: int, document: Any) -> None:
        self._send(status, {"Content-Type": "application/json"}, json.dumps(document).encode())

    def _send(self, status: int, head: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **head}.items():
            self.send_header(name, value)
        self.end_headers()
        self._write(body)

    def _write(self, body: bytes) -> bool:
        try:
            self.wfile.write(body)
            self.wfile.flush()
        except OSError:  # the client has left
            return False
        return True

    def _pour(self) -> None:
        """2 GB and more, as long as somebody reads."""
        self.send_response(200)
        self.end_headers()
        while not cast("_Server", self.server).stopping.is_set() and self._write(b" " * 1_000_000):
            pass

    def _break_off(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()

    def _wait_until_gone(self) -> None:
        while not cast("_Server", self.server).stopping.is_set():
            if select.select([self.connection], [], [], 0.05)[0]:
                return


def _one_of(table: Mapping[str, tuple[int, Mapping[str, str]]], faults: Faults) -> tuple[int, Mapping[str, str]] | None:
    return next((row for name, row in table.items() if name in faults), None)


def _file(asked: Asked, faults: Faults, call: str) -> bytes:
    if "empty" in faults:
        return b""
    if "bomb" in faults:
        return pictures.bomb()
    what = f"{asked.engine} {asked.prompt} {asked.negative} {asked.seed} {asked.steps}"
    size = (64, 64) if "wrong_size" in faults else asked.size
    png = pictures.drawn(what, call, size, f"parameters: {what}", noise="noise" in faults)
    if "truncated" in faults:
        return png[: len(png) // 2]
    return pictures.padded(png, int(faults["big"] * 1_000_000)) if "big" in faults else png
