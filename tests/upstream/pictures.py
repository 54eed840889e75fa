"""Pictures that cost nothing: flat, quick, another one at each call, and real PNGs of the size asked.

Real services do not draw the same pixels twice, after an upgrade at the latest: a test whose upstream repeats itself
cannot see that a picture was paid for again and shown in place of the first one.
"""

import hashlib
import io
import random
import struct
import zlib
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def picture(request: Any, call: str, size: tuple[int, int] | None = None, *, noise: bool = False) -> bytes:
    """A picture of a gRPC request, with the text that a self-hosted server writes into its files."""
    what = f"{request.engine_id} {[prompt.text for prompt in request.prompt]} {list(request.image.seed)}"
    return drawn(what, call, size or _size(request), f"{what} {request.request_id}", noise=noise)


def _size(request: Any) -> tuple[int, int]:
    """As asked for. Of an upscaler one side is asked for, and the picture that came along has the shape."""
    width, height = request.image.width, request.image.height
    if not height:
        with Image.open(io.BytesIO(request.prompt[0].artifact.binary)) as init:
            height = width * init.height // init.width
    return width, height


def drawn(what: str, call: str, size: tuple[int, int], text: str, *, noise: bool = False) -> bytes:
    """A picture of `what` with `text` in its file; its colours are the `call`'s alone.

    One of `noise` stays large in every format; as a PNG it has three bytes a pixel.
    """
    colours = hashlib.sha256(f"{call} {what}".encode()).digest()
    width, height = size
    if noise:
        image = Image.frombytes("RGB", (width, height), random.Random(colours).randbytes(3 * width * height))
    else:
        image = Image.new("RGB", (width, height), tuple(colours[:3]))
        image.paste(tuple(colours[3:6]), (width // 4, height // 4, width // 2, height // 2))
    chunks = PngInfo()
    chunks.add_text("generation_parameters", text)
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=chunks, compress_level=1)
    return file.getvalue()


def padded(png: bytes, size: int) -> bytes:
    """`png` brought to `size` bytes by a chunk of noise that decoders pass over."""
    noise = random.Random(1).randbytes(max(0, size - len(png) - 12))
    return png[:-12] + _chunk(b"noIs", noise) + png[-12:]


def bomb() -> bytes:
    """A few bytes that say they are 50,000 by 50,000 pixels."""
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
