"""What of a model's process's own messages goes into the log: few and short lines, without the words of prompts."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

LINE_MAX = 300
# What is kept of a line that has not ended: more than a line that quotes a whole prompt has, so that no word is cut.
_REST_BYTES = 65_536
# In so many seconds so many lines; the rest is counted.
WINDOW = 60.0
LINES_MAX = 20
_CONTROL = re.compile(r"[^\x20-\x7e]")
# Progress bars, which draw themselves anew all the time.
_PROGRESS = re.compile(r"\d+%\|")
_WORD = re.compile(r"[A-Za-z0-9_]+")


@dataclass
class Messages:
    """The lines of one process. `now` is in seconds on any clock."""

    _rest: bytes = b""
    _began: float = float("-inf")
    _count: int = 0
    _left_out: int = 0
    _secret: frozenset[str] = field(default_factory=frozenset)

    def conceal(self, *texts: str | None) -> None:
        """The words of these texts, and of none before, are not to be shown from now on."""
        self._secret = frozenset(word for text in texts if text for word in _words(text))

    def lines(self, content: bytes, now: float) -> list[str]:
        """The lines to log of what the process has written."""
        *ended, self._rest = (self._rest + content).replace(b"\r", b"\n").split(b"\n")
        self._rest = self._rest[-_REST_BYTES:]
        return list(self._admitted(map(self._shown, ended), now))

    def last(self, now: float) -> list[str]:
        """The line that the process has not ended."""
        return self.lines(b"\n", now)

    def _admitted(self, lines: Iterable[str], now: float) -> Iterable[str]:
        for line in filter(None, lines):
            if now - self._began >= WINDOW:
                if self._left_out:
                    yield f"({self._left_out} lines were left out)"
                self._began, self._count, self._left_out = now, 0, 0
            if self._count < LINES_MAX:
                self._count += 1
                yield line
            else:
                self._left_out += 1

    def _shown(self, line: bytes) -> str:
        text = _CONTROL.sub("?", line.decode("ascii", "replace")).strip()
        if _PROGRESS.search(text):
            return ""
        plain = _WORD.sub(lambda word: "..." if word[0].lower() in self._secret else word[0], text)
        return plain if len(plain) <= LINE_MAX else f"{plain[:LINE_MAX]} ..."


def _words(text: str) -> Iterable[str]:
    """Those that say something: a letter or two are in every message."""
    return (word for word in _WORD.findall(text.lower()) if len(word) > 2)
