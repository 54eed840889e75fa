"""Picture files: what is no whole picture is refused, pixels are kept, and what a server wrote into the file is not."""

import io
import struct
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from promptcdn import pictures
from promptcdn.pictures import sizing
from promptcdn.pictures.sizing import Variant
from promptcdn.pictures.validation import Decoded
from promptcdn.url.formats import BY_NAME
from promptcdn.url.request import Delivery
from tests.support.fakes import MARK, picture

WRITTEN = "the prompt, the key and the seed"
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def scene(mode: str = "RGB") -> Image.Image:
    """A picture with something in it, so that equal pixels mean something."""
    gradient = Image.merge("RGB", [Image.linear_gradient("L"), Image.radial_gradient("L"), Image.new("L", (256, 256))])
    return gradient.resize((32, 24)).convert(mode)


def file_of(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def pixels(data: bytes, mode: str = "RGBA") -> bytes:
    return opened(data).convert(mode).tobytes()


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def kinds(png: bytes) -> list[bytes]:
    """The kinds of a PNG's chunks, one mention each."""
    found, offset = [], len(SIGNATURE)
    while offset < len(png):
        length, kind = struct.unpack_from(">I4s", png, offset)
        found.append(kind)
        offset += length + 12
    return list(dict.fromkeys(found))


def with_chunks(*chunks: bytes) -> bytes:
    """A good PNG with `chunks` behind its header."""
    whole, header_end = file_of(scene()), len(SIGNATURE) + 25
    return whole[:header_end] + b"".join(chunks) + whole[header_end:]


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that declares a size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND")


# Looking


@pytest.mark.parametrize(
    ("format_", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")]
)
def test_a_whole_picture_is_seen_with_its_type_and_size(format_: str, media_type: str) -> None:
    assert pictures.decoded(file_of(scene(), format_)) == Decoded(media_type, 32, 24)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 1000,
        b"<!doctype html><title>502 Bad Gateway</title>",
        b'{"error": "out of credits"}',
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        SIGNATURE,
        SIGNATURE + chunk(b"IEND"),
        file_of(scene(), "GIF"),
        file_of(scene(), "BMP"),
        file_of(scene(), "TIFF"),
        file_of(scene(), "JPEG")[:500],
        file_of(scene(), "WEBP", lossless=True)[:200],
    ],
    ids=[
        "nothing",
        "zeros",
        "html",
        "json",
        "svg",
        "signature",
        "no picture",
        "gif",
        "bmp",
        "tiff",
        "torn jpeg",
        "torn webp",
    ],
)
def test_what_is_no_picture_that_generators_send_is_not_seen(data: bytes) -> None:
    assert pictures.decoded(data) is None


def test_no_prefix_of_a_png_is_a_picture() -> None:
    whole = file_of(scene())

    assert [length for length in range(len(whole)) if pictures.decoded(whole[:length]) is not None] == []


def test_no_flipped_bit_in_a_png_goes_unseen() -> None:
    whole = file_of(scene())
    flipped = (whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in range(len(whole)))

    assert [data for data in flipped if pictures.decoded(data) is not None] == []


@pytest.mark.parametrize("size", [(50_000, 50_000), (2**31 - 1, 2**31 - 1), (4097, 4096), (1, 2**24 + 1), (0, 64)])
def test_a_few_bytes_that_declare_a_huge_picture_are_refused(size: tuple[int, int]) -> None:
    assert pictures.decoded(bomb(*size)) is None


def test_text_that_unpacks_to_a_flood_is_refused() -> None:
    flood = zlib.compress(b"x" * 20_000_000)

    assert pictures.decoded(with_chunks(chunk(b"zTXt", b"prompt\0\0" + flood))) is None


def test_a_flood_of_chunks_is_a_picture_like_any_other() -> None:
    data = with_chunks(chunk(b"prVt") * 20_000)

    assert pictures.decoded(data) == Decoded("image/png", 32, 24)
    assert len(pictures.master(data, MARK)) < 10_000


SOURCES = [
    file_of(scene()),
    file_of(scene("P"), exif=Image.Exif(), dpi=(72, 72)),
    file_of(scene(), "JPEG"),
    file_of(scene(), "WEBP"),
    file_of(scene("RGBA"), "WEBP", lossless=True),
]


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.sampled_from(SOURCES), st.lists(st.tuples(st.integers(8, 2000), st.integers(0, 255)), min_size=1, max_size=4))
def test_of_a_damaged_file_there_is_a_whole_master_or_none(whole: bytes, damages: list[tuple[int, int]]) -> None:
    damaged = bytearray(whole)
    for place, value in damages:
        damaged[place % len(damaged)] = value

    seen = pictures.decoded(bytes(damaged))

    if seen is not None:
        assert pictures.decoded(pictures.master(bytes(damaged), MARK)) == Decoded("image/png", seen.width, seen.height)


# Masters


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "1", "I;16"])
def test_a_png_keeps_its_pixels_whatever_its_mode(mode: str) -> None:
    image = scene("I").convert("I;16") if mode == "I;16" else scene(mode)
    master = pictures.master(file_of(image), MARK)

    assert opened(master).mode == opened(file_of(image)).mode
    assert opened(master).tobytes() == opened(file_of(image)).tobytes()


def test_colour_profiles_and_transparency_are_part_of_the_pixels() -> None:
    data = file_of(scene("P"), transparency=3, icc_profile=b"a profile" * 20)
    kept = opened(pictures.master(data, MARK))

    assert kept.info["icc_profile"] == b"a profile" * 20
    assert kept.convert("RGBA").tobytes() == pixels(data)


@pytest.mark.parametrize(
    ("format_", "options"),
    [("JPEG", {"quality": 90}), ("JPEG", {"quality": 50, "progressive": True}), ("WEBP", {"quality": 90})],
)
def test_another_format_becomes_a_png_of_equal_pixels(format_: str, options: dict[str, object]) -> None:
    data = file_of(scene(), format_, **options)
    master = pictures.master(data, MARK)

    assert opened(master).format == "PNG"
    assert pixels(master) == pixels(data)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_jpeg_of_other_colours_becomes_an_equal_png(mode: str) -> None:
    data = file_of(scene(mode), "JPEG")

    assert pixels(pictures.master(data, MARK), "RGB") == pixels(data, "RGB")


def test_a_transparent_webp_stays_transparent() -> None:
    image = scene("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    data = file_of(image, "WEBP", lossless=True, exact=True)

    assert pixels(pictures.master(data, MARK)) == image.tobytes()


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
def test_of_an_animation_the_first_picture_is_kept(format_: str) -> None:
    first, second = Image.new("RGB", (32, 24), "teal"), Image.new("RGB", (32, 24), "red")
    data = file_of(first, format_, save_all=True, append_images=[second], lossless=True)
    master = pictures.master(data, MARK)

    assert pictures.decoded(data) is not None
    assert getattr(opened(master), "n_frames", 1) == 1
    assert pixels(master, "RGB") == first.tobytes()


# What a server wrote into the file


def told_in_png(kind: str) -> bytes:
    text = PngInfo()
    if kind == "eXIf":
        exif = Image.Exif()
        exif[0x010E] = WRITTEN
        return file_of(scene(), exif=exif)
    if kind == "iTXt":
        text.add_itxt("prompt", WRITTEN)
    elif kind == "iTXt, packed":
        text.add_itxt("prompt", WRITTEN, zip=True)
    else:
        text.add_text("parameters", WRITTEN, zip=kind == "zTXt")
    return file_of(scene(), pnginfo=text)


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt", "iTXt, packed", "eXIf"])
def test_text_in_a_png_is_taken_out_and_pixels_stay(kind: str) -> None:
    data = told_in_png(kind)
    master = pictures.master(data, MARK)

    assert kind[:4].encode() in kinds(data)
    assert kinds(master) == [b"IHDR", b"iTXt", b"IDAT", b"IEND"]
    assert set(opened(master).info) <= {"XML:com.adobe.xmp", "xmp"}
    assert pixels(master) == pixels(data)


def test_what_stands_behind_the_end_of_a_png_is_cut() -> None:
    data = file_of(scene())

    assert pictures.master(data + WRITTEN.encode(), MARK) == pictures.master(data, MARK)


@pytest.mark.parametrize("format_", ["JPEG", "WEBP"])
def test_text_in_other_formats_is_taken_out(format_: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = WRITTEN
    told = {"exif": exif, "xmp": WRITTEN.encode()} | ({"comment": WRITTEN} if format_ == "JPEG" else {})
    data = file_of(scene(), format_, **told)
    master = pictures.master(data, MARK)

    assert WRITTEN.encode() in data
    assert kinds(master) == [b"IHDR", b"iTXt", b"IDAT", b"IEND"]
    assert WRITTEN.encode() not in master


def test_a_master_that_is_cleaned_again_stays_as_it_is() -> None:
    master = pictures.master(told_in_png("tEXt"), MARK)

    assert pictures.master(master, MARK) == master


def test_equal_answers_give_equal_masters() -> None:
    assert pictures.master(told_in_png("tEXt"), MARK) == pictures.master(told_in_png("zTXt"), MARK)


# The mark of generated pictures


@pytest.mark.parametrize("format_", BY_NAME)
@pytest.mark.parametrize("source", ["algorithmicMedia", "trainedAlgorithmicMedia"])
def test_every_format_says_where_the_picture_comes_from(format_: str, source: str) -> None:
    """A format is not added where Pillow cannot write XMP into it: some of its writers leave the mark out silently."""
    master = pictures.master(picture(), source)

    told = opened(pictures.encoded(master, Variant(format_), source)).info.get("xmp", b"")
    assert f'DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/{source}"'.encode() in told


# Renditions


@pytest.mark.parametrize("format_", ["webp", "jpeg", "avif"])
def test_a_rendition_is_the_same_picture_in_full_size(format_: str) -> None:
    data = pictures.encoded(pictures.master(file_of(scene()), MARK), Variant(format_), MARK)
    image = opened(data)

    assert Image.MIME[image.format or ""] == BY_NAME[format_].media_type == f"image/{format_}"
    assert image.size == (32, 24)
    colours = zip(image.convert("RGB").resize((1, 1)).tobytes(), scene().resize((1, 1)).tobytes(), strict=True)
    assert all(abs(ours - theirs) < 16 for ours, theirs in colours)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "RGBA", "I;16"])
@pytest.mark.parametrize("format_", ["webp", "jpeg", "avif"])
def test_masters_of_every_mode_can_be_encoded(mode: str, format_: str) -> None:
    image = scene("I").convert("I;16") if mode == "I;16" else scene(mode)
    data = pictures.encoded(pictures.master(file_of(image), MARK), Variant(format_), MARK)

    assert opened(data).size == (32, 24)


def told_in_jpeg() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = WRITTEN
    return file_of(scene(), "JPEG", exif=exif, comment=WRITTEN, xmp=WRITTEN.encode(), icc_profile=b"a profile" * 20)


ANSWERS = {
    "plain": file_of(scene()),
    "grey of 16 bits": file_of(scene("I").convert("I;16")),
    "palette": file_of(scene("P"), transparency=3, icc_profile=b"a profile" * 20, dpi=(72, 72), gamma=0.5),
    "transparent": file_of(scene("LA")),
    "text": told_in_png("iTXt"),
    "exif": told_in_png("eXIf"),
    "jpeg": told_in_jpeg(),
    "webp": file_of(scene("RGBA"), "WEBP", lossless=True, xmp=WRITTEN.encode()),
    "one colour transparent": file_of(scene(), transparency=(0, 0, 0)),
}


@pytest.mark.parametrize(
    "variant", [*map(Variant, BY_NAME), *(Variant(f, (16, 12)) for f in ("webp", "png"))], ids=lambda made: made.label
)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_pixels_at_hand_give_the_bytes_that_the_master_gives(answer: bytes, variant: Variant) -> None:
    """A rendition is the same whether a picture's first decoding or its stored master is encoded."""
    seen = pictures.seen(answer)
    assert seen is not None
    master = pictures.master(answer, MARK, seen.pixels)

    assert master == pictures.master(answer, MARK)
    made = pictures.encoded(b"", variant, MARK, seen.pixels)
    assert made == pictures.encoded(master, variant, MARK)
    assert WRITTEN.encode() not in made


def test_an_avif_does_not_slow_down_the_encodes_that_follow() -> None:
    """libaom leaves the processor's registers in a state in which WebP takes half as long again, in the same thread."""
    pixels_at_hand = pictures.Pixels.of(scene().resize((256, 256)))

    def encode(format_: str) -> float:
        began = time.thread_time()
        pictures.encoded(b"", Variant(format_), MARK, pixels_at_hand)
        return time.thread_time() - began

    encode("jpeg")
    before = min(encode("webp") for _ in range(20))
    after = []
    for _ in range(20):
        encode("avif")
        after.append(encode("webp"))

    assert min(after) < 1.3 * before


def test_transparent_is_white_in_a_format_without_transparency() -> None:
    master = pictures.master(file_of(Image.new("RGBA", (32, 24), (255, 0, 0, 0))), MARK)

    assert opened(pictures.encoded(master, Variant("jpeg"), MARK)).getpixel((9, 9)) == (255, 255, 255)
    assert opened(pictures.encoded(master, Variant("webp"), MARK)).mode == "RGBA"


def test_a_thumbnail_that_needs_no_cut_to_a_rounding_is_encoded() -> None:
    master = pictures.master(file_of(Image.new("RGB", (1152, 896), "teal")), MARK)
    made = sizing.variant(Delivery(w=200, h=200, fit="cover"), (1152, 896))

    assert opened(pictures.encoded(master, made, MARK)).size == (200, 200)


def test_sixteen_bits_of_grey_are_shown_as_bright_as_they_are() -> None:
    file = io.BytesIO()
    Image.new("I;16", (64, 64), 30000).save(file, "PNG")

    shown = pictures.encoded(pictures.master(file.getvalue(), MARK), Variant("jpeg"), MARK)

    with Image.open(io.BytesIO(shown)) as image:
        assert image.convert("L").getpixel((5, 5)) == pytest.approx(30000 / 256, abs=3)
