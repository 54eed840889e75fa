"""Picture files as they come: decode, and clean of what a server wrote into them."""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from PIL import Image

from promptcdn.pictures.validation import PIXELS_MAX, Decoded

_BOMB, _BOMB_WARNING = Image.DecompressionBombError, Image.DecompressionBombWarning
# What generators answer with.
READ_FORMATS = ("PNG", "JPEG", "WEBP")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What pixels need to look right. Everything else is text that a server wrote: prompts, ids, settings.
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP"})
# As Pillow names them: the profile of the colours, and the one colour that is transparent.
_KEPT_INFO = frozenset({"icc_profile", "transparency"})
_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype"
# Every format has XMP in its files as it is, so that other programs find it without knowing the format.
_MARK = re.compile(rf'DigitalSourceType="{re.escape(_SOURCE_TYPES)}/([A-Za-z]+)"'.encode())


@dataclass(frozen=True)
class Pixels:
    """A decoded picture, ready to be encoded: nothing that a server wrote into its file goes along.

    `size` is in bytes: Pillow holds a pixel of any colours in four.
    """

    image: Image.Image
    size: int

    @classmethod
    def of(cls, image: Image.Image) -> Self:
        """Of a picture whose file is open."""
        image.load()
        whole = plain(image)
        # What Pillow's writers take over beside the pixels and stays in a master; they would take over comments too.
        whole.info = {name: value for name, value in whole.info.items() if name in _KEPT_INFO}
        return cls(whole, 4 * whole.width * whole.height)


@dataclass(frozen=True)
class Seen:
    """What decoding a file gave: its type and size, and its pixels."""

    decoded: Decoded
    pixels: Pixels


def decoded(data: bytes) -> Decoded | None:
    """What decoding `data` shows, or `None` where it is no whole picture of a sane size."""
    found = seen(data)
    return None if found is None else found.decoded


def seen(data: bytes) -> Seen | None:
    """As `decoded`, with the pixels: whoever goes on to encode them need not decode the file again."""
    try:
        with Image.open(io.BytesIO(data), formats=READ_FORMATS) as image:
            # The declared size is read first: a bomb is refused before it is unpacked.
            if image.width * image.height > PIXELS_MAX:
                return None
            image.load()
            if image.format == "PNG":
                _require_whole_png(data)
            found = Decoded(f"image/{str(image.format).lower()}", image.width, image.height)
            return Seen(found, Pixels.of(image))
    except (OSError, ValueError, SyntaxError, EOFError, zlib.error, struct.error, _BOMB, _BOMB_WARNING):
        return None


def master(data: bytes, source_type: str, pixels: Pixels | None = None) -> bytes:
    """A picture that `decoded` knows as the PNG that is stored: same pixels, no text in it but where it comes from.

    `pixels` are those of `data`, where the caller has decoded it.
    """
    if not data.startswith(_PNG_SIGNATURE):
        data = saved((pixels or _pixels(data)).image, "PNG", compress_level=6)
    chunks = [chunk for kind, chunk in _png_chunks(data) if kind in _PNG_KEPT]
    text = b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(source_type)
    return b"".join([_PNG_SIGNATURE, chunks[0], _png_chunk(b"iTXt", text), *chunks[1:]])


def source_type(file: bytes) -> str | None:
    """The mark of a picture that was made here, in any format; `None` where it has none."""
    found = _MARK.search(file)
    return found and found[1].decode()


def _pixels(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data), formats=READ_FORMATS) as image:
        return Pixels.of(image)


def plain(image: Image.Image) -> Image.Image:
    """The picture in whole colours of 8 bits, with transparency only where it has any."""
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off at 255
        image = image.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")
    return image if image.mode in ("RGB", "RGBA") else image.convert("RGBA" if image.has_transparency_data else "RGB")


def saved(image: Image.Image, format_: str, **options: object) -> bytes:
    """The file; `options` are those of Pillow's writer for the format."""
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and raw bytes of each chunk (PNG specification, section 5.3) up to the end of the picture."""
    offset = len(_PNG_SIGNATURE)
    kind = b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, offset)
        chunk = data[offset : offset + length + 12]
        if len(chunk) != length + 12:
            raise ValueError("a chunk ends too early")
        yield kind, chunk
        offset += length + 12


def _require_whole_png(data: bytes) -> None:
    """Pillow is content without an end and without the pixels' checksums; browsers are not."""
    for _, chunk in _png_chunks(data):
        if struct.unpack(">I", chunk[-4:])[0] != zlib.crc32(chunk[4:-4]):
            raise ValueError("a chunk's checksum is wrong")


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def xmp(source_type: str) -> bytes:
    """IPTC's DigitalSourceType, the mark of generated pictures that search engines and laws look for.

    `source_type` is a term of that vocabulary, like `trainedAlgorithmicMedia`.
    """
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f'Iptc4xmpExt:DigitalSourceType="{_SOURCE_TYPES}/{source_type}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()
