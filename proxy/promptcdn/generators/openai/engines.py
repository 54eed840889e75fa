"""The engines of servers with OpenAI's images API: their sizes, and what they understand.

Sources, read in November 2026: OpenAI's reference "Create image" (three sizes of the first models) and users' pages on
gpt-image-2 (both sides multiples of 16, a shape of 3:1 at most, 655,360 to 8,294,400 pixels); xAI's page "Image
generation" (its aspect ratios); DeepInfra's page of FLUX.1 schnell (1 to 4 steps).
"""

from collections.abc import Mapping
from dataclasses import replace
from math import log

from promptcdn.generators.openai.servers import BY_NAME, SERVERS, Server
from promptcdn.url.engines import ANY, EVERY_SIZE, Family, Size

# What is asked for by shape, and about the size that is answered. Of 1 megapixel, in multiples of 64.
RATIOS: Mapping[Size, str] = {
    (1024, 1024): "1:1",
    (1152, 896): "4:3",
    (896, 1152): "3:4",
    (1216, 832): "3:2",
    (832, 1216): "2:3",
    (1344, 768): "16:9",
    (768, 1344): "9:16",
    (1408, 704): "2:1",
    (704, 1408): "1:2",
}
_FIRST_SIZES: tuple[Size, ...] = ((1024, 1024), (1536, 1024), (1024, 1536))
_FREE_SIZES = tuple(
    (width, height)
    for width, height in EVERY_SIZE
    if max(width, height) <= 3 * min(width, height) and width * height >= 655_360
)
_NOTHING: frozenset[str] = frozenset()


def ratio(size: Size) -> str:
    """The aspect ratio that is nearest to that of `size`."""
    return RATIOS[min(RATIOS, key=lambda known: abs(log(known[0] / known[1]) - log(size[0] / size[1])))]


def families(server: Server) -> tuple[Family, ...]:
    """The families of engines that a server has."""
    understands = frozenset(server.fields)
    any_engine = replace(ANY, understands=understands, seeded=server.seeded)
    by_shape = replace(any_engine, sizes=tuple(RATIOS), by_shape=True)
    gpt = replace(any_engine, understands=_NOTHING, seeded=False)
    found = [
        replace(gpt, pattern=r"(.*/)?(gpt-image-1(\.5|-mini)?(-20.*)?|chatgpt-image-.*)", sizes=_FIRST_SIZES),
        replace(gpt, pattern=r"(.*/)?gpt-image-.*", sizes=_FREE_SIZES),
    ]
    if server.shapes:
        found += _few_steps(replace(by_shape, pattern=server.shapes), understands)
    elif server.size == "aspect_ratio":
        found.append(by_shape)
    return (*found, *_few_steps(any_engine, understands))


def of_any_server() -> tuple[Family, ...]:
    """What is true of an engine whatever server has it: whether one is asked by shape. A picture that was paid for
    before the settings changed is stored by these."""
    by_shape = replace(ANY, sizes=tuple(RATIOS), by_shape=True)
    asked = [replace(by_shape, pattern=r"(.*/)?grok-.*", understands=_NOTHING, seeded=False)]
    asked += [replace(by_shape, pattern=each.shapes) for each in SERVERS if each.shapes]
    return (*asked, *families(BY_NAME["openai"]))


def _few_steps(family: Family, understands: frozenset[str]) -> list[Family]:
    """The family, behind those of its engines that draw in a few steps."""
    if "steps" not in understands:
        return [family]
    return [replace(family, pattern=rf"(?=.*schnell){family.pattern}", steps=(1, 4)), family]
