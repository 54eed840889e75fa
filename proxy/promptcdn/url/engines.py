"""What each engine allows: sizes, and which engines the hosted service has retired.

Sources: the size rules of Stability's text-to-image API (v1), and the protocol's own engine ids.
An id that no family claims is taken as it is: a self-hosted server names its models as it likes.
"""

import re
from dataclasses import dataclass
from math import log

Size = tuple[int, int]

SIDE_STEP = 64
SIDE_MIN, SIDE_MAX = 256, 1536

SKETCH = "sketch"
DEFAULT_ENGINE = "stable-diffusion-xl-1024-v1-0"

_SIDES = range(SIDE_MIN, SIDE_MAX + 1, SIDE_STEP)
_EVERY_SIZE = tuple((width, height) for width in _SIDES for height in _SIDES)
_SDXL_SIZES: tuple[Size, ...] = (
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


def _sizes_of_area(least: int, most: int) -> tuple[Size, ...]:
    return tuple(size for size in _EVERY_SIZE if least <= size[0] * size[1] <= most)


@dataclass(frozen=True)
class Engine:
    """One engine: its id on the wire, the sizes it draws, and the size it draws best."""

    name: str
    sizes: tuple[Size, ...]
    default_size: Size
    retired: bool = False

    def allows(self, size: Size) -> bool:
        return size in self.sizes

    def nearest(self, size: Size, count: int = 3) -> tuple[Size, ...]:
        """The allowed sizes closest to `size`, best first: by shape and by area, both as ratios."""

        def distance(other: Size) -> float:
            return abs(log(other[0] / size[0])) + abs(log(other[1] / size[1]))

        return tuple(sorted(self.sizes, key=lambda other: (distance(other), other))[:count])

    def size_for(self, ratio: tuple[int, int]) -> Size:
        """The allowed size whose shape is nearest to `ratio`; among equals the area nearest to the default."""
        wanted = log(ratio[0] / ratio[1])
        area = self.default_size[0] * self.default_size[1]

        def distance(size: Size) -> tuple[float, float, Size]:
            shape = abs(log(size[0] / size[1]) - wanted)
            return (round(shape, 1), abs(log(size[0] * size[1] / area)) + shape, size)

        return min(self.sizes, key=distance)


@dataclass(frozen=True)
class _Family:
    pattern: str
    sizes: tuple[Size, ...]
    default_size: Size
    retired: bool = False


# The first pattern that matches the whole id wins.
_FAMILIES = (
    _Family(r"sketch", _EVERY_SIZE, (1024, 1024)),
    _Family(r"stable-diffusion-xl-beta-.*", _sizes_of_area(128 * 512, 512 * 896), (512, 512), True),
    _Family(r"stable-diffusion-xl-1024-v0-9", _SDXL_SIZES, (1024, 1024), True),
    _Family(r"stable-diffusion-xl-1024-v1-0", _SDXL_SIZES, (1024, 1024)),
    _Family(
        r"stable-diffusion-v1-6",
        tuple(size for size in _EVERY_SIZE if min(size) >= 320),
        (512, 512),
    ),
    _Family(
        r"stable-diffusion-(512-v2-[01]|v1(-[0-5])?)",
        _sizes_of_area(512 * 512, 1024 * 1024),
        (512, 512),
        True,
    ),
    _Family(
        r"stable-diffusion-768-v2-[01]",
        _sizes_of_area(768 * 768, 1024 * 1024),
        (768, 768),
        True,
    ),
    _Family(r".*", _EVERY_SIZE, (1024, 1024)),
)


def engine(name: str) -> Engine:
    """The engine of that id, with its family's limits."""
    family = next(family for family in _FAMILIES if re.fullmatch(family.pattern, name))
    return Engine(name, family.sizes, family.default_size, family.retired)
