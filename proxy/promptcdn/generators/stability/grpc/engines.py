"""The engines of Stability's protocol: the sizes that they draw, and which the hosted service retired.

Sources: the rules of Stability's text-to-image API (v1), and the protocol's own engine ids.
"""

from promptcdn.url.engines import ANY, EVERY_SIZE, Family, sizes_of_area

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

FAMILIES = (
    Family(r"stable-diffusion-xl-beta-.*", sizes_of_area(128 * 512, 512 * 896), (512, 512), retired=True),
    Family(r"stable-diffusion-xl-1024-v0-9", _SDXL_SIZES, (1024, 1024), retired=True),
    Family(r"stable-diffusion-xl-1024-v1-0", _SDXL_SIZES, (1024, 1024)),
    Family(r"stable-diffusion-v1-6", tuple(size for size in EVERY_SIZE if min(size) >= 320), (512, 512)),
    Family(
        r"stable-diffusion-(512-v2-[01]|v1(-[0-5])?)", sizes_of_area(512 * 512, 1024 * 1024), (512, 512), retired=True
    ),
    Family(r"stable-diffusion-768-v2-[01]", sizes_of_area(768 * 768, 1024 * 1024), (768, 768), retired=True),
    ANY,
)
