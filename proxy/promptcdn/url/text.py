"""Normalising text: one spelling for what looks the same, and an error for invisible characters.

One pinned Unicode version decides everything here (`unicodedata2`), never the interpreter's: the normalised text is
hashed into keys, which must not change when Python is upgraded.
"""

import re

import unicodedata2 as unicode

UNICODE_VERSION = "18.0.0"

# Property White_Space (Unicode PropList). U+001C to U+001F are not in it, whatever `str.split` says.
_WHITE_SPACE = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
# Soft hyphen, zero-width space, word joiner, BOM; and what text that is pasted from chats brings along to set its
# direction: Arabic letter mark, embeddings, overrides and isolates. They change how a text looks, not what it says.
_DROPPED = re.compile("[\u00ad\u061c\u200b\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_JOINERS_AND_MARKS = frozenset("\u200c\u200d\u200e\u200f")
# Property Prepended_Concatenation_Mark (Unicode PropList): letters that are written around the ones after them. Their
# category is Cf, and they are visible all the same.
_VISIBLE = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
_ALLOWED = _JOINERS_AND_MARKS | _VISIBLE
# UTS #51, emoji tag sequences: a base (with its presentation or skin tone), tags, and the end tag.
# A tag is no base, and the quantifier is possessive: else a row of tags without its end takes quadratic time.
_TAG_SEQUENCE = re.compile(
    "([^\n\U000e0020-\U000e007e])[\ufe0f\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007e]++\U000e007f"
)

# No `0*` before the digits: two ways to match a zero take quadratic time over eight thousand zeros.
_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")


def normalised(text: str) -> str:
    """`text` in the one spelling that is hashed and generated: NFC, each run of white space one blank, trimmed.

    Raises `ValueError` that names the first character which is invisible and not allowed.
    """
    text = unicode.normalize("NFC", _DROPPED.sub("", text))
    text = _WHITE_SPACE.sub(" ", text).strip(" ")
    if strange := _strange(text):
        raise ValueError(f"U+{ord(strange):04X} is an invisible character")
    return text


def number(text: str) -> str | None:
    """The one spelling of a number (`7` for `007` and `7.0`), or `None` where `text` is none."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction = match.groups()
    whole, fraction = whole.lstrip("0") or "0", (fraction or "").rstrip("0")
    spelled = f"{whole}.{fraction}" if fraction else whole
    return spelled if spelled == "0" else sign + spelled


def _strange(text: str) -> str | None:
    if text.isascii() and text.isprintable():
        return None
    seen = _TAG_SEQUENCE.sub(lambda match: match[1] if unicode.category(match[1]) == "So" else match[0], text)
    hidden = (letter for letter in seen if unicode.category(letter) in ("Cc", "Cf"))
    return next((letter for letter in hidden if letter not in _ALLOWED), None)
