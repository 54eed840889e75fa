"""Stability's REST API (v2beta) on loopback, as its OpenAPI document describes it: real HTTP, scripted faults, and a
ledger of every call that would be paid for.

    with StabilityRest(key="right") as upstream:
        upstream.url                      # http://127.0.0.1:PORT, for STABILITY_HOST

All else is as with the gRPC server (tests/upstream/__init__.py). Source: the service's OpenAPI document in copies of
2025 and 2026, read in November 2026. Sizes as they were seen (sd3.5-large 1:1, core 1:1 and 21:9); the others are made
up in their likeness, and none of core's is what the service asks of it.
"""

import hashlib
import io
import json
import re
import secrets
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import cast

from PIL import Image

from tests.upstream import pictures
from tests.upstream.faults import Faults
from tests.upstream.ledger import Call
from tests.upstream.over_http import Client, HttpUpstream, Request

RATIOS: Mapping[str, tuple[int, int]] = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "21:9": (1536, 640),
    "2:3": (832, 1216),
    "3:2": (1216, 832),
    "4:5": (896, 1088),
    "5:4": (1088, 896),
    "9:16": (768, 1344),
    "9:21": (640, 1536),
}
LARGER = {"1:1": (1536, 1536), "21:9": (2336, 992)}
MODELS = ("sd3.5-large", "sd3.5-large-turbo", "sd3.5-medium", "sd3.5-flash")
FIELDS = {"prompt", "negative_prompt", "aspect_ratio", "seed", "output_format", "style_preset", "none"}
ULTRA_FIELDS = FIELDS | {"image", "strength"}
SD3_FIELDS = ULTRA_FIELDS | {"model", "mode", "cfg_scale"}
CORE = "generate/core"
SERVICES: Mapping[str, set[str]] = {
    CORE: FIELDS,
    "generate/ultra": ULTRA_FIELDS,
    "generate/sd3": SD3_FIELDS,
    "upscale/fast": {"image", "output_format"},
}
STYLES = (
    *("3d-model", "analog-film", "anime", "cinematic", "comic-book", "digital-art", "enhance", "fantasy-art"),
    *("isometric", "line-art", "low-poly", "modeling-compound", "neon-punk", "origami", "photographic", "pixel-art"),
    "tile-texture",
)
CREDITS = 1250.5

# Refused before any work: status, name of the error, and the words, with what must never be shown in them.
REFUSALS: Mapping[str, tuple[int, str, str]] = {
    "unauthenticated": (401, "unauthorized", "Incorrect API key provided: sk-canary"),
    "permission_denied": (403, "permission_denied", "sk-canary has no permission to access this resource"),
    "invalid_prompt": (403, "content_moderation", "Your request was flagged by our content moderation system: canary"),
    "public_figure": (422, "public_figure", "Our system detected the likeness of a public figure in your image."),
    "invalid_argument": (400, "bad_request", "some-field: is required"),
    "language": (422, "invalid_language", "English is the only supported language for this service."),
    "too_large": (413, "payload_too_large", "body: payloads cannot be larger than 10MiB in size"),
    "not_found": (404, "not_found", "The specified engine was not found."),
    "teapot": (418, "teapot", "canary"),
    "out_of_credits": (402, "payment_required", "You lack sufficient credits: canary left"),
    "unpaid_name": (403, "payment_required", "You lack sufficient credits: canary left"),
    "rate_limited": (429, "rate_limit_exceeded", "You have exceeded the rate limit of 150 requests within 10 seconds"),
    "redirect": (302, "", ""),
    "no_name": (403, "", ""),
}
# After the work began: charged.
BREAKS: Mapping[str, tuple[int, str, str]] = {
    "internal": (500, "internal_error", "An unexpected server error has occurred, sk-canary"),
    "bad_gateway": (502, "", ""),
    "gateway_timeout": (504, "", ""),
    "unavailable": (503, "", ""),
}


@dataclass(frozen=True)
class Form:
    """A request as it came: the fields and files of its multipart body."""

    service: str
    fields: Mapping[str, str]
    accept: str
    authorization: str
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def engine(self) -> str:
        if self.service == "generate/sd3":
            return self.fields.get("model", "sd3.5-large")
        return "upscale-fast" if self.upscales else self.service.removeprefix("generate/")

    @property
    def upscales(self) -> bool:
        return self.service == "upscale/fast"

    @property
    def ratio(self) -> str:
        return self.fields.get("aspect_ratio", "1:1")

    @property
    def size(self) -> tuple[int, int]:
        """Of the picture that the service answers; in the mode image-to-image it has the shape of the one that came."""
        if self.upscales:
            width, height = self.sent_size
            return 4 * width, 4 * height
        if "mode" in self.fields and "image" in self.files:
            return self.sent_size
        width, height = RATIOS[self.ratio]
        return LARGER.get(self.ratio, (width * 3 // 2, height * 3 // 2)) if self.service == CORE else (width, height)

    @property
    def sent_size(self) -> tuple[int, int]:
        """Of the picture that came along."""
        with Image.open(io.BytesIO(self.files["image"])) as sent:
            return sent.size

    def wrong(self) -> str:
        """What the service would refuse, in its words; empty where the form is right."""
        known = SERVICES[self.service]
        allowed: Mapping[str, tuple[str, ...]] = {
            "aspect_ratio": tuple(RATIOS),
            "output_format": ("jpeg", "png", "webp"),
            "style_preset": STYLES,
            "model": MODELS,
            "mode": ("text-to-image", "image-to-image"),
        }
        if strange := sorted((self.fields.keys() | self.files.keys()) - known):
            return f"{strange[0]}: is not a field of this service"
        for name, values in allowed.items():
            if name in self.fields and self.fields[name] not in values:
                return f"{name}: must be one of {', '.join(values)}"
        if self.upscales:
            return self._wrong_to_upscale()
        if not 1 <= len(self.fields.get("prompt", "")) <= 10_000:
            return "prompt: must have 1 to 10000 characters"
        if not re.fullmatch(r"[0-9]+", self.fields.get("seed", "0")) or int(self.fields.get("seed", "0")) > 4294967294:
            return "seed: must be from 0 to 4294967294"
        if not 1 <= float(self.fields.get("cfg_scale", "4")) <= 10:
            return "cfg_scale: must be from 1 to 10"
        return self._wrong_start()

    def _wrong_to_upscale(self) -> str:
        if "image" not in self.files:
            return "image: is required"
        width, height = self.sent_size
        if not (min(width, height) >= 32 and max(width, height) <= 1536 and width * height <= 1_048_576):
            return "image: must have sides from 32 to 1536 and at most 1,048,576 pixels"
        return ""

    def _wrong_start(self) -> str:
        """What is wrong about the picture to start from."""
        if ("image" in self.files) != ("strength" in self.fields):
            return "strength: is required beside image, and allowed there only"
        if not 0 <= float(self.fields.get("strength", "0")) <= 1:
            return "strength: must be from 0 to 1"
        if self.service == "generate/sd3" and ("image" in self.files) != (self.fields.get("mode") == "image-to-image"):
            return "mode: must be image-to-image beside image"
        if self.fields.get("mode") == "image-to-image" and "aspect_ratio" in self.fields:
            return "aspect_ratio: is for the mode text-to-image only"
        return ""

    def call(self, known_key: str | None, seed: int) -> Call:
        """What the ledger says of it; the key itself is never written down. The API has no id for a request, so that
        the prompt stands for it."""
        prompt = self.fields.get("prompt", "")
        prompts = [(prompt, 1.0)] if prompt else []
        if "negative_prompt" in self.fields:
            prompts.append((self.fields["negative_prompt"], -1.0))
        return Call(
            at=time.time(),
            deadline=None,
            authorization={"": "none", f"Bearer {known_key}": "right"}.get(self.authorization, "wrong"),
            request_id=f"{prompt} {seed}",
            engine=self.engine,
            prompts=tuple(prompts),
            seeds=(seed,),
            samples=1,
            width=self.size[0],
            height=self.size[1],
            steps=0,
            cfg_scale=float(self.fields.get("cfg_scale", "0")),
            sampler=None,
            guidance=None,
            style=self.fields.get("style_preset"),
            extras=tuple(name for name in ("model", "mode", "none") if name in self.fields),
            init=hashlib.sha256(self.files["image"]).hexdigest() if "image" in self.files else None,
            start=float(self.fields["strength"]) if "strength" in self.fields else None,
        )


class StabilityRest(HttpUpstream):
    """The server, on a port that was free. With a `key`, it takes no other."""

    def __init__(
        self, ledger: Path | None = None, port: int = 0, key: str | None = None, *, repeats: bool = False
    ) -> None:
        super().__init__(ledger, port, repeats=repeats)
        self.key = key
        self.forms: list[Form] = []

    def answer(self, request: Request, client: Client) -> None:
        if request.method == "POST":
            return self._ask(request, client)
        faults = self.faults("")
        if refusal := faults.one_of(REFUSALS) or faults.one_of(BREAKS) or self._unauthorized(request):
            return _refuse(refusal, faults, request, client)
        if request.path == "/v1/user/balance":
            return client.send_json({"credits": CREDITS})
        return _refuse(REFUSALS["not_found"], faults, request, client)

    def _ask(self, request: Request, client: Client) -> None:
        service = request.path.removeprefix("/v2beta/stable-image/")
        fields, files = _fields(request.headers["content-type"], request.body)
        head = request.headers.get("accept", "*/*"), request.headers.get("authorization", "")
        form = Form(service, fields, *head, files)
        self.forms.append(form)
        faults = self.faults(fields.get("prompt", ""))
        refusal = faults.one_of(REFUSALS) or self._unauthorized(request)
        if service not in SERVICES:
            refusal = refusal or REFUSALS["not_found"]
        elif wrong := _wrong(form, request):
            refusal = refusal or (400, "bad_request", wrong)
        if refusal:
            return _refuse(refusal, faults, request, client)
        seed = int(fields.get("seed", "0")) or secrets.randbelow(4294967294)
        with self.accepted(form.call(self.key, seed)):
            return self._draw(form, seed, faults, request, client)

    def _unauthorized(self, request: Request) -> tuple[int, str, str] | None:
        right = self.key is None or request.headers.get("authorization") == f"Bearer {self.key}"
        return None if right else REFUSALS["unauthenticated"]

    def _draw(self, form: Form, seed: int, faults: Faults, request: Request, client: Client) -> None:
        if client.meet(faults):
            return None
        if broken := faults.one_of(BREAKS):
            return _refuse(broken, faults, request, client)
        picture = _file(form, seed, faults, self.call_name())
        if form.accept == "application/json":
            return client.send(_document(picture, seed, faults), content_type="application/json; type=image/png")
        return client.send(picture, 200, **_head(seed, faults))


def _wrong(form: Form, request: Request) -> str:
    if not request.headers["content-type"].startswith("multipart/form-data"):
        return "content-type: must be multipart/form-data"
    if form.accept not in ("image/*", "application/json"):
        return "accept: must be image/* or application/json"
    return form.wrong()


def _refuse(refusal: tuple[int, str, str], faults: Faults, request: Request, client: Client) -> None:
    status, name, words = refusal
    head = {"content_type": "application/json"}
    if "retry_after" in faults:
        head["retry_after"] = str(int(faults["retry_after"]))
    if status == 302:
        head["location"] = f"http://{request.headers['host']}/v1/user/balance"
    document = {"id": secrets.token_hex(16), "name": name, "errors": [words]}
    client.send(json.dumps(document).encode() if name else b"<html>canary</html>", status, **head)


def _fields(content_type: str, body: bytes) -> tuple[Mapping[str, str], Mapping[str, bytes]]:
    """The fields of a multipart body, and its files."""
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    if not message.is_multipart():
        return {}, {}
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for part in message.walk():
        if part.is_multipart():
            continue
        name = str(part.get_param("name", "", "content-disposition"))
        content = cast("bytes", part.get_payload(decode=True))
        if part.get_filename() is None:
            fields[name] = content.decode()
        else:
            files[name] = content
    return fields, files


def _head(seed: int, faults: Faults) -> Mapping[str, str]:
    if "no_headers" in faults:
        return {"content_type": "image/png"}
    reason = "CONTENT_FILTERED" if "filter" in faults else "ERROR" if "reason_error" in faults else "SUCCESS"
    echo = 0 if "seed_zero_echo" in faults else seed + ("wrong_seed" in faults)
    kind = "application/json; type=image/png" if "json" in faults else "image/png"
    return {"content_type": kind, "finish_reason": reason, "seed": str(echo), "x_request_id": secrets.token_hex(8)}


def _file(form: Form, seed: int, faults: Faults, call: str) -> bytes:
    if "empty" in faults:
        return b""
    if "json" in faults:
        return json.dumps({"image": "", "seed": seed, "finish_reason": "SUCCESS"}).encode()
    if "bomb" in faults:
        return pictures.bomb()
    what = f"{form.engine} {form.fields.get('prompt', '')} {seed}"
    size = (64, 64) if "wrong_size" in faults else form.size
    png = pictures.drawn(what, call, size, what, noise="noise" in faults)
    if "truncated" in faults:
        return png[: len(png) // 2]
    if "big" in faults:
        return pictures.padded(png, int(faults["big"] * 1_000_000))
    return png


def _document(png: bytes, seed: int, faults: Faults) -> bytes:
    reason = "CONTENT_FILTERED" if "filter" in faults else "SUCCESS"
    return json.dumps({"image": b64encode(png).decode(), "seed": seed, "finish_reason": reason}).encode()
