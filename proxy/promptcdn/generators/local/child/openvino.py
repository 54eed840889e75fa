"""Draws by openvino-genai, on a CPU unless the operator names another device.

Noise comes from `CppStdGenerator`, which openvino-genai makes of `rng_seed`: a Mersenne Twister, in one thread. So the
number of threads changes no picture, and neither does another process (measured; docs/generators.md).
"""

import sys
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

# It would tell Intel of this process over the network, from a fork that keeps our pipes. OpenVINO does without it.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
import openvino_genai as genai

from promptcdn.generators.local.child import Order, Refused
from promptcdn.generators.local.samplers import SAMPLERS, lacks

_CONFIGURATION = "scheduler/scheduler_config.json"


def look(device: str) -> Mapping[str, Any]:
    """The library's version and the device."""
    return {"version": str(genai.__version__), "device": _device(device)}


def load(launch: Mapping[str, Any]) -> "OpenVinoModel":
    """The model in the folder. All ways to draw share its weights."""
    folder, device = launch["folder"], _device(launch["device"])
    masked = genai.InpaintingPipeline(folder, device) if launch["masks"] else None
    started = None
    if launch["starts"]:
        started = genai.Image2ImagePipeline(masked) if masked else genai.Image2ImagePipeline(folder, device)
    plain = genai.Text2ImagePipeline(started) if started else genai.Text2ImagePipeline(folder, device)
    return OpenVinoModel(Path(folder), plain, started, masked)


def _device(named: str) -> str:
    return named.upper() or "CPU"


class OpenVinoModel:
    """A model that is loaded; `started` and `masked` draw from pictures, where it can."""

    def __init__(self, folder: Path, plain: Any, started: Any, masked: Any) -> None:
        self._folder = folder
        self._plain = plain
        self._started = started
        self._masked = masked
        # By pipeline, where it is not the model's own.
        self._samplers: dict[int, str] = {}

    def draw(self, order: Order) -> Image.Image:
        """The picture. Raises `Refused`."""
        if why := lacks("openvino", order.sampler, None):
            raise Refused(why)
        pipeline = self._plain if order.init is None else self._started if order.mask is None else self._masked
        self._sample(pipeline, order.sampler)
        sources = [_tensor(file) for file in (order.init, order.mask) if file is not None]
        drawn = pipeline.generate(order.prompt, *sources, **self._asked(order))
        _, height, width, _ = drawn.data.shape
        return Image.frombytes("RGB", (width, height), bytes(drawn.data))

    def _asked(self, order: Order) -> dict[str, Any]:
        asked: dict[str, Any] = {"rng_seed": order.seed, "num_inference_steps": order.enough_steps}
        # Without guidance it refuses a negative prompt, also an empty one.
        asked["guidance_scale"] = 0.0 if order.cfg_scale is None else order.cfg_scale
        if order.negative_prompt is not None and asked["guidance_scale"] > 1:
            asked["negative_prompt"] = order.negative_prompt
        if order.init is None:
            return {**asked, "width": order.width, "height": order.height}
        return {**asked, "strength": order.strength}

    def _sample(self, pipeline: Any, sampler: str | None) -> None:
        """Sets the sampler of the next picture: the model's own where none is named."""
        wanted = SAMPLERS["openvino"].get(sampler or "", "AUTO")
        if self._samplers.get(id(pipeline), "AUTO") != wanted:
            kind = getattr(genai.Scheduler.Type, wanted)
            pipeline.set_scheduler(genai.Scheduler.from_config(self._folder / _CONFIGURATION, kind))
            self._samplers[id(pipeline)] = wanted


def _tensor(file: bytes) -> Any:
    import numpy as np  # late: for pictures that start from others
    import openvino

    image = Image.open(BytesIO(file)).convert("RGB")
    return openvino.Tensor(np.array(image)[None])
