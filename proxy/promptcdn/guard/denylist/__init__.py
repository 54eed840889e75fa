"""The operator's deny-list: words and patterns of prompts for which no new picture is made (docs/denylist.md).

Only the prompt is judged. A negative prompt says what shall not be shown: the words of a list are at home there.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Self

import re2

from promptcdn.guard.denylist import skeleton

_ALLOWED = "a word or phrase of letters, digits, blanks, hyphens, apostrophes and full stops, or /a pattern/"
_PATTERN = re.compile("/(.+)/")
_PUNCTUATION = frozenset(" -'’.")


@dataclass
class _Node:
    """Where a walk along the words of phrases has come to; `rule` where a phrase ends."""

    after: "dict[str, _Node]" = field(default_factory=dict)
    rule: str | None = None


class DenyList:
    """What is denied; nothing, until a file was parsed. The time of a judgement grows with the prompt, not with the
    number of words and phrases; each pattern is one more pass."""

    def __init__(self) -> None:
        self.rules = 0
        self._start = _Node()
        self._words: set[str] = set()
        self._by_shape: dict[str, str] = {}
        self._patterns: list[tuple[str, Any]] = []

    @classmethod
    def parse(cls, text: str) -> Self:
        """The list of a file: a rule a line; blank lines, and lines that begin with `#`, are none.

        Raises `ValueError` with the number of the line, the line and what is allowed.
        """
        parsed = cls()
        for number, line in enumerate(text.split("\n"), start=1):
            rule = line.strip()
            if not rule or line.startswith("#"):
                continue
            try:
                parsed._add(rule)
            except ValueError as wrong:
                shown = rule if len(rule) <= 100 else f"{rule[:100]}…"
                raise ValueError(f"line {number}, {shown}: {wrong}; allowed: {_ALLOWED}") from None
        return parsed

    def denied(self, *texts: str) -> str | None:
        """The rule that one of the texts breaks, for the operator's eyes alone; `None` where all may pass."""
        if not self.rules:  # a long prompt takes milliseconds to fold
            return None
        return next((rule for text in texts if (rule := self._broken_by(text)) is not None), None)

    def _add(self, rule: str) -> None:
        if source := _PATTERN.fullmatch(rule):
            self._patterns.append((rule, _compiled(source[1])))
        else:
            self._add_phrase(rule)
        self.rules += 1

    def _add_phrase(self, rule: str) -> None:
        node = self._start
        for word in _words(rule):
            self._words.add(word)
            self._by_shape.setdefault(skeleton.shape(word), word)
            node = node.after.setdefault(word, _Node())
        node.rule = rule

    def _broken_by(self, text: str) -> str | None:
        foldings = skeleton.foldings(text)
        for words in chain.from_iterable(map(skeleton.readings, foldings)):
            rule = self._phrase_in([self._read(word) for word in words])
            if rule is not None:
                return rule
        spellings = [spelling.encode() for spelling in dict.fromkeys((skeleton.visible(text), *foldings))]
        found = (rule for rule, pattern in self._patterns if any(map(pattern.search, spellings)))
        return next(found, None)

    def _read(self, word: str) -> str:
        """The listed word that `word` is, or is a disguise of; else `word`."""
        for spelling in (word, *skeleton.undrawn(word)):
            if spelling in self._words:
                return spelling
            if skeleton.is_disguised(spelling) and (meant := self._by_shape.get(skeleton.shape(spelling))):
                return meant
        return word

    def _phrase_in(self, words: Sequence[str]) -> str | None:
        for begin in range(len(words)):
            node: _Node | None = self._start
            at = begin
            while node is not None and node.rule is None and at < len(words):
                node = node.after.get(words[at])
                at += 1
            if node is not None and node.rule is not None:
                return node.rule
        return None


def _words(rule: str) -> list[str]:
    """The words of a phrase. Raises `ValueError` where it has none, or something that is part of none."""
    for letter in skeleton.visible(rule):
        if not skeleton.in_words(letter) and letter not in _PUNCTUATION:
            raise ValueError(f'"{letter}" is in no word')
    words = skeleton.words(skeleton.foldings(rule)[0])
    if not words:
        raise ValueError("there is no word in it")
    return words


def _compiled(source: str) -> Any:
    """A pattern over UTF-8 bytes: over text it would count characters up to each match, which nobody needs.

    Raises `ValueError` for what RE2 does not take (look-around, back references) and for what would deny everything.
    """
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    try:
        pattern = re2.compile(source.encode(), options)
    except re2.error as error:
        raise ValueError(f"RE2 takes no such pattern ({error.args[0].decode(errors='replace')})") from None
    if pattern.search(b""):
        raise ValueError("it matches where nothing is, so it would deny every prompt")
    return pattern
