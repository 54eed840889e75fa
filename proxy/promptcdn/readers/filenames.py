"""What a picture is called when it is saved: `a-lighthouse-7.webp` (RFC 6266).

Without a name `curl -OJ` fails after it paid for the picture, and others write `index.html?prompt=…` or `image.bin`.
"""

import re
from urllib.parse import quote

import unicodedata2 as unicode

# Of a prompt, so much is looked at and so much is kept: file systems take 255 bytes, and people read less.
_READ_MAX, _STEM_MAX = 120, 60

_APOSTROPHES = re.compile("['’ʼ]")
_DASHES = re.compile("-+")


def stem(prompt: str, seed: int | None) -> str:
    """The name of a prompt's picture without its extension: letters and digits of any script, and dashes between."""
    words = "".join(map(_letter, _APOSTROPHES.sub("", prompt[:_READ_MAX]).lower()))
    shortened = _DASHES.sub("-", words).encode()[:_STEM_MAX].decode("utf-8", "ignore").strip("-")
    return "-".join(filter(None, (shortened or "picture", None if seed is None else str(seed))))


def content_disposition(stem: str, extension: str) -> str:
    """The header's value. A name that is not ASCII comes second, percent-encoded (RFC 8187), for whoever reads it."""
    name, plain = f"{stem}.{extension}", f"{_ascii(stem)}.{extension}"
    encoded = "" if name == plain else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'inline; filename="{plain}"{encoded}'


def _letter(letter: str) -> str:
    """`letter`, or a dash for what is no letter, digit or mark upon a letter: no control character gets through."""
    return letter if unicode.category(letter)[0] in "LMN" else "-"


def _ascii(stem: str) -> str:
    bare = unicode.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    kept = _DASHES.sub("-", re.sub("[^A-Za-z0-9-]", "", bare)).strip("-")
    return kept if re.search("[A-Za-z]", kept) else "-".join(filter(None, ("picture", kept)))
