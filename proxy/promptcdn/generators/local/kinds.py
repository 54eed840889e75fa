"""The kinds of models that can be drawn with, one row each.

Sources: the pipelines of diffusers 0.42 (`pipelines/auto_pipeline.py` and the defaults of each `__call__`) and of
openvino-genai 2026.4 (`src/cpp/src/image_generation`), and the model cards of Stability AI, Black Forest Labs and
SimianLuo/LCM_Dreamshaper_v7, read in November 2026.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Library = Literal["openvino", "diffusers"]


@dataclass(frozen=True)
class Kind:
    """Models of one build.

    title      as people know it
    backbone   the part of the folder that draws: its configuration says the size
    side       of a picture, where the folder does not say it
    cfg_scale  the usual one; `None`: that of the service
    flow       whether it is a flow-matching model, which has a sampler of its own
    masked_by  the libraries that change a part of a picture with it
    """

    title: str
    backbone: Literal["unet", "transformer"]
    side: int
    cfg_scale: float | None
    flow: bool
    masked_by: frozenset[Library]


_BOTH: frozenset[Library] = frozenset(("openvino", "diffusers"))
_DIFFUSERS: frozenset[Library] = frozenset(("diffusers",))

# By `_class_name` in model_index.json; optimum writes OV before it.
KINDS: Mapping[str, Kind] = {
    "StableDiffusionPipeline": Kind("Stable Diffusion", "unet", 512, None, False, _BOTH),
    "StableDiffusionXLPipeline": Kind("Stable Diffusion XL", "unet", 1024, 5.0, False, _BOTH),
    "LatentConsistencyModelPipeline": Kind("LCM", "unet", 512, 8.0, False, frozenset()),
    "StableDiffusion3Pipeline": Kind("Stable Diffusion 3", "transformer", 1024, 4.5, True, _DIFFUSERS),
    "FluxPipeline": Kind("FLUX", "transformer", 1024, 3.5, True, _DIFFUSERS),
}
