"""Well-known models on Hugging Face's hub, and which files of a model are safe to bring.

Policy: it is given the list of a repository's files. Licences and sizes are those of the model cards, read in November
2026; the hub's own list of files says the size again before anything is brought.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from promptcdn.generators.local.kinds import Library


@dataclass(frozen=True)
class Known:
    """A model that `promptcdn model fetch` brings.

    repository  on the hub
    library     that draws with it
    licence     its name, and what it asks for in a few words
    size        of the files that are brought, in GB
    memory      that it takes in GB, where it is drawn on a CPU and on a GPU; of OpenVINO's the same
    gated       whether the hub wants a token of somebody who has accepted the licence
    """

    name: str
    repository: str
    library: Library
    title: str
    licence: str
    size: float
    memory: tuple[float, float]
    gated: bool = False

    @property
    def page(self) -> str:
        """Where its licence is read and accepted."""
        return f"https://huggingface.co/{self.repository}"


_RAIL = "CreativeML Open RAIL-M: free, also for business, but for the uses that it forbids"
_RAIL_XL = "CreativeML Open RAIL++-M: free, also for business, but for the uses that it forbids"
_COMMUNITY = "Stability AI Community: free below a revenue of a million dollars a year"
_APACHE = "Apache 2.0: free"
_MIT = "MIT: free"

MODELS = (
    Known(
        "sd15", "stable-diffusion-v1-5/stable-diffusion-v1-5", "diffusers", "Stable Diffusion 1.5", _RAIL, 2.1, (7, 4)
    ),
    Known(
        "sdxl", "stabilityai/stable-diffusion-xl-base-1.0", "diffusers", "Stable Diffusion XL", _RAIL_XL, 6.9, (16, 9)
    ),
    Known("sdxl-turbo", "stabilityai/sdxl-turbo", "diffusers", "SDXL Turbo", _COMMUNITY, 6.9, (16, 9)),
    Known(
        "sd35-medium",
        "stabilityai/stable-diffusion-3.5-medium",
        "diffusers",
        "Stable Diffusion 3.5 Medium",
        _COMMUNITY,
        16,
        (34, 18),
        gated=True,
    ),
    Known(
        "flux-schnell",
        "black-forest-labs/FLUX.1-schnell",
        "diffusers",
        "FLUX.1 schnell",
        _APACHE,
        33.7,
        (70, 36),
        gated=True,
    ),
    Known("lcm", "SimianLuo/LCM_Dreamshaper_v7", "diffusers", "LCM Dreamshaper 7", _MIT, 4.3, (7, 4)),
    Known(
        "sd15-openvino",
        "OpenVINO/stable-diffusion-v1-5-fp16-ov",
        "openvino",
        "Stable Diffusion 1.5",
        _RAIL,
        2.1,
        (4, 4),
    ),
    Known(
        "sd15-openvino-int8",
        "OpenVINO/stable-diffusion-v1-5-int8-ov",
        "openvino",
        "Stable Diffusion 1.5",
        _RAIL,
        1.1,
        (3, 3),
    ),
    Known(
        "sdxl-openvino",
        "OpenVINO/stable-diffusion-xl-base-1.0-fp16-ov",
        "openvino",
        "Stable Diffusion XL",
        _RAIL_XL,
        6.9,
        (10, 10),
    ),
    Known("lcm-openvino", "OpenVINO/LCM_Dreamshaper_v7-fp16-ov", "openvino", "LCM Dreamshaper 7", _MIT, 2.1, (4, 4)),
    Known(
        "lcm-openvino-int8", "OpenVINO/LCM_Dreamshaper_v7-int8-ov", "openvino", "LCM Dreamshaper 7", _MIT, 1.1, (3, 3)
    ),
    Known(
        "flux-schnell-openvino",
        "OpenVINO/FLUX.1-schnell-int8-ov",
        "openvino",
        "FLUX.1 schnell",
        _APACHE,
        16.9,
        (20, 20),
    ),
)
BY_NAME: Mapping[str, Known] = {each.name: each for each in MODELS}

# Neither code nor pickles. `openvino_*.bin` are the weights of the .xml of that name: numbers, and nothing else.
_TEXTS = re.compile(r"([a-z0-9_]+/)?[A-Za-z0-9_.-]+\.(json|txt|model)|README\.md|LICENSE[A-Za-z.]*")
_OPENVINO = re.compile(r"[a-z0-9_]+/openvino_[a-z_]+\.(xml|bin)")
_WEIGHTS = re.compile(r"([a-z0-9_]+)/[a-z_]+(\.fp16)?(-[0-9]{5}-of-[0-9]{5})?\.safetensors")
# It looks for what is not to be seen in finished pictures, and is not loaded.
_LEFT_OUT = "safety_checker/"


def wanted(files: Iterable[str], library: Library) -> tuple[str, ...]:
    """The files that a model is drawn with, of all that its repository has; none of them is run when it is read.

    Of weights in full and in half precision those in half, where each part has such.
    """
    found = [each for each in files if not each.startswith(_LEFT_OUT)]
    texts = [each for each in found if _TEXTS.fullmatch(each)]
    if library == "openvino":
        return tuple(sorted((*texts, *(each for each in found if _OPENVINO.fullmatch(each)))))
    weights = {each: match for each in found if (match := _WEIGHTS.fullmatch(each))}
    halves = {match[1] for match in weights.values() if match[2]}
    all_parts = {match[1] for match in weights.values()}
    chosen = [each for each, match in weights.items() if bool(match[2]) == (halves == all_parts)]
    return tuple(sorted((*texts, *chosen)))
