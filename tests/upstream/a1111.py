"""AUTOMATIC1111's image API on loopback, as its servers have it: real HTTP, scripted faults, and a ledger.

    with A1111Upstream() as upstream:                                 # AUTOMATIC1111
    with A1111Upstream("sd-server") as upstream:                      # or "koboldcpp"
        upstream.url                                                  # for A1111_URL

All else is as with the gRPC server (tests/upstream/__init__.py). The ledger has a line for each picture drawn.
Sources, read in November 2026: `modules/api` of AUTOMATIC1111 and Forge, `koboldcpp.py` of KoboldCpp; the rows of
sd-server were measured on the real one (stable-diffusion.cpp, sources of 2026; `./scripts/generators-test`).
"""

import hashlib
import io
import json
import re
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from tests.upstream import pictures
from tests.upstream.faults import Faults
from tests.upstream.ledger import Call
from tests.upstream.over_http import Client, HttpUpstream, Request

Kind = Literal["automatic1111", "sd-server", "koboldcpp"]

# modules/sd_samplers_*.py: names, and what they are called in short.
SAMPLERS = {
    "DPM++ 2M": "k_dpmpp_2m",
    "DPM++ SDE": "k_dpmpp_sde",
    "DPM++ 2S a": "k_dpmpp_2s_a",
    "Euler a": "k_euler_a",
    "Euler": "k_euler",
    "LMS": "k_lms",
    "Heun": "k_heun",
    "DPM2": "k_dpm_2",
    "DPM2 a": "k_dpm_2_a",
    "DDIM": "ddim",
}
SCHEDULERS = (
    *("automatic", "uniform", "karras", "exponential", "polyexponential", "sgm_uniform", "kl_optimal"),
    *("align_your_steps", "simple", "normal", "ddim", "beta"),
)
CHECKPOINTS = ("sd_xl_base_1.0", "dreamshaper_8")
# modules/upscaler.py and modules/realesrgan_model.py: some of those that every installation has.
UPSCALERS = ("None", "Lanczos", "Nearest", "R-ESRGAN 4x+")
NO_UPSCALER = {
    "error": "AssertionError",
    "detail": "",
    "body": "",
    "errors": "could not find upscaler named canary",
}
# HTTPException, as its handler shows it (handle_exception in modules/api/api.py).
REFUSALS: Mapping[str, tuple[int, Any]] = {
    "no_api": (404, {"detail": "Not Found"}),
    "no_route": (405, {"detail": "Method Not Allowed"}),
    "no_sampler": (404, {"error": "HTTPException", "detail": "Sampler not found", "body": "", "errors": ""}),
    "no_sampler_forge": (400, {"error": "HTTPException", "detail": "Sampler not found", "body": "", "errors": ""}),
    "unauthenticated": (401, {"detail": "Incorrect username or password"}),
    "invalid_argument": (422, {"detail": [{"loc": ["body", "steps"], "msg": "canary", "type": "int_parsing"}]}),
    "rate_limited": (429, {"detail": "canary"}),
    "busy": (503, {"detail": {"msg": "Server is busy; please try again later.", "type": "service_unavailable"}}),
}
BREAKS: Mapping[str, tuple[int, Any]] = {
    "internal": (500, {"error": "OutOfMemoryError", "detail": "", "body": "", "errors": "CUDA out of memory: canary"}),
    "unavailable": (503, {"detail": "canary"}),
}
_TAG = re.compile("<sd_cpp_extra_args>(.*?)</sd_cpp_extra_args>")


class A1111Upstream(HttpUpstream):
    """The server. `user` and `password` are those of `--api-auth`."""

    def __init__(
        self,
        kind: Kind = "automatic1111",
        user: str = "",
        password: str = "",
        port: int = 0,
        ledger: Path | None = None,
    ) -> None:
        # The real servers draw the same pixels for the same request.
        super().__init__(ledger, port, repeats=True)
        self._kind = kind
        self._basic = f"{user}:{password}" if user else ""
        self.loaded = CHECKPOINTS[0]

    def answer(self, request: Request, client: Client) -> None:
        body = request.json if isinstance(request.json, dict) else {}
        faults = self.faults(str(body.get("prompt", "")))
        refusal = faults.one_of(REFUSALS) or self._unauthorized(request)
        if refusal:
            client.send_json(refusal[1], refusal[0], **_retry_after(faults))
        elif request.path == "/sdapi/v1/img2img" and not body.get("init_images"):
            client.send_json({"detail": "Init image not found"}, 404)
        elif request.path == "/sdapi/v1/extra-single-image" and self._kind == "automatic1111":
            self._enlarge(request, body, faults, client)
        elif request.path in ("/sdapi/v1/txt2img", "/sdapi/v1/img2img"):
            self._draw(request, body, faults, client)
        elif "html" in faults or "hang" in faults:
            client.meet(faults)
        elif request.path in (known := self._inventory()):
            client.send_json(known[request.path])
        else:
            client.send_json({"detail": "Not Found"}, 404)

    def _unauthorized(self, request: Request) -> tuple[int, Any] | None:
        kind, _, said = request.headers.get("authorization", "").partition(" ")
        right = not self._basic or (kind == "Basic" and b64decode(said).decode() == self._basic)
        return None if right else REFUSALS["unauthenticated"]

    def _inventory(self) -> dict[str, Any]:
        models = [
            {
                "title": f"{name}.safetensors [31e35c80fc]",
                "model_name": name,
                "hash": "31e35c80fc",
                "sha256": "31e35c80fc" + "0" * 54,
                "filename": f"/models/{name}.safetensors",
                "config": None,
            }
            for name in CHECKPOINTS
        ]
        samplers = [{"name": name, "aliases": [alias], "options": {}} for name, alias in SAMPLERS.items()]
        return {
            "/sdapi/v1/sd-models": models,
            "/sdapi/v1/options": {"samples_format": "png", "sd_model_checkpoint": self.loaded},
            "/sdapi/v1/samplers": samplers,
            "/sdapi/v1/upscalers": [{"name": name, "model_name": None, "scale": 4} for name in UPSCALERS],
        }

    def _draw(self, request: Request, body: dict[str, Any], faults: Faults, client: Client) -> None:
        if self._kind == "sd-server" and not body.get("prompt"):
            return client.send_json({"error": "prompt required"}, 400)
        asked = self._as_drawn(body)
        with self.accepted(_call(asked, request, self._basic)):
            if client.meet(faults):
                return None
            if broken := faults.one_of(BREAKS):
                return client.send_json(broken[1], broken[0])
            return client.send_json(self._document(asked, body, faults))

    def _enlarge(self, request: Request, body: dict[str, Any], faults: Faults, client: Client) -> None:
        """extras_single_image_api. A call has no prompt, and so no faults but those of a script."""
        if body["upscaler_1"] not in UPSCALERS:
            return client.send_json(NO_UPSCALER, 500)
        width, height = _size(body["image"])
        factor = body["upscaling_resize"] if body["upscaler_1"] != "None" else 1
        asked = {"prompt": "", "negative_prompt": "", "seed": 0, "steps": 0, "cfg_scale": 0.0}
        asked |= {"width": width * factor, "height": height * factor, "init_images": [body["image"]]}
        with self.accepted(_call(asked, request, self._basic)):
            if client.meet(faults):
                return None
            image = b64encode(_file(asked, faults, self.call_name())).decode()
            return client.send_json({"html_info": "<p>canary</p>", "image": image})

    def _as_drawn(self, body: dict[str, Any]) -> dict[str, Any]:
        """What the server makes of a request."""
        asked = {"seed": -1, "steps": 20, "cfg_scale": 7.0, "width": 512, "height": 512, "negative_prompt": "", **body}
        if self._kind == "sd-server":
            # Measured: settings in a prompt win over those of the request, and 63 pixels become 64.
            for found in _TAG.findall(asked["prompt"]):
                asked |= json.loads(found)
            asked["width"], asked["height"] = (-(-asked[side] // 64) * 64 for side in ("width", "height"))
        if self._kind == "koboldcpp":
            scale = max(1.0, max(asked["width"], asked["height"]) / 1024)
            asked["width"], asked["height"] = (int(asked[side] / scale) // 64 * 64 for side in ("width", "height"))
            asked["steps"] = min(80, asked["steps"])
        if self._kind == "automatic1111":
            asked["checkpoint"] = self._checkpoint(asked)
            # get_sampler_and_scheduler: a sampler that is not there is the first one, without a word.
            name = asked.get("sampler_name") or "Euler"
            asked["sampler_name"] = name if name in SAMPLERS else "DPM++ 2M"
        return asked

    def _checkpoint(self, asked: dict[str, Any]) -> str:
        """process_images: a checkpoint that is not there is not asked for."""
        wanted = asked.get("override_settings", {}).get("sd_model_checkpoint")
        known = {alias: name for name in CHECKPOINTS for alias in (name, f"{name}.safetensors")}
        used = known.get(wanted, self.loaded)
        if not asked.get("override_settings_restore_afterwards", True):
            self.loaded = used
        return used

    def _document(self, asked: dict[str, Any], body: dict[str, Any], faults: Faults) -> Any:
        if "no_picture" in faults:
            return {"images": [], "parameters": body, "info": self._info(asked, faults)}
        if "no_images" in faults:
            return {"images": None, "parameters": body, "info": ""}
        if "not_an_object" in faults:
            return ["canary"]
        text = b64encode(_file(asked, faults, self.call_name())).decode()
        if "data_url" in faults:
            text = f"data:image/png;base64,{text}"
        if "not_base64" in faults:
            text = "é" + text
        answer = {"images": [text], "parameters": body, "info": self._info(asked, faults)}
        if "no_info" in faults:
            del answer["info"]
        return answer

    def _info(self, asked: dict[str, Any], faults: Faults) -> Any:
        """Processed.js; an empty text with the other servers."""
        if self._kind != "automatic1111" or "empty_info" in faults:
            return ""
        if "odd_info" in faults:
            return '{"seed": "canary", "sd_model_name": ["'
        said = {
            "prompt": asked["prompt"],
            "seed": asked["seed"] + ("wrong_seed" in faults),
            "sampler_name": asked["sampler_name"],
            "width": asked["width"],
            "height": asked["height"],
            "sd_model_name": asked["checkpoint"],
            "sd_model_hash": "31e35c80fc",
        }
        return said if "info_object" in faults else json.dumps(said)


def _retry_after(faults: Faults) -> dict[str, str]:
    return {"retry_after": str(int(faults["retry_after"]))} if "retry_after" in faults else {}


def _file(asked: dict[str, Any], faults: Faults, call: str) -> bytes:
    if "empty" in faults:
        return b""
    if "bomb" in faults:
        return pictures.bomb()
    what = f"{asked.get('checkpoint')} {asked['prompt']} {asked['negative_prompt']} {asked['seed']} {asked['steps']}"
    size = (64, 64) if "wrong_size" in faults else (asked["width"], asked["height"])
    png = pictures.drawn(what, call, size, f"parameters {what} canary", noise="noise" in faults)
    return png[: len(png) // 2] if "truncated" in faults else png


def _call(asked: dict[str, Any], request: Request, basic: str) -> Call:
    """A line of the ledger. The API has no id for a request, so that prompt and seed stand for it."""
    said = request.headers.get("authorization", "")
    return Call(
        at=time.time(),
        deadline=None,
        authorization="none" if not said else "right" if basic else "wrong",
        request_id=f"{asked['prompt']} {asked['seed']}",
        engine=str(asked.get("override_settings", {}).get("sd_model_checkpoint", "")),
        prompts=((asked["prompt"], 1.0), (asked["negative_prompt"], -1.0)),
        seeds=(asked["seed"],),
        samples=asked.get("batch_size", 1) * asked.get("n_iter", 1),
        width=asked["width"],
        height=asked["height"],
        steps=asked["steps"],
        cfg_scale=asked["cfg_scale"],
        sampler=asked.get("sampler_name"),
        guidance=None,
        style=None,
        extras=tuple(name for name in ("scheduler", "styles", "alwayson_scripts") if name in asked),
        init=_digest(asked.get("init_images", [None])[0]),
        mask=_digest(asked.get("mask")),
        start=asked.get("denoising_strength"),
    )


def _size(text: str) -> tuple[int, int]:
    with Image.open(io.BytesIO(b64decode(text, validate=True))) as image:
        return image.size


def _digest(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(b64decode(text, validate=True)).hexdigest()
