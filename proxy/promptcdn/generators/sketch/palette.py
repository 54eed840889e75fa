"""Palettes: a table of colours chosen to go together, each for an hour of the day or a season."""

from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Palette:
    """The colours of one picture. `sky` runs from the zenith to the horizon, land from `far` to `near`."""

    hour: str
    sky: tuple[Colour, Colour, Colour]
    orb: Colour
    far: Colour
    near: Colour
    accent: Colour
    second: Colour
    lamp: Colour

    @property
    def dark(self) -> bool:
        """True if stars are out and windows lit."""
        return brightness(self.sky[0]) < 90

    def land(self, depth: int, of: int) -> Colour:
        """The colour of layer `depth` out of `of`, the last one being the nearest."""
        return mix(self.far, self.near, 256 * depth // max(of - 1, 1))

    def water(self) -> tuple[Colour, Colour, Colour]:
        """The colours of a lake or a sea, from the horizon to the shore."""
        return (
            mix(self.sky[2], self.far, 110),
            mix(mix(self.sky[1], self.near, 90), self.far, 60),
            mix(self.near, self.sky[0], 70),
        )


def mix(first: Colour, second: Colour, share: int) -> Colour:
    """`first` with `share` parts in 256 of `second`."""
    return (
        first[0] + ((second[0] - first[0]) * share >> 8),
        first[1] + ((second[1] - first[1]) * share >> 8),
        first[2] + ((second[2] - first[2]) * share >> 8),
    )


def brightness(colour: Colour) -> int:
    """How light a colour looks, 0 to 255."""
    return (299 * colour[0] + 587 * colour[1] + 114 * colour[2]) // 1000


def colour(digits: str) -> Colour:
    """The colour that six hex digits name."""
    value = int(digits, 16)
    return (value >> 16, value >> 8 & 255, value & 255)


def _palette(hour: str, line: str) -> Palette:
    top, middle, low, orb, far, near, accent, second, lamp = map(colour, line.split())
    return Palette(hour, (top, middle, low), orb, far, near, accent, second, lamp)


#   hour      sky from the top ---> horizon  sun     far    near   accent second lamp
PALETTES = tuple(
    _palette(hour, line)
    for hour, line in (
        ("dawn", "6f93b5 f0bfae ffe4c4  fff4dc  c3a9b8 3b3a5e  e8604c f3b562 ffe08a"),
        ("dawn", "89b5b4 e6d3b3 fde7c5  fffbe6  a9bba8 2f4f4f  e76f51 f4a261 ffe08a"),
        ("dawn", "b39bc8 f3b8c5 fde2cf  fff6e5  c79fc0 4c3a68  ee6c7d f7c873 ffe9a8"),
        ("day", "3f9cc4 9bd5da f7efd8  fffbe8  8fbfb8 1d4c5c  f2644d f7b538 ffe9a8"),
        ("day", "7fc8c2 c9e7d2 fdf4d6  fffdf0  9cc9a2 235347  ef7145 f6c453 fff0b8"),
        ("day", "f2b84b f7d486 fdeec8  fffaf0  e0a070 5a3038  24808c d9493a fff0b8"),
        ("day", "5b8fd6 a9cdf0 fdf0e0  fffdf2  9ab6d6 2b3f72  f25f5c ffc857 fff3c4"),
        ("day", "6db5d4 c0e3e6 fdf6dc  fffdf0  a8cf94 2a6147  e4572e f6c445  fff0b8"),
        ("dusk", "3a2c60 c64f6e ffb46b  ffeab8  b25a7c 26193c  ffd166 ef476f ffe29a"),
        ("dusk", "e8604a f99b58 ffe0a3  fff6d8  d86a52 451c3c  2a8c9b f7f0d4 ffe9a8"),
        ("dusk", "474b8c a77bb2 f8b8a4  fff0d2  9476ab 29224a  ffcf7f f2797a ffdf91"),
        ("dusk", "11355c 3d7d8e f6ca88  fff1c9  4b8189 0b2236  f0803c f6bd60 ffd98a"),
        ("night", "0e1a3c 26407c 6f8dbb  fdf3d2  3d5a96 0a112e  ffc857 ef6f6c ffd876"),
        ("night", "1b1134 4b2a6b ad5f8f  ffeacb  643f86 140a28  ff8c61 ffd166 ffcf77"),
        ("night", "03212d 0f5060 6cb1a4  f8f5d7  2f7278 02161f  ffb347 f26b5b ffdb7d"),
        ("night", "201f3b 4d4b78 c493a0  fff2df  6a638f 14132a  f4a6a0 ffd29d ffe0a0"),
        ("snow", "86adcd c7dcea fbf1ea  ffffff  b0c9de f2f6fa  d9534a e9a15b ffdd8c"),
        ("snow", "35507f 8ea9cb f3d9d4  fffaf0  8fa8ca e9eff7  e2574c f2b66d ffd67a"),
        ("autumn", "d2b48c efd6ac fbeed2  fffaf0  d69a55 5e241c  c43e2f f0b13c ffe29a"),
        ("autumn", "7d9aa0 e2c79c fbe6c3  fff7e4  c98a50 43241f  d8572a f7b32b ffe29a"),
        ("neon", "10062c 3d0f70 ff3d9a  ffe14d  6d1fb8 0a031e  20e3e8 ff4fa3 5df5ff"),
        ("neon", "04112e 0e3f8a 1fd1e0  ff5fae  1c55b4 030a1f  ff3f8e ffe14d ff8ac4"),
        ("rose", "f6a5b6 fcd0c4 fff0dd  fffdf5  e690a4 673a6a  36a29d fbc15e fff0b8"),
        ("grey", "9aa3ab cfd2d2 eeeae2  ffffff  a9adb0 2e3338  c8553d d9a441 ffe29a"),
    )
)
