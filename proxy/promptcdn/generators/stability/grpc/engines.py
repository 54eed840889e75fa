"""The engines of Stability's protocol: the sizes and steps that they draw, and which the hosted service retired.

Sources: the rules of Stability's text-to-image API (v1), and the protocol's own engine ids.
"""

from dataclasses import replace

from promptcdn.url.engines import (
    ANY,
    EVERY_PARAMETER,
    EVERY_SIZE,
    IMAGE_TO_IMAGE,
    UPSCALING,
    Family,
    sizes_of_area,
)

DEFAULT = "stable-diffusion-xl-1024-v1-0"

_SDXL_SIZES = (
    (1024, 1024),
    (1152, 896),
    (896, 1152),
    (1216, 832),
    (832, 1216),
    (1344, 768),
    (768, 1344),
    (1536, 640),
    (640, 1536),
)

# The protocol has a field for a schedule, which is about steps of an init image, not about noise.
_UNDERSTANDS = (EVERY_PARAMETER - {"scheduler"}) | IMAGE_TO_IMAGE
_STEPS = (10, 50)

_HOSTED = (
    Family(r"stable-diffusion-xl-beta-.*", sizes_of_area(128 * 512, 512 * 896), (512, 512), retired=True),
    Family(r"stable-diffusion-xl-1024-v0-9", _SDXL_SIZES, (1024, 1024), retired=True),
    Family(r"stable-diffusion-xl-1024-v1-0", _SDXL_SIZES, (1024, 1024)),
    Family(r"stable-diffusion-v1-6", tuple(size for size in EVERY_SIZE if min(size) >= 320), (512, 512)),
    Family(
        r"stable-diffusion-(512-v2-[01]|v1(-[0-5])?)", sizes_of_area(512 * 512, 1024 * 1024), (512, 512), retired=True
    ),
    Family(r"stable-diffusion-768-v2-[01]", sizes_of_area(768 * 768, 1024 * 1024), (768, 768), retired=True),
)

FAMILIES = (
    *(replace(family, steps=_STEPS, understands=_UNDERSTANDS) for family in _HOSTED),
    # The SDK's default for `upscale`. Its result has 4,194,304 pixels at most (Stability's REST API v1, upscale).
    Family(r"esrgan-v1-x2plus", sizes_of_area(0, 1024 * 1024), (512, 512), understands=UPSCALING, only_upscales=True),
    # A server of one's own names its engines as it likes, and may have one that needs four steps.
    replace(ANY, understands=_UNDERSTANDS),
)

# Those that the hosted service has.
KNOWN = (DEFAULT, "stable-diffusion-v1-6")
