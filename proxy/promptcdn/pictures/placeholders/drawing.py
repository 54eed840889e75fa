"""How placeholders and error pictures look: for people whom a README's image proxy shows nothing but pictures.

A placeholder stands in for a picture that is still being made, an error picture says what went wrong. Both show the
lighthouse of this project's examples: its light is on while a picture comes, and out after an error.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from promptcdn.pictures import lettering
from promptcdn.pictures.sheet import Colour, Sheet

# The two looks, from grey 0 to 15: calm for what is on its way, warm for what went wrong.
_CALM: tuple[Colour, ...] = (
    (9, 24, 44), (17, 54, 82), (66, 124, 146), (238, 140, 104), (250, 212, 158), (255, 247, 228),
)  # fmt: skip
_WARM: tuple[Colour, ...] = (
    (34, 10, 26), (66, 20, 42), (128, 48, 66), (240, 104, 92), (255, 200, 160), (255, 243, 230),
)  # fmt: skip
_ROCK, _DEEP, _SEA, _SKY, _BEAM, _HALO, _GLOW, _BAND, _WALL, _INK = 0, 1, 2, 3, 4, 5, 6, 9, 12, 15

# A line of words, and how large its letters are in hundredths of the largest.
_Line = tuple[str, int]
_WORDS: tuple[tuple[_Line, ...], ...] = (
    (("Your picture is being made", 100), ("reload in a moment", 70)),
    (("Your picture", 100), ("is being made", 100), ("reload in a moment", 70)),
    (("Your", 100), ("picture", 100), ("is being", 100), ("made", 100), ("reload in", 70), ("a moment", 70)),
)
_WORDS_OF_WAITING: tuple[tuple[_Line, ...], ...] = (
    (("Waiting for a worker", 100), ("reload later to see the picture", 70)),
    (("Waiting", 100), ("for a worker", 100), ("reload later", 70)),
    (("Waiting", 100), ("for", 100), ("a worker", 100), ("reload", 70), ("later", 70)),
)
_LEADING = 130  # from line to line, in hundredths of the letters
_SMALLEST = 12  # pixels: smaller letters cannot be read
_TALLEST = 384  # pixels: long edges make large files

_WIDTH, _LEAST, _MOST = 400, 225, 800  # pixels of an error picture
_MARGIN, _SHORE = 28, 114  # at its sides and its top; from its last line to its foot
_TITLE, _DETAIL, _FOOTER = 26, 19, 18
_TITLE_LINES = 3
_LETTERS = 1000  # of a text that are looked at
_BYTES = 10_000
_MISSING = "\N{REPLACEMENT CHARACTER}"  # the font lacks it too, and draws its empty box


def placeholder(size: tuple[int, int], *, waits_for_worker: bool = False) -> bytes:
    """A PNG of `size` (8 to 2048 pixels a side) that says: the picture is being made, reload in a moment. Or that the
    picture waits for a worker, which may take longer.

    Where words have no room the lighthouse stands alone. Under 10 kB.
    """
    ways = ((15, 60), (3, 60), (3, 46), (1, 40))  # ever coarser and smaller letters
    words = _WORDS_OF_WAITING if waits_for_worker else _WORDS
    return _small(_placeholder(size, soft, largest, words) for soft, largest in ways)


def error(title: str, detail: str, footer: str) -> bytes:
    """A PNG, 400 pixels wide and 225 to 800 high, that says what went wrong and can be read at 300 pixels.

    Any text is drawn: an empty box stands for a letter that the font lacks, an ellipsis for what is too long (more
    than 600 letters of detail; fewer if all of them are different). Under 10 kB.
    """
    ways = ((15, 600), (3, 600), (1, 600), (1, 200), (1, 50))  # ever coarser, then fewer letters
    return _small(_error((title, detail[:most] + "…" * (len(detail) > most), footer), soft) for soft, most in ways)


def _small(files: Iterable[bytes]) -> bytes:
    """The first file under 10 kB; each is drawn only if those before it were larger."""
    file = b""
    for file in files:
        if len(file) < _BYTES:
            break
    return file


def _placeholder(size: tuple[int, int], soft: int, largest: int, words: tuple[tuple[_Line, ...], ...]) -> bytes:
    width, height = size
    sheet = Sheet(width, height, _SKY, soft)
    wide = width > height * 3 // 2
    horizon, tall = height * 0.82, min(height * 0.5, width * 0.62, _TALLEST)
    x, lamp = width - max(height * 0.55, tall) if wide else width / 2, horizon - tall * 0.86
    _light(sheet, x, lamp, tall, beam=tall * (0.5 if wide else 0.3))
    _coast(sheet, x, horizon, tall, lantern=_INK)
    margin = min(width, height) * 0.09
    if wide:
        _write(sheet, words, _Box(margin, margin, x - tall * 0.3 - margin, 2 * lamp - margin), largest, centred=False)
    else:
        _write(sheet, words, _Box(margin, margin, width - margin, horizon - tall * 1.1), largest, centred=True)
    return sheet.png(_CALM)


def _error(texts: tuple[str, str, str], soft: int) -> bytes:
    title, detail, footer = map(_shown, texts)
    room = _WIDTH - 2 * _MARGIN
    headline = lettering.lines(title, _TITLE, room, _TITLE_LINES)
    top = _MARGIN + len(headline) * _leading(_TITLE) + 22
    body = lettering.lines(detail, _DETAIL, room, (_MOST - top - _SHORE) // _leading(_DETAIL))
    height = max(top + len(body) * _leading(_DETAIL) + _SHORE, _LEAST)

    sheet = Sheet(_WIDTH, height, _SKY, soft)
    _coast(sheet, _WIDTH - 60, height - 42, 66, lantern=_ROCK)
    for i, line in enumerate(headline):
        sheet.text(_MARGIN, _MARGIN - 4 + i * _leading(_TITLE), line, _TITLE, _WALL)
    sheet.box(_MARGIN, top - 15, _MARGIN + 48, top - 11, _BAND)
    for i, line in enumerate(body):
        sheet.text(_MARGIN, top + i * _leading(_DETAIL), line, _DETAIL, _INK)
    for line in lettering.lines(footer, _FOOTER, room - 80, 1):
        sheet.text(_MARGIN, height - 30, line, _FOOTER, _WALL)
    return sheet.png(_WARM)


@dataclass(frozen=True)
class _Box:
    """Room for words, in pixels."""

    left: float
    top: float
    right: float
    bottom: float


def _light(sheet: Sheet, x: float, y: float, tall: float, beam: float) -> None:
    """Two beams and a glow about a lamp."""
    for end in (x - sheet.width, x + sheet.width):
        sheet.polygon([(x, y), (end, y - beam), (end, y + beam * 0.7)], _BEAM)
    sheet.disc(x, y, tall * 0.2, _HALO)
    sheet.disc(x, y, tall * 0.13, _GLOW)


def _coast(sheet: Sheet, x: float, horizon: float, tall: float, lantern: int) -> None:
    """The sea, and in it a lighthouse on its rock."""

    def draw(grey: int, *corners: tuple[int, int]) -> None:
        sheet.polygon([(x + tall * right / 1000, horizon - tall * up / 1000) for right, up in corners], grey)

    sheet.sea(horizon, tall * 0.5, _SEA)
    draw(_ROCK, (-420, -120), (-300, 10), (-180, 60), (0, 90), (180, 70), (300, 0), (420, -120))
    draw(_WALL, (-105, 80), (-66, 780), (66, 780), (105, 80))
    draw(_BAND, (-97, 220), (-89, 360), (89, 360), (97, 220))
    draw(_BAND, (-82, 500), (-74, 640), (74, 640), (82, 500))
    draw(_ROCK, (-95, 770), (-95, 802), (95, 802), (95, 770))
    draw(lantern, (-46, 800), (-46, 915), (46, 915), (46, 800))
    draw(_ROCK, (-75, 910), (0, 1000), (75, 910))
    sheet.sea(horizon + tall * 0.06, tall * 0.8, _DEEP)


def _write(sheet: Sheet, ways: tuple[tuple[_Line, ...], ...], box: _Box, largest: int, centred: bool) -> None:
    """The words of a placeholder, in that of their ways whose letters are largest."""
    choices = [(min(_fitting(words, box), largest), words) for words in ways]
    size, words = max(choices, key=lambda choice: choice[0])
    if size < _SMALLEST:
        return
    y = (box.top + box.bottom - _high(words) * size / 100) / 2
    for line, share in words:
        letters = size * share // 100
        spare = box.right - box.left - lettering.length(line, letters)
        sheet.text(box.left + (spare / 2 if centred else 0), y, line, letters, _INK if share == 100 else _WALL)
        y += letters * _LEADING / 100


def _fitting(words: tuple[_Line, ...], box: _Box) -> int:
    """The size of the largest letters with which words fit into a box."""
    wide = max(lettering.length(line, share) for line, share in words)
    return int(min((box.right - box.left) * 100 / wide, (box.bottom - box.top) * 100 / _high(words)))


def _high(words: tuple[_Line, ...]) -> int:
    return sum(share * _LEADING // 100 for _, share in words)


def _leading(size: int) -> int:
    return size * _LEADING // 100


def _shown(text: str) -> str:
    """The letters of a text that can be drawn."""
    return " ".join("".join(map(_sign, text[:_LETTERS])).split())


def _sign(letter: str) -> str:
    if not letter.isprintable():
        return " "
    return letter if lettering.known(letter) else _MISSING
