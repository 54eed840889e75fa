"""Settings that have one value for all generators, and others for single ones: `120, a1111=600`."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from promptcdn import misconfiguration
from promptcdn.url import text

_T = TypeVar("_T", int, float)


@dataclass(frozen=True)
class ByGenerator(Generic[_T]):
    """A number for all generators, and those of single generators by name."""

    for_all: _T
    exceptions: tuple[tuple[str, _T], ...] = ()

    def own(self, generator: str) -> _T | None:
        """That generator's own number, if it has one."""
        return dict(self.exceptions).get(generator)

    def of(self, generator: str) -> _T:
        """The number that holds for that generator."""
        own = self.own(generator)
        return self.for_all if own is None else own

    def __str__(self) -> str:
        return ", ".join((f"{self.for_all:g}", *(f"{name}={number:g}" for name, number in self.exceptions)))


@dataclass(frozen=True)
class Numbers(Generic[_T]):
    """How such a setting is read: from `least` to `most`, whole numbers where these are whole; `default` for all."""

    default: _T
    least: _T
    most: _T

    @property
    def allowed(self) -> str:
        """What may be set, as text."""
        each = misconfiguration.number(whole=isinstance(self.least, int), least=self.least, most=self.most)
        return f"{each}; for single generators like {self.default:g}, NAME={self.least:g}"

    def parse(self, value: object) -> object:
        """`120, a1111=600` as numbers. What is no text is left as it is. Raises `ValueError`."""
        if not isinstance(value, str):
            return value
        for_all: list[_T] = []
        exceptions: dict[str, _T] = {}
        for item in value.split(","):
            name, is_exception, number = (part.strip() for part in item.rpartition("="))
            if name in exceptions or (is_exception and not name) or (for_all and not is_exception):
                raise ValueError(f"allowed: {self.allowed}")
            if is_exception:
                exceptions[name] = self._number(number)
            else:
                for_all.append(self._number(number))
        return ByGenerator(for_all[0] if for_all else self.default, tuple(exceptions.items()))

    def _number(self, spelled: str) -> _T:
        kind = type(self.least)
        if (found := text.number(spelled)) is not None and not (kind is int and "." in found) and len(found) <= 12:
            number = kind(found)
            if self.least <= number <= self.most:
                return number
        raise ValueError(f"allowed: {self.allowed}")
