"""What a text looks like to a person who reads past its tricks.

`foldings` remove what a reader does not see or does not mind: invisible characters, width and fancy letters (NFKC),
accents, look-alikes of other scripts, case. `readings` then split the text into words, in every way in which people
read spaced-out letters as one word. Rules and prompts are folded alike, so that they compare in every script.

Marks are removed where a word stays the same word without them (Latin, Greek, Cyrillic, Hebrew points, Arabic vowels),
and kept where they are letters (Indic vowels, Thai tones, the voicing of kana).
"""

import re
from collections.abc import Iterator

import unicodedata2 as unicode

from promptcdn.guard.denylist.look_alikes import AS_LATIN, CAPITALS_AS_LATIN

# Default_Ignorable_Code_Point (Unicode DerivedCoreProperties), and the interlinear annotations behind it.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# Marks of no single script, of Cyrillic, Hebrew and Arabic, and the stroke that only lengthens Arabic words.
_MARKS = re.compile(
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f\u0483-\u0489"
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed]"
)
# Thai, Lao, Burmese, Khmer, kana and Han put no blanks between words.
_WITHOUT_BLANKS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)
_SYMBOLS = "@$€+!|"
_STANDS_FOR_A_LETTER = re.compile(f"[0-9{re.escape(_SYMBOLS)}]")
# 1 may be i or l, so the two are one here.
_SHAPES = str.maketrans("0123456789@$€+!|i", "olzeasgtbgasetlll")

# Single letters in a row; and the same behind the article, whose `a` is not one of them.
_ROW = re.compile(r"(?<!\S)(\S(?: \S)+)(?!\S)")
_ROW_AFTER_ARTICLE = re.compile(r"(?<=\ba )(\S(?: \S)+)(?!\S)")
_DRAWN_OUT = re.compile(r"(.)\1{2,}")


def visible(text: str) -> str:
    """`text` without what cannot be seen: joiners, direction marks, variation selectors, tags, fillers. In NFC."""
    seen: str = unicode.normalize("NFC", _INVISIBLE.sub("", text))
    return seen


def foldings(text: str) -> tuple[str, ...]:
    """`text` with one spelling for what looks the same: by its letters, then by its capitals' looks where they differ.

    Lengths change; blanks and punctuation stay.
    """
    bare = _MARKS.sub("", unicode.normalize("NFKD", visible(text)))
    cases = dict.fromkeys((bare.casefold(), bare.translate(CAPITALS_AS_LATIN).casefold()))
    return tuple(unicode.normalize("NFC", case.translate(AS_LATIN)) for case in cases)


def in_words(letter: str) -> bool:
    """Whether a word may contain it: a letter, a mark or a digit."""
    return unicode.category(letter)[0] in "LMN"


def words(text: str) -> list[str]:
    """The words of a folded text; of scripts that put no blanks between words, each letter."""
    return _spaced(text).split()


def readings(text: str) -> tuple[list[str], ...]:
    """The words of a folded text in every way to read it, each way once:

    as it stands; with symbols read as letters, and single letters in a row as one word (`n u d e`, `n.u.d.e`), with and
    without an article before them; with all that stands between two blanks as one word (`nu-de`).
    """
    with_symbols = " ".join(_trimmed(_spaced(text, _SYMBOLS).split()))
    chunks = (_spaced(chunk, _SYMBOLS).replace(" ", "") for chunk in text.split())
    ways = (
        words(text),
        _ROW.sub(_closed_up, with_symbols).split(),
        _ROW_AFTER_ARTICLE.sub(_closed_up, with_symbols).split(),
        list(_trimmed(chunks)),
    )
    return tuple(way for i, way in enumerate(ways) if way not in ways[:i])


def undrawn(word: str) -> tuple[str, ...]:
    """The spellings of a word with drawn-out letters (`nuuude`): three or more of one letter as one, and as two."""
    if _DRAWN_OUT.search(word) is None:
        return ()
    return _DRAWN_OUT.sub(r"\1", word), _DRAWN_OUT.sub(r"\1\1", word)


def shape(word: str) -> str:
    """What a word looks like with its digits and symbols as letters; words with one shape may be each other."""
    return word.translate(_SHAPES)


def is_disguised(word: str) -> bool:
    """Whether digits or symbols stand for letters in it. Numbers, `4k` and model names (`A55`, `T17`) are not."""
    digits = sum(letter.isdecimal() for letter in word)
    if len(word) < 3 or digits == len(word) or (len(word) == 3 and digits > 1):
        return False
    return _STANDS_FOR_A_LETTER.search(word) is not None


def _spaced(text: str, also: str = "") -> str:
    """`text` with a blank for all but letters, marks, digits and `also`."""
    kept = "".join(letter if letter in also or in_words(letter) else " " for letter in text)
    return _WITHOUT_BLANKS.sub(r" \g<0> ", kept)


def _closed_up(row: re.Match[str]) -> str:
    return row[1].replace(" ", "")


def _trimmed(words: Iterator[str] | list[str]) -> Iterator[str]:
    """An exclamation mark is a letter only within a word."""
    return (trimmed for word in words if (trimmed := word.strip("!|")))
