"""From an order to a picture: choose scene and colours, draw, finish in a style, mount like a print."""

from PIL import Image

from promptcdn.generators.sketch.canvas import Canvas
from promptcdn.generators.sketch.mount import Mount
from promptcdn.generators.sketch.scenes import SCENES
from promptcdn.generators.sketch.stage import Stage
from promptcdn.generators.sketch.stream import Stream
from promptcdn.generators.sketch.styles import PLAIN, STYLES
from promptcdn.generators.sketch.subjects import palette_for, scene_for
from promptcdn.url.request import Resolved


def draw(resolved: Resolved, content_key: str) -> Image.Image:
    """The picture for an order, an RGB image of exactly its size.

    The prompt chooses the scene; everything else follows from the content key, which covers every parameter.
    """
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
    return mount.around(image, palette)
