"""Ridges: lists of heights, one for each half pixel across, that `raster.below` fills."""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

from promptcdn.generators.sketch.raster import FINE, STEP
from promptcdn.generators.sketch.stream import Stream

TURN = 1024  # steps of a full turn
_QUARTER = TURN // 4


def sine(angle: int) -> int:
    """The sine of `angle` (1024 a turn), times 1024."""
    return _sines()[angle % TURN]


def samples(width: int) -> int:
    """How many heights a ridge of `width` has."""
    return width // FINE * FINE // STEP


def rolling(stream: Stream, width: int, base: int, swing: int, wave: int) -> list[int]:
    """Soft hills about `base`: three sines, the longest `wave` long."""
    table = _sines()
    parts = []
    for share, part in ((58, 1), (29, 2), (13, 5)):
        length = wave * stream.between(80, 130) // 100 // part
        parts.append((swing * share // 100, TURN * 256 * STEP // max(length, STEP), stream.below(TURN) << 8))
    (a, da, pa), (b, db, pb), (c, dc, pc) = parts
    return [
        base + (a * table[pa >> 8 & 1023] + b * table[pb >> 8 & 1023] + c * table[pc >> 8 & 1023] >> 10)
        for pa, pb, pc in zip(_steps(pa, da, width), _steps(pb, db, width), _steps(pc, dc, width), strict=True)
    ]


def jagged(stream: Stream, width: int, base: int, swing: int, wave: int) -> list[int]:
    """Sharp peaks that rise up to `swing` above `base`, about `wave` apart, broken ever finer."""
    return broken(stream, peaks(stream, width, base, swing, wave), width, swing // 5)


def peaks(stream: Stream, width: int, base: int, swing: int, wave: int) -> list[tuple[int, int]]:
    """Summits and saddles in turn, from before the left edge to beyond the right one."""
    x = -stream.between(0, wave)
    points = [(x, base - swing * stream.between(10, 60) // 100)]
    high = stream.chance(50)
    while x < width:
        x += wave * stream.between(70, 130) // 200
        share = stream.between(60, 100) if high else stream.between(5, 40)
        points.append((x, base - swing * share // 100))
        high = not high
    return points


def broken(stream: Stream, points: list[tuple[int, int]], width: int, rough: int) -> list[int]:
    """The ridge through `points`, its straight flanks broken into rock."""
    while points[1][0] - points[0][0] > 96 and rough:
        points = _halved(stream, points, rough)
        rough = rough * 5 // 11
    return polyline(points, width)


def polyline(points: Sequence[tuple[int, int]], width: int) -> list[int]:
    """The ridge through `points`, which go from the left edge (or before) to the right one (or beyond)."""
    ridge: list[int] = []
    at = 0
    count = samples(width)
    for (x0, y0), (x1, y1) in pairwise(points):
        run, rise = x1 - x0, y1 - y0
        end = min(x1 // STEP, count)
        ridge += [y0 + rise * (i * STEP - x0) // run for i in range(at, end)]
        at = max(at, end)
    return ridge + [points[-1][1]] * (count - len(ridge))


def firs(ridge: list[int], sizes: Sequence[tuple[int, int]], steps: int) -> None:
    """Grows firs out of a ridge, given as (x, height), each in so many steps of branches."""
    ground = list(ridge)
    for x, tall in sizes:
        half = tall * 26 // 100
        tip = ground[min(max(x // STEP, 0), len(ridge) - 1)] - tall
        for i in range(max((x - half) // STEP, 0), min((x + half) // STEP + 1, len(ridge))):
            away = abs(i * STEP - x)
            down = tall * away * 50 // (half * 100) + tall * (away * steps // half) * 50 // (steps * 100)
            ridge[i] = min(ridge[i], tip + down)


def raised(ridge: list[int], left: int, right: int, top: int) -> None:
    """Raises a block out of a ridge: a house, a tower."""
    for i in range(max(left // STEP, 0), min(right // STEP, len(ridge))):
        ridge[i] = min(ridge[i], top)


def _steps(start: int, step: int, width: int) -> range:
    return range(start, start + step * samples(width), step)


def _halved(stream: Stream, points: list[tuple[int, int]], rough: int) -> list[tuple[int, int]]:
    finer = [points[0]]
    for (x0, y0), (x1, y1) in pairwise(points):
        finer += [((x0 + x1) // 2, (y0 + y1) // 2 + stream.between(-rough, rough)), (x1, y1)]
    return finer


@cache
def _sines() -> tuple[int, ...]:
    # Bhaskara's formula: a sine to within 0.2 % from integers alone, where `math.sin` is each platform's own.
    half = 2 * _QUARTER
    wave = [1024 * 16 * i * (half - i) // (5 * half * half - 4 * i * (half - i)) for i in range(half)]
    return (*wave, *(-value for value in wave))
