"""Scenes: each a function that fills a stage, in one table by name."""

from collections.abc import Callable

from promptcdn.generators.sketch.scenes import (
    abstract,
    city,
    desert,
    forest,
    garden,
    hills,
    mountains,
    sea,
    space,
    underwater,
)
from promptcdn.generators.sketch.stage import Stage

SCENES: dict[str, Callable[[Stage], None]] = {
    "lighthouse": sea.with_lighthouse,
    "boat": sea.with_boat,
    "mountains": mountains.ranges,
    "lake": mountains.lake,
    "city": city.skyline,
    "cat": city.roof_cat,
    "desert": desert.dunes,
    "cabin": forest.glade,
    "deer": forest.trunks,
    "space": space.planets,
    "reef": underwater.reef,
    "whale": underwater.whale_song,
    "balloons": hills.balloons,
    "village": hills.village,
    "garden": garden.flowers,
    "abstract": abstract.tiles,
}
