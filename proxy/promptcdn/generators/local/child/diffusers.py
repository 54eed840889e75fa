"""Draws by diffusers: on CUDA or ROCm, on Apple's MPS, or on a CPU.

Noise is made on the CPU, by a generator with the order's seed, whatever the device: the first noise is then the same
everywhere. The pixels are the same on one machine (docs/generators.md).
"""

from collections.abc import Mapping
from inspect import signature
from io import BytesIO
from typing import Any

import diffusers
import torch
import transformers
from PIL import Image

from promptcdn.generators.local.child import Order, Refused
from promptcdn.generators.local.samplers import SAMPLERS, SCHEDULERS, lacks


def look(device: str) -> Mapping[str, Any]:
    """The library's version, the device and its memory."""
    found = device.lower() or _found()
    cuda = found.startswith("cuda") and torch.cuda.is_available()
    memory = torch.cuda.get_device_properties(found).total_memory if cuda else None
    return {"version": str(diffusers.__version__), "device": found, "memory": memory}


def load(launch: Mapping[str, Any]) -> "DiffusersModel":
    """The model in the folder: of it alone, without a network, without code or pickles that came with it."""
    diffusers.utils.logging.set_verbosity_error()  # its warnings quote prompts
    transformers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    torch.use_deterministic_algorithms(True, warn_only=True)
    device = launch["device"].lower() or _found()
    without: dict[str, Any] = dict.fromkeys(launch["without"])
    if "safety_checker" in without:
        without["requires_safety_checker"] = False
    pipeline = diffusers.DiffusionPipeline.from_pretrained(
        launch["folder"],
        dtype=_numbers(device, flow=launch["flow"]),
        variant=launch["variant"] or None,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        **without,
    )
    pipeline.set_progress_bar_config(disable=True)
    return DiffusersModel(pipeline.to(device))


def _found() -> str:
    """The best device that there is. ROCm calls itself cuda."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _numbers(device: str, *, flow: bool) -> Any:
    """Half precision but on a CPU, which has no use for it. Flow-matching models are too wide for float16."""
    if device.startswith("cpu"):
        return torch.float32
    return torch.bfloat16 if flow else torch.float16


class DiffusersModel:
    """A model that is loaded; all ways to draw share its weights."""

    def __init__(self, pipeline: Any) -> None:
        self._plain = pipeline
        self._own = pipeline.scheduler
        self._from: dict[str, Any] = {}

    def draw(self, order: Order) -> Image.Image:
        """The picture. Raises `Refused`."""
        pipeline = self._pipeline(order)
        pipeline.scheduler = self._scheduler(order)
        asked: dict[str, Any] = {
            "prompt": order.prompt,
            "width": order.width,
            "height": order.height,
            "num_inference_steps": self._steps(order),
            "generator": torch.Generator("cpu").manual_seed(order.seed),
            "guidance_scale": 0.0 if order.cfg_scale is None else order.cfg_scale,
            "negative_prompt": order.negative_prompt,
            "strength": order.strength,
            "image": _image(order.init, "RGB"),
            "mask_image": _image(order.mask, "L"),
        }
        taken = signature(pipeline.__call__).parameters
        with torch.inference_mode():
            drawn = pipeline(**{name: value for name, value in asked.items() if value is not None and name in taken})
        picture: Image.Image = drawn.images[0]
        return picture.convert("RGB")

    def _steps(self, order: Order) -> int:
        """So many that one is left of them. An LCM has so many by its strength, and draws all that it is told."""
        at_most = getattr(self._own.config, "original_inference_steps", None)
        if at_most is None or order.strength is None:
            return order.enough_steps
        return max(1, min(order.steps, int(at_most * order.strength)))

    def _pipeline(self, order: Order) -> Any:
        if order.init is None:
            return self._plain
        name = "AutoPipelineForImage2Image" if order.mask is None else "AutoPipelineForInpainting"
        if name not in self._from:
            self._from[name] = getattr(diffusers, name).from_pipe(self._plain)
            self._from[name].set_progress_bar_config(disable=True)
        return self._from[name]

    def _scheduler(self, order: Order) -> Any:
        """The one that was ordered: the model's own where none was. Anew for each picture, since it counts steps."""
        if why := lacks("diffusers", order.sampler, order.scheduler):
            raise Refused(why)
        kind = getattr(diffusers, SAMPLERS["diffusers"][order.sampler]) if order.sampler else type(self._own)
        changed = SCHEDULERS[order.scheduler or "automatic"]
        known = signature(kind.__init__).parameters
        if any(value and name not in known for name, value in changed.items()):
            named = f"the sampler {order.sampler}" if order.sampler else "the model's own sampler"
            raise Refused(f"{named} has no scheduler {order.scheduler}: name one that has, like k_euler or k_dpmpp_2m")
        return kind.from_config(self._own.config, **{name: value for name, value in changed.items() if name in known})


def _image(file: bytes | None, mode: str) -> Image.Image | None:
    return None if file is None else Image.open(BytesIO(file)).convert(mode)
