"""Renditions: a master in the formats that browsers take, in any smaller size."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image

from promptcdn.pictures import sizing
from promptcdn.pictures.files import READ_FORMATS, Pixels, master, plain, saved, xmp
from promptcdn.pictures.sizing import Variant
from promptcdn.url import formats
from promptcdn.url.engines import Size


@dataclass(frozen=True)
class PillowEncoder:
    """Pillow's name of a format and the options of its writer. `opaque`: the format knows no transparency.

    `slows`: its library leaves the processor in a state in which other encoders are slower (`_recover`).
    """

    name: str
    options: Mapping[str, object]
    opaque: bool = False
    slows: bool = False


# One for each row of `formats`.
# Effort against size, measured on 1024x1024: WebP 2 takes 42 % of the time of 4 for 4 % more bytes, AVIF speed 8 a
# quarter of 6's for 3 % more; below 6 it takes seconds. One thread each: the others answer hits.
ENCODERS = {
    "avif": PillowEncoder("AVIF", {"speed": 8, "max_threads": 1}, slows=True),
    "webp": PillowEncoder("WEBP", {"method": 2}),
    "jpeg": PillowEncoder("JPEG", {"optimize": True, "progressive": True}, opaque=True),
    "png": PillowEncoder("PNG", {"compress_level": 6}),
}
# Pillow's own advice: shrink in two steps, of which the first is fast and the second good.
_REDUCING_GAP = 3.0


def encoded(master_png: bytes, made: Variant, source_type: str, pixels: Pixels | None = None) -> bytes:
    """A rendition of a master. `pixels` are the master's, where the caller has them: then nothing is decoded."""
    if pixels is not None:
        return _encoded(pixels.image, made, source_type)
    with Image.open(io.BytesIO(master_png), formats=("PNG",)) as image:
        return _encoded(plain(image), made, source_type)


def _encoded(image: Image.Image, made: Variant, source_type: str) -> bytes:
    encoder = ENCODERS[made.format]
    if made.size is not None:
        image = image.resize(made.size, Image.Resampling.LANCZOS, sizing.cut(made, image.size), _REDUCING_GAP)
    if made.format == "png":
        return master(saved(image, encoder.name, **encoder.options), source_type)
    quality = made.quality or formats.BY_NAME[made.format].quality
    picture = opaque(image) if encoder.opaque else image
    file = saved(picture, encoder.name, **encoder.options, quality=quality, xmp=xmp(source_type))
    if encoder.slows:
        _recover()
    return file


def _recover() -> None:
    """Makes this thread as fast again as it was before AVIF was encoded in it.

    libaom leaves the upper halves of the AVX registers in use, and code for the lower halves is slower until somebody
    clears them: a WebP that the thread encodes after that takes up to half as long again (measured: 46 ms for 31).
    libjpeg-turbo clears them (`vzeroupper`), so the smallest JPEG helps, in 0.2 ms.
    """
    saved(Image.new("L", (8, 8)), "JPEG")


def restored(rendition: bytes, size: Size, source_type: str) -> bytes:
    """A rendition as the PNG that stands in for its lost master: the same pixels, enlarged where it is smaller."""
    with Image.open(io.BytesIO(rendition), formats=[encoder.name for encoder in ENCODERS.values()]) as image:
        pixels = plain(image)
        if pixels.size != size:
            pixels = pixels.resize(size, Image.Resampling.LANCZOS)
        return master(saved(pixels, "PNG", compress_level=6), source_type)


def fitted(picture: bytes, size: Size) -> bytes:
    """A picture that `files.decoded` knows, brought to `size` as a PNG: scaled until it covers that, and cut equally at
    both ends where its shape is another one."""
    with Image.open(io.BytesIO(picture), formats=READ_FORMATS) as image:
        return saved(covering(plain(image), size), "PNG", compress_level=6)


def covering(image: Image.Image, size: Size) -> Image.Image:
    """The picture in another size: scaled until it covers that, and cut equally at both ends."""
    if image.size == size:
        return image
    box = sizing.cut(Variant("png", size, cropped=True), image.size)
    return image.resize(size, Image.Resampling.LANCZOS, box, _REDUCING_GAP)


def opaque(image: Image.Image) -> Image.Image:
    """On white, for formats that know no transparency."""
    if image.mode == "RGB":
        return image
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper
