"""Several pictures as one: rows of two, in the size of the first."""

import io
from collections.abc import Sequence

from PIL import Image

from promptcdn.pictures.encoding import covering, opaque
from promptcdn.pictures.files import READ_FORMATS, plain, saved, source_type, xmp

COLUMNS = 2
_GAP = 8
_QUALITY = 90
_EMPTY = (128, 128, 128)


def grid(files: Sequence[bytes | None]) -> bytes:
    """The pictures from left to right and from top to bottom, as a WebP; a grey field for each that is `None`.

    It has the mark of the first picture. Raises `ValueError` where there is none.
    """
    first = next((file for file in files if file is not None), None)
    if first is None:
        raise ValueError("a grid needs a picture")
    width, height = _size(first)
    tile = (width - _GAP) // COLUMNS, (height - _GAP) // COLUMNS
    rows = -(-len(files) // COLUMNS)
    whole = Image.new("RGB", (width, rows * (tile[1] + _GAP) - _GAP), "white")
    for number, file in enumerate(files):
        row, column = divmod(number, COLUMNS)
        whole.paste(_tile(file, tile), (column * (tile[0] + _GAP), row * (tile[1] + _GAP)))
    mark = source_type(first)
    return saved(whole, "WEBP", quality=_QUALITY, method=4, **({"xmp": xmp(mark)} if mark else {}))


def _size(file: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(file), formats=READ_FORMATS) as image:
        return image.size


def _tile(file: bytes | None, size: tuple[int, int]) -> Image.Image:
    if file is None:
        return Image.new("RGB", size, _EMPTY)
    with Image.open(io.BytesIO(file), formats=READ_FORMATS) as image:
        return opaque(covering(plain(image), size))
