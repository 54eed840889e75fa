"""From an order to a picture: choose scene and colours, draw, finish in a style, mount like a print."""

from io import BytesIO

from PIL import Image

from promptcdn.generators import NO_SOURCES, Sources
from promptcdn.generators.sketch.canvas import Canvas
from promptcdn.generators.sketch.mount import Mount
from promptcdn.generators.sketch.scenes import SCENES
from promptcdn.generators.sketch.stage import Stage
from promptcdn.generators.sketch.stream import Stream
from promptcdn.generators.sketch.styles import PLAIN, STYLES
from promptcdn.generators.sketch.subjects import palette_for, scene_for
from promptcdn.url.request import Resolved


def draw(resolved: Resolved, content_key: str, sources: Sources = NO_SOURCES) -> Image.Image:
    """The picture for an order, an RGB image of exactly its size.

    The prompt chooses the scene; everything else follows from the content key, which covers every parameter.
    """
    if sources.init is None:
        return _drawn(resolved, content_key)
    init = _opened(sources.init)
    if resolved.upscale is not None:
        return init.resize(resolved.size, Image.Resampling.BICUBIC)  # twice as large, each weight is exact
    sheet = _drawn(resolved, content_key, init)
    return sheet if sources.mask is None else Image.composite(sheet, init, _opened(sources.mask))


def _drawn(resolved: Resolved, content_key: str, init: Image.Image | None = None) -> Image.Image:
    """The mounted drawing; with `init`, which has its size, that shows through by as much as `strength` leaves."""
    stream = Stream(content_key)
    style = STYLES.get(resolved.style_preset or "", PLAIN)
    palette = palette_for(resolved.prompt, style.hours, stream)
    mount = Mount(resolved.width, resolved.height, resolved.prompt)
    canvas = Canvas(*mount.opening, grainy=style.grainy)
    SCENES[scene_for(resolved.prompt)](Stage(canvas, palette, stream.child("scene")))
    image = canvas.image
    if stream.chance(50):
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for finish in style.finishes:
        image = finish(image)
    if init is not None and resolved.strength is not None:
        left, top, (width, height) = mount.margin, mount.margin, mount.opening
        beneath = init.crop((left, top, left + width, top + height))
        image = Image.composite(image, beneath, Image.new("L", image.size, round(resolved.strength * 255)))
    return mount.around(image, palette)


def _opened(png: bytes) -> Image.Image:
    with Image.open(BytesIO(png), formats=("PNG",)) as image:
        image.load()
        return image
