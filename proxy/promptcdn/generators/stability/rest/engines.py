"""The engines of Stability's REST API (v2beta): the sizes that they draw, and what they understand.

Source: the service's OpenAPI document, read in November 2026 in copies of 2025 and 2026 (tags "Stable Image Ultra",
"Stable Image Core", "Stable Diffusion 3.5", "Upscale"). No engine takes a size: each takes one of nine aspect ratios,
and answers a size of its own. Sizes that were seen, in the notebooks of Stability-AI/stability-sdk and in a user's
recording: of sd3.5-large 1024x1024, of core 1536x1536 and 2336x992 (21:9).
"""

from dataclasses import dataclass, replace
from math import log

from promptcdn.url.engines import UPSCALING, Family, Size, sizes_of_area

DEFAULT = "core"

# The ratios of the API, each with the size that its pictures are brought to: one megapixel, and sides that are
# multiples of 64. These are the sizes of SDXL 1.0, the default engine over gRPC: whichever of them a URL names, both
# engines draw it.
RATIOS: dict[str, Size] = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "21:9": (1536, 640),
    "2:3": (832, 1216),
    "3:2": (1216, 832),
    "4:5": (896, 1152),
    "5:4": (1152, 896),
    "9:16": (768, 1344),
    "9:21": (640, 1536),
}


@dataclass(frozen=True)
class Endpoint:
    """Where an engine is called: the last parts of the path, and the form's `model` where there are several.

    `cfg_scale`: whether the form has a field for it. `init`: whether it takes a picture to start from. `modes`: whether
    the form then names a mode, in which it takes no aspect ratio. `upscales`: the form has a picture and nothing else.
    """

    service: str
    model: str | None = None
    cfg_scale: bool = False
    init: bool = False
    modes: bool = False
    upscales: bool = False


def _sd3(model: str) -> Endpoint:
    return Endpoint("generate/sd3", model, cfg_scale=True, init=True, modes=True)


ENDPOINTS: dict[str, Endpoint] = {
    "core": Endpoint("generate/core"),
    "ultra": Endpoint("generate/ultra", init=True),
    "sd3.5-large": _sd3("sd3.5-large"),
    "sd3.5-large-turbo": _sd3("sd3.5-large-turbo"),
    "sd3.5-medium": _sd3("sd3.5-medium"),
    "sd3.5-flash": _sd3("sd3.5-flash"),
    "upscale-fast": Endpoint("upscale/fast", init=True, upscales=True),
}


def ratio(size: Size) -> str:
    """The aspect ratio of the API that is nearest to that of `size`."""

    def distance(name: str) -> float:
        across, down = name.split(":")
        return abs(log(size[0] / size[1]) - log(int(across) / int(down)))

    return min(RATIOS, key=distance)


# Of those that take a cfg_scale. The service's own default is 4, and 1 of the distilled models.
CFG_SCALES = (1.0, 10.0)
_UNDERSTANDS = frozenset({"negative_prompt", "style_preset"})
# A mask is another service's (edit/inpaint), which takes no strength.
_FROM_PICTURES = _UNDERSTANDS | {"init"}
_SIZES = tuple(RATIOS.values())


def _family(pattern: str, understands: frozenset[str], cfg_scale: float | None = None) -> Family:
    family = Family(pattern, _SIZES, RATIOS["1:1"], understands=understands, by_shape=True)
    if cfg_scale is None:
        return family
    return replace(family, understands=understands | {"cfg_scale"}, cfg_scale=cfg_scale, cfg_scales=CFG_SCALES)


FAMILIES = (
    _family(r"core", _UNDERSTANDS),
    _family(r"ultra", _FROM_PICTURES),
    _family(r"sd3\.5-(large|medium)", _FROM_PICTURES, cfg_scale=4.0),
    _family(r"sd3\.5-(large-turbo|flash)", _FROM_PICTURES, cfg_scale=1.0),
    # Pictures of up to 1,048,576 pixels and 1536 a side become four times as wide and as high, and are then halved. It
    # takes no seed. The other upscalers of the API (`conservative`, `creative`) draw anew by a prompt.
    Family(
        r"upscale-fast",
        sizes_of_area(0, 1024 * 1024),
        (1024, 1024),
        understands=UPSCALING,
        seeded=False,
        by_shape=True,
        only_upscales=True,
    ),
)
KNOWN = tuple(ENDPOINTS)
