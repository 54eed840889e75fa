"""What an engine allows: the sizes that it draws, its steps, and the parameters that it understands.

Each generator declares the families of its engines.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from math import log

Size = tuple[int, int]

SIDE_STEP = 64
SIDE_MIN, SIDE_MAX = 256, 1536
STEPS_MIN, STEPS_MAX = 1, 150
CFG_SCALES = (0.0, 35.0)

# Generation parameters that some engines understand and others do not. All other parameters every engine understands.
OPTIONAL_PARAMETERS = (
    "negative_prompt",
    "steps",
    "cfg_scale",
    "sampler",
    "scheduler",
    "style_preset",
    "guidance_preset",
)
EVERY_PARAMETER = frozenset(OPTIONAL_PARAMETERS)
# Parameters about the pictures that a new one is made from. An engine that does not understand one of these refuses it:
# the picture would be another one. No engine has them unless its family says so.
SOURCE_PARAMETERS = ("init", "mask", "upscale")
IMAGE_TO_IMAGE = frozenset(("init", "mask"))
UPSCALING = frozenset(("init", "upscale"))

_SIDES = range(SIDE_MIN, SIDE_MAX + 1, SIDE_STEP)
EVERY_SIZE = tuple((width, height) for width in _SIDES for height in _SIDES)


def sizes_of_area(least: int, most: int) -> tuple[Size, ...]:
    """Every size of so many pixels."""
    return tuple(size for size in EVERY_SIZE if least <= size[0] * size[1] <= most)


@dataclass(frozen=True)
class Engine:
    """One engine: its id on the wire, and its limits, as `Family` explains them."""

    name: str
    sizes: tuple[Size, ...]
    default_size: Size
    retired: bool = False
    steps: tuple[int, int] = (STEPS_MIN, STEPS_MAX)
    understands: frozenset[str] = EVERY_PARAMETER
    seeded: bool = True
    by_shape: bool = False
    cfg_scale: float | None = None
    cfg_scales: tuple[float, float] = CFG_SCALES
    only_upscales: bool = False

    def nearest_steps(self, steps: int) -> int:
        """The allowed number of steps that is closest to `steps`."""
        least, most = self.steps
        return min(max(steps, least), most)

    def nearest_cfg_scale(self, cfg_scale: float) -> float:
        """The allowed cfg_scale that is closest to `cfg_scale`."""
        least, most = self.cfg_scales
        return min(max(cfg_scale, least), most)

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
class Family:
    """Engines that allow the same: those whose whole id the pattern matches. A generator declares its families.

    sizes        the sizes that they draw; `default_size` is the one that they draw best. A picture of such a size can
                 be enlarged with `upscale`, where they understand that
    retired      whether the service that had them has them no more
    steps        the least and the most steps
    understands  which of `OPTIONAL_PARAMETERS` change the picture, and which of `SOURCE_PARAMETERS` are allowed
    seeded       whether a seed is sent and decides the picture. Where it does not, a lost picture cannot be made again
    by_shape     whether the upstream is asked for a shape and answers a size of its own: a picture of about that shape
                 is brought to the size that was asked for
    cfg_scale    the one of a picture whose URL says none; `None`: the usual one
    cfg_scales   the least and the most cfg_scale
    only_upscales  whether they enlarge pictures and do nothing else
    """

    pattern: str
    sizes: tuple[Size, ...]
    default_size: Size
    retired: bool = False
    steps: tuple[int, int] = (STEPS_MIN, STEPS_MAX)
    understands: frozenset[str] = EVERY_PARAMETER
    seeded: bool = True
    by_shape: bool = False
    cfg_scale: float | None = None
    cfg_scales: tuple[float, float] = CFG_SCALES
    only_upscales: bool = False

    def __post_init__(self) -> None:
        known = EVERY_PARAMETER | frozenset(SOURCE_PARAMETERS)
        assert self.understands <= known, "it names a parameter that is in neither list"
        assert "init" in self.understands or not self.understands & frozenset(SOURCE_PARAMETERS), "the others need init"

    def claims(self, name: str) -> bool:
        """Whether the engine of that id is one of the family."""
        return re.fullmatch(self.pattern, name) is not None


# What an id that no family claims is taken for: a self-hosted server names its models as it likes.
ANY = Family(r".*", EVERY_SIZE, (1024, 1024))


def engine(name: str, families: Iterable[Family]) -> Engine:
    """The engine of that id, with the limits of the first family whose pattern matches the whole id."""
    family = next((family for family in families if family.claims(name)), ANY)
    limits = {field.name: getattr(family, field.name) for field in fields(family) if field.name != "pattern"}
    return Engine(name, **limits)
