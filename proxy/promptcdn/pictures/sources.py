"""Stored pictures as generators start from them."""

import io

from PIL import Image, ImageOps

from promptcdn.pictures.encoding import covering, opaque
from promptcdn.pictures.files import plain, saved
from promptcdn.url.engines import Size

# They are sent once and not kept: speed goes before size.
_EFFORT = 1


def as_init(master_png: bytes, size: Size | None) -> bytes:
    """A master as the picture to start from: in whole colours, on white where it is transparent, and of that size.

    `None` leaves it its own size. A master that is all this already is given back as it is.
    """
    with Image.open(io.BytesIO(master_png), formats=("PNG",)) as image:
        size = size or image.size
        if image.mode == "RGB" and size == image.size:
            return master_png
        return saved(covering(opaque(plain(image)), size), "PNG", compress_level=_EFFORT)


def as_mask(master_png: bytes, size: Size) -> bytes:
    """A master as a mask of that size: how bright each pixel is, and white where it is transparent."""
    with Image.open(io.BytesIO(master_png), formats=("PNG",)) as image:
        return saved(covering(opaque(plain(image)), size).convert("L"), "PNG", compress_level=_EFFORT)


def negative(mask: bytes) -> bytes:
    """The mask for servers that take black for what may change."""
    with Image.open(io.BytesIO(mask), formats=("PNG",)) as image:
        return saved(ImageOps.invert(image), "PNG", compress_level=_EFFORT)
