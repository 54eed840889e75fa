"""The table of look-alike letters: written by a script, and never reading a letter in another way than before."""

import subprocess
import sys
from pathlib import Path

import pytest

from promptcdn.guard.denylist import DenyList, skeleton
from promptcdn.guard.denylist.unicode_confusables import LOOK_ALIKES

ROOT = Path(__file__).parents[2]
# The table of the first version, which was typed by hand.
BEFORE = {
    "a": "αаɑᴀɐᎪꓮ",
    "b": "βвьƅʙɓƀꞵᏴꓐ",
    "c": "сⲥᴄᏟꓚ",
    "d": "ԁᴅđðɖɗᎠꓓ",
    "e": "εеєҽəɛᴇǝꬲᎬꓰ",
    "f": "ꜰƒքϝꞙꓝ",
    "g": "ɡɢցᶃԍᏀᏳꓖ",
    "h": "һհнʜħɦⲏᎻꓧ",
    "i": "ιіıɩɪӏⲓ",
    "j": "јյᴊȷϳᎫꓙ",
    "k": "κкᴋⲕᏦꓗ",
    "l": "ʟłɫǀוᏞⳑꓡ",
    "m": "мᴍɱϻⲙᎷꓟ",
    "n": "ηոռпɴŋɲᴎⲛꓠ",
    "o": "οоօσᴏøθѳⲟꓳ",
    "p": "ρрᴘⲣᏢꓑ",
    "q": "ԛզգ",
    "r": "гʀɾɹⲅᴦᎡᏒꓣ",
    "s": "ѕꜱƽտᏕᏚꓢ",
    "t": "τтᴛŧʇⲧᎢꓔ",
    "u": "υսᴜʋʉμꓴ",
    "v": "νѵᴠᏙꓦ",
    "w": "ωшաѡԝᴡɯᎳᏔꓪ",
    "x": "χх×ⲭꓫ",
    "y": "γуүʏɣⲩꓬ",
    "z": "ᴢƶʐζᏃꓜ",
}


def test_the_table_is_what_the_script_writes() -> None:
    ended = subprocess.run(
        [sys.executable, ROOT / "scripts" / "confusables.py", "--check"], capture_output=True, text=True
    )

    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(("letter", "twins"), BEFORE.items(), ids=BEFORE)
def test_every_look_alike_of_the_first_version_is_read_as_it_was(letter: str, twins: str) -> None:
    assert {twin: skeleton.foldings(twin)[0] for twin in twins} == dict.fromkeys(twins, letter)


@pytest.mark.parametrize(("letter", "twins"), LOOK_ALIKES.items(), ids=LOOK_ALIKES)
def test_a_look_alike_is_folded_to_its_one_letter(letter: str, twins: str) -> None:
    """A look alike is one letter in the form that prompts are folded to."""
    by_the_small_letter = set("ημ")  # which look like n and u, though their capitals look like H and M

    assert {skeleton.foldings(twin)[0] for twin in set(twins) - by_the_small_letter} == {letter}


def test_no_letter_looks_like_two() -> None:
    twins = [twin for twins in LOOK_ALIKES.values() for twin in twins]

    assert len(set(twins)) == len(twins)


@pytest.mark.parametrize(
    ("first", "second"),
    [("бар", "вар"), ("қара", "кара"), ("ұл", "ул"), ("ס", "o"), ("ا", "l"), ("ဝ", "o")],
    ids=["Russian", "Kazakh", "Kazakh u", "Hebrew", "Arabic", "Burmese"],
)
def test_letters_of_one_living_alphabet_stay_apart(first: str, second: str) -> None:
    assert DenyList.parse(first).denied(second) is None
