"""What a prompt is about: English words that ask for a scene, an hour or a season; other prompts choose by hash."""

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from promptcdn.generators.sketch.palette import PALETTES, Palette
from promptcdn.generators.sketch.scenes import SCENES
from promptcdn.generators.sketch.stream import Stream

_T = TypeVar("_T")

# The first row with a word of the prompt wins: the particular above the general.
_SUBJECTS: Mapping[tuple[str, ...], str] = {
    ("lighthouse",): "lighthouse beacon",
    ("cat",): "cat kitten kitty octocat roof chimney",
    ("whale",): "whale orca dolphin",
    ("balloons",): "balloon airship zeppelin",
    ("reef",): "fish reef coral underwater aquarium diving submarine octopus turtle jellyfish mermaid",
    ("deer",): "deer stag moose elk fox bear wolf woodland woods jungle",
    ("cabin",): "cabin cottage hut lodge pine fir forest",
    (
        "space",
    ): "space planet rocket spaceship spacecraft galaxy astronaut saturn mars orbit comet cosmos universe alien",
    ("boat",): "boat ship sail sailboat sailing yacht pirate",
    ("desert",): "desert dune sand cactus pyramid camel sahara egypt",
    ("garden",): "flower garden rose tulip daisy butterfly bee meadow botanical bouquet blossom",
    ("abstract",): "abstract geometric pattern bauhaus logo shapes minimal mosaic",
    ("village",): "village house farm barn field countryside hill tree orchard vineyard",
    ("lake",): "lake pond waterfall fjord reflection",
    ("city",): "city town street skyline skyscraper building downtown metropolis urban tokyo paris london york",
    ("mountains", "lake"): "mountain alp alpine peak summit valley cliff everest volcano castle dragon",
    ("lighthouse", "boat"): "sea ocean coast beach harbor harbour island shore bay wave water",
    ("cabin", "deer"): "wood river path",
    ("balloons", "mountains"): "sky cloud bird flight flying",
    ("space", "city"): "robot future futuristic scifi cyberpunk",
}

_HOURS: Mapping[tuple[str, ...], str] = {
    ("neon",): "neon cyberpunk synthwave vaporwave disco",
    ("snow",): "snow snowy winter ice icy frozen arctic christmas",
    ("autumn",): "autumn autumnal october november harvest",
    ("night",): "night midnight moon moonlight moonlit star starry dark nocturne",
    ("dusk",): "dusk sunset evening twilight golden",
    ("dawn",): "dawn sunrise morning mist misty fog foggy",
    ("day",): "day noon summer sunny spring bright daylight",
    ("rose",): "pink romantic love cherry sakura",
    ("grey",): "grey gray rain rainy storm stormy monochrome",
}


def scene_for(prompt: str) -> str:
    """The name of the scene for a prompt: the one it speaks of, else one of all by hash."""
    mood = Stream(f"scene for {prompt}")
    return mood.pick(_asked(prompt, _SUBJECTS) or tuple(SCENES))


def palette_for(prompt: str, hours: Sequence[str], stream: Stream) -> Palette:
    """A palette for the hour that the prompt speaks of, else for one of `hours`, if any."""
    wanted = _asked(prompt, _HOURS) or hours
    return stream.pick([palette for palette in PALETTES if not wanted or palette.hour in wanted])


def _asked(prompt: str, table: Mapping[tuple[str, ...], str]) -> tuple[str, ...] | None:
    # ASCII letters only: what else counts as a letter depends on the Python at hand.
    words = set(re.findall("[a-z]+", "".join(letter.lower() if letter.isascii() else " " for letter in prompt)))
    words |= {word.removesuffix("s") for word in words}
    return next((names for names, cues in table.items() if not words.isdisjoint(cues.split())), None)
