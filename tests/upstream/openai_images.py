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
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.upstream import pictures
from tests.upstream.faults import Faults
from tests.upstream.ledger import Call
from tests.upstream.over_http import Client, HttpUpstream, Request

# Refused before any work: status, and the error as OpenAI has it, with what must never be shown.
REFUSALS: Mapping[str, tuple[int, Mapping[str, str] | str]] = {
    "unauthenticated": (401, {"code": "invalid_api_key", "message": "Incorrect API key provided: sk-canary"}),
    "permission_denied": (403, {"code": "unsupported_country", "message": "canary is not supported"}),
    "rate_limited": (429, {"code": "rate_limit_exceeded", "message": "Rate limit reached for images per minute"}),
    "resource_exhausted": (429, {"code": "rate_limit_exceeded", "message": "Too many requests"}),
    "out_of_credits": (429, {"type": "insufficient_quota", "message": "You exceeded your current quota: canary"}),
    "invalid_prompt": (400, {"code": "moderation_blocked", "message": "Rejected by the safety system: canary"}),
    "invalid_argument": (400, {"code": "invalid_value", "message": "Invalid value: canary"}),
    "not_found": (404, {"code": "model_not_found", "message": "The model does not exist: canary"}),
    # Hugging Face's, whose errors are a text.
    "no_credits": (402, "You have exceeded your monthly included credits for Inference Providers: canary"),
    "overloaded": (503, {"code": "server_overloaded", "message": "The engine is currently overloaded"}),
    "redirect": (307, {}),
}
BREAKS: Mapping[str, tuple[int, Mapping[str, str] | str]] = {
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


class OpenAiImages(HttpUpstream):
    """A server of that kind, on a port that was free. With a `key`, it takes no other."""

    def __init__(
        self,
        kind: str = "openai",
        ledger: Path | None = None,
        key: str | None = None,
        port: int = 0,
        *,
        repeats: bool = False,
    ) -> None:
        super().__init__(ledger, port, repeats=repeats)
        self.kind = kind
        self.key = key
        self.fetched: list[str] = []
        self.files: dict[str, bytes] = {}
        self.elsewhere = ""  # the base of URLs that are not at this server
        self.models: Any = {"data": [{"id": "gpt-image-2"}, {"id": None}]}
        self.url = f"http://{self.host}/v1"
        self.endpoint = f"http://{self.host}/predict"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What pictures were asked for with."""
        return [request.json for request in self.requests if request.method == "POST"]

    def answer(self, request: Request, client: Client) -> None:
        if request.method == "POST":
            self._ask(request, client)
        elif request.path == "/v1/models":
            right = self.key is None or self._authorization(request) == "right"
            client.send_json(self.models, 200 if right else 401)
        elif request.path in self.files:
            self.fetched.append(request.path)
            assert "authorization" not in request.headers, "the key went along"
            client.send(self.files[request.path], content_type="image/png")
        else:
            client.send(b"canary", 404)

    def _authorization(self, request: Request) -> str:
        sent = request.headers.get("authorization")
        return {None: "none", f"Bearer {self.key}": "right"}.get(sent, "wrong")

    def _ask(self, request: Request, client: Client) -> None:
        raw = not request.path.endswith("/images/generations")
        faults = self.faults(str(request.json.get("inputs" if raw else "prompt", "")))
        authorization = self._authorization(request)
        refusal = faults.one_of(REFUSALS)
        if self.key and authorization != "right":
            refusal = REFUSALS["unauthenticated"]
        if "loading" in faults:
            waiting = {"error": "Model is currently loading", "estimated_time": faults["loading"]}
            return client.send_json(waiting, 503)
        if refusal:
            return _refuse(refusal, faults, request, client)
        if raw and request.headers.get("accept") not in ("image/png", "image/jpeg", "image/webp"):
            return client.send_json({"detail": "Accept must be one of image/png, image/jpeg, image/webp"}, 406)
        try:
            asked = inferred(request.json, request.path) if raw else understood(self.kind, request.json)
        except Refused as refused:
            return client.send_json(refused.body, refused.status)
        with self.accepted(asked.call(authorization)):
            return self._draw(asked, request, faults, client, raw=raw)

    def _draw(self, asked: Asked, request: Request, faults: Faults, client: Client, *, raw: bool) -> None:
        if client.meet(faults):
            return None
        if broken := faults.one_of(BREAKS):
            return _refuse(broken, faults, request, client)
        file = _file(asked, faults, self.call_name())
        if raw:
            return client.send(file, content_type="image/png")
        return client.send_json(self._document(asked, request.json, faults, file))

    def _document(self, asked: Asked, body: Mapping[str, Any], faults: Faults, file: bytes) -> Any:
        if "no_picture" in faults:
            return {"created": 1, "data": [{}]}
        if "filter" in faults:
            return {"data": [] if self.kind == "xai" else [{"b64_json": "", "respect_moderation": False}]}
        by_url = self.kind in ("xai", "together", "localai", "sglang")
        if "url" in faults or body.get("response_format", "url" if by_url else "b64_json") == "url":
            return {"created": 1, "data": [{"url": self._url(faults, file), "revised_prompt": "canary"}]}
        data: dict[str, Any] = {"b64_json": b64encode(file).decode(), "revised_prompt": "canary"}
        if "wrong_seed" in faults:
            data["seed"] = asked.seed + 1
        return {"created": 1, "data": [data]}

    def _url(self, faults: Faults, file: bytes) -> str:
        path = f"/generated-images/{secrets.token_hex(4)}.png"
        if "lost" not in faults:
            self.files[path] = file
        base = self.elsewhere if "elsewhere" in faults else f"http://{self.host}"
        if "private" in faults:
            base = "http://169.254.169.254"
        return f"{base}{path}"


def _refuse(refusal: tuple[int, Mapping[str, str] | str], faults: Faults, request: Request, client: Client) -> None:
    status, error = refusal
    head = {"location": f"http://{request.headers['host']}/canary"} if status == 307 else {}
    if "retry_after" in faults:
        head["retry_after"] = str(int(faults["retry_after"]))
    client.send(json.dumps({"error": error}).encode() if error else b"<html>canary</html>", status, **head)


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
