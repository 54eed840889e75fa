"""The `sketch` generator: no key, no network, no model, and the same pixels on every machine.

What makes them the same: choices come from one stream (`stream`), shapes are computed in integers (`raster`,
`terrain`), and of Pillow only operations are used that are integer inside or exact.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Final

from promptcdn.checks import Check
from promptcdn.generators import NO_SOURCES, Made, Sources
from promptcdn.generators.declaration import Declaration
from promptcdn.money.costs import Price
from promptcdn.url.engines import EVERY_PARAMETER, EVERY_SIZE, IMAGE_TO_IMAGE, UPSCALING, Family
from promptcdn.url.request import Resolved

_THREADS = 2
_UNDERSTANDS = EVERY_PARAMETER | IMAGE_TO_IMAGE | UPSCALING


class Sketch:
    """Draws in threads of its own, so that a flood of sketches never starves other work."""

    refuses: Final = ""

    @property
    def name(self) -> str:
        return DECLARATION.name

    @property
    def paid(self) -> bool:
        return DECLARATION.paid

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sketch")

    async def generate(self, resolved: Resolved, content_key: str, *, sources: Sources = NO_SOURCES) -> Made:
        """The drawing as PNG. A cancelled call still ends its drawing, in its thread."""
        import asyncio  # late: commands that make no pictures read the list of generators, too

        loop = asyncio.get_running_loop()
        picture = await loop.run_in_executor(self._threads, _png, resolved, content_key, sources)
        return Made(picture=picture, seed_sent=resolved.seed, seed_echo=resolved.seed)

    async def checks(self, engines: Sequence[str]) -> tuple[Check, ...]:  # noqa: ARG002 - it has one
        return (Check("generator", True, "sketch: needs nothing and costs nothing"),)

    async def close(self) -> None:
        """Drops what is queued; what is being drawn ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


DECLARATION = Declaration(
    name="sketch",
    opened=lambda _: Sketch(),
    engine="sketch",
    engines=(Family("sketch", EVERY_SIZE, (1024, 1024), understands=_UNDERSTANDS),),
    prices=(Price("sketch", 0),),
    paid=False,
    source_type="algorithmicMedia",
    # Apart, so that a demo's URLs become real pictures when a key is set.
    bindings="sketch-bindings",
)


def _png(resolved: Resolved, content_key: str, sources: Sources) -> bytes:
    from promptcdn.generators.sketch.drawing import draw  # late: Pillow, for those who draw

    file = BytesIO()
    draw(resolved, content_key, sources).save(file, "PNG", compress_level=1)  # the store's copy; renditions are smaller
    return file.getvalue()
