"""How the values of parameters are read: one class for each kind of value.

Each gets normalised text that is not empty. It returns the value, or raises `ValueError` that says what is wrong. What
is allowed stands in the fields, for those who describe a parameter to people or programs.
"""

import re
from dataclasses import dataclass

from promptcdn.url import formats, seeds, text
from promptcdn.url.periods import PERIODS
from promptcdn.url.request import Value


@dataclass(frozen=True)
class Prose:
    """Any text of up to `most` characters."""

    most: int

    def __call__(self, value: str) -> str:
        if len(value) > self.most:
            raise ValueError(f"the text has {len(value)} characters")
        return value


@dataclass(frozen=True)
class Whole:
    """A whole number from `least` to `most`."""

    least: int
    most: int

    def __call__(self, value: str) -> int:
        spelled = text.number(value)
        if spelled is None or "." in spelled:
            raise ValueError("not a whole number")
        # Python refuses to convert thousands of digits: look at their count first.
        if len(spelled) > 12 or not self.least <= int(spelled) <= self.most:
            raise ValueError("out of range")
        return int(spelled)


@dataclass(frozen=True)
class Multiple(Whole):
    """A whole number from `least` to `most` that is a multiple of `step`."""

    step: int

    def __call__(self, value: str) -> int:
        number = super().__call__(value)
        if number % self.step:
            below = number // self.step * self.step
            raise ValueError(f"not a multiple of {self.step}, the nearest are {below} and {below + self.step}")
        return number


@dataclass(frozen=True)
class RoundedUp(Whole):
    """A whole number from `least` to `most`, rounded up to a multiple of `step`."""

    step: int

    def __call__(self, value: str) -> int:
        return -(-super().__call__(value) // self.step) * self.step


@dataclass(frozen=True)
class Hundredths:
    """A number from `least` to `most` with two decimals at most."""

    least: int
    most: int

    def __call__(self, value: str) -> float:
        spelled = text.number(value)
        if spelled is None:
            raise ValueError("not a number")
        whole, _, fraction = spelled.partition(".")
        if len(whole) > 12 or not self.least <= float(spelled[:32]) <= self.most:
            raise ValueError("out of range")
        if len(fraction) > 2:
            raise ValueError("more than two decimals")
        return float(spelled)


@dataclass(frozen=True)
class OneOf:
    """One of `names`; `unset` is the one that is as good as no value."""

    names: tuple[str, ...]
    unset: str | None = None

    def __call__(self, value: str) -> str | None:
        if value not in self.names:
            raise ValueError("not one of the choices")
        return None if value == self.unset else value


@dataclass(frozen=True)
class FormatName(OneOf):
    """A format. `.png` is taken as `png`, as people write an extension, and `WEBP` as `webp`."""

    def __call__(self, value: str) -> str | None:
        name = value.removeprefix(".").lower()
        return super().__call__(formats.SPELLINGS.get(name, name))


@dataclass(frozen=True)
class Matching:
    """Text of the form that the regular expression `pattern` describes as a whole."""

    pattern: str

    def __call__(self, value: str) -> str:
        if re.fullmatch(self.pattern, value, re.ASCII) is None:
            raise ValueError("not in the allowed form")
        return value


@dataclass(frozen=True)
class ContentKey(Matching):
    """The key of a stored picture. Of a permalink the part to take is named; no URL is ever fetched."""

    pattern: str = r"[0-9a-f]{64}"

    def __call__(self, value: str) -> str:
        if (found := re.fullmatch(rf"(?:[^?#]*/i/)?({self.pattern})(?:\.[a-z]+)?(?:[?#].*)?", value)) is None:
            if "/" in value:
                raise ValueError(
                    "this service fetches no URL; /info has the content_key of a picture that is made here"
                )
        elif found[1] != value:
            raise ValueError(f"this is more than a content key; write {found[1]} alone")
        return super().__call__(value)


@dataclass(frozen=True)
class Ratio(Matching):
    """A shape from 1:4 to 4:1."""

    pattern: str = r"0*[1-9][0-9]?:0*[1-9][0-9]?"

    def __call__(self, value: str) -> str:
        across, down = (int(side) for side in super().__call__(value).split(":"))
        if not 1 / 4 <= across / down <= 4:
            raise ValueError("the shape is too long")
        return f"{across}:{down}"


@dataclass(frozen=True)
class Seed:
    """A number from 0 to `most`, the name of a period, or another word of up to `longest` characters."""

    most: int
    longest: int

    def __call__(self, value: str) -> Value | None:
        if text.number(value) is not None:
            return Whole(0, self.most)(value)
        if value == "random":
            return None
        if value in PERIODS:
            return value
        if len(value) > self.longest:
            raise ValueError(f"the word has {len(value)} characters")
        return seeds.of_word(value)
