"""Characters that look like a Latin letter, and the letter: a new look-alike has its place in `_MORE`.

Unicode's own table is `unicode_confusables`, which a script writes.
"""

from promptcdn.guard.denylist.unicode_confusables import LOOK_ALIKES

# Look-alikes that Unicode's confusables do not name: letters drawn alike in some fonts only, or turned round. They go
# before the confusables, which read a small `μ` and `η` by their capitals (M and H).
_MORE = {
    "a": "ɐ", "e": "єəɛǝ", "j": "յȷ", "l": "ו", "m": "ɱ", "n": "ηпŋᴎ", "o": "θѳ", "r": "ɾɹ", "t": "ʇ", "u": "μ",
    "w": "ωш", "x": "×",
}  # fmt: skip
# White letters on black rounds and squares, and regional indicators (what flags are spelled with), have no NFKC form.
_BADGES = {start + i: chr(ord("a") + i) for start in (0x1F150, 0x1F170, 0x1F1E6) for i in range(26)}
AS_LATIN = {
    ord(twin): letter for table in (LOOK_ALIKES, _MORE) for letter, twins in table.items() for twin in twins
} | _BADGES
# What looks like another letter than the small one that case folding makes of it: `Η` like H, and `η` like n.
CAPITALS_AS_LATIN = str.maketrans("ΗΝΥΜΣΛԱς", "HNYMEAUc")
