"""Every picture format, one row each. The row is all that the service knows of a format but its encoder.

A format is added by its row here and an encoder of the same name in `pictures.encoding`. Pillow must be
able to write XMP into its files: every picture carries the mark of where it comes from.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """One row.

    name        the value of `format` in URLs; the names of stored renditions end in it, so it is never changed
    media_type  of the file (RFC 9110 section 8.3)
    extension   of paths, without its dot; `format` understands the extension too
    quality     the usual `q`; `None` for a format that keeps every pixel and has none
    loss        the rank of what the usual quality loses of a master: 0 is nothing, and no two formats share a rank
    by_name     `format=auto` gives it only to clients whose `Accept` names it, and not to those that take `image/*`
    everywhere  what makes documents, books and mail shows it too, and not only what shows web pages
    """

    name: str
    media_type: str
    extension: str
    quality: int | None
    loss: int
    by_name: bool = False
    everywhere: bool = False


# The order in which `format=auto` likes them: the format with the smallest files first.
FORMATS = (
    # Younger than many clients that send `image/*`.
    Format("avif", "image/avif", "avif", quality=60, loss=1, by_name=True),
    Format("webp", "image/webp", "webp", quality=80, loss=2),
    Format("jpeg", "image/jpeg", "jpg", quality=80, loss=3, everywhere=True),
    Format("png", "image/png", "png", quality=None, loss=0, everywhere=True),
)
BY_NAME = {row.name: row for row in FORMATS}
BY_MEDIA_TYPE = {row.media_type: row for row in FORMATS}
BY_EXTENSION = {f".{row.extension}": row for row in FORMATS}
# Paths end in the format's name too: `/i.jpeg` is `/i.jpg`.
BY_FILE_EXTENSION = {f".{ending}": row for row in FORMATS for ending in (row.extension, row.name)}

# What a URL that names no format gets, and every image proxy.
DEFAULT = BY_NAME["webp"]
# The value of `format` where `Accept` decides.
AUTO = "auto"
# What is cut off the end of `/prompt/{prompt}`: these four for ever, whatever rows are added above. One more would
# shorten prompts in URLs that are published, and a shorter prompt is another picture.
PROMPT_EXTENSIONS = {extension: BY_EXTENSION[extension] for extension in (".avif", ".webp", ".jpg", ".png")}
# The same name by its extension: `jpg` for `jpeg`.
SPELLINGS = {row.extension: row.name for row in FORMATS if row.extension != row.name}


def extension_of(media_type: str) -> str:
    """What a file of this type is called, behind its dot; `img` for a type that is none of ours."""
    row = BY_MEDIA_TYPE.get(media_type)
    return "img" if row is None else row.extension


def split_extension(path: str, extensions: Mapping[str, Format] = BY_FILE_EXTENSION) -> tuple[str, str | None]:
    """A path without its extension, and the name of the extension's format; `None` where it is none of `extensions`."""
    stem, dot, extension = path.rpartition(".")
    row = extensions.get(dot + extension)
    return (path, None) if row is None else (stem, row.name)
