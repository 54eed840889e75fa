"""The operator's deny-list: words and patterns of prompts for which no new picture is made (docs/denylist.md).

Only the prompt is judged. A negative prompt says what the picture must not show, so words of the list are right there.
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
    """A node of the trie of all phrases, word by word; `rule` is the phrase that ends here."""

    after: "dict[str, _Node]" = field(default_factory=dict)
    rule: str | None = None


class DenyList:
    """The rules of a file; without one, nothing is denied.

    The time of a judgement grows with the prompt and not with the number of words and phrases; each pattern is one more
    pass over the prompt.
    """

    def __init__(self) -> None:
        self.rules = 0
        self._start = _Node()
        self._words: set[str] = set()
        self._by_shape: dict[str, str] = {}
        self._patterns: list[tuple[str, Any]] = []

    @classmethod
    def parse(cls, text: str) -> Self:
        """The list of a file with one rule on each line; blank lines and lines that begin with `#` are skipped.

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
        """The rule that one of the texts breaks, for the operator alone; `None` where all are allowed."""
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
        """The listed word that `word` is, or is a disguise of; else `word` itself."""
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
    """The words of a phrase. Raises `ValueError` where it has no word, or a character that no word has."""
    for letter in skeleton.visible(rule):
        if not skeleton.in_words(letter) and letter not in _PUNCTUATION:
            raise ValueError(f'"{letter}" cannot be part of a word')
    words = skeleton.words(skeleton.foldings(rule)[0])
    if not words:
        raise ValueError("the rule has no word")
    return words


def _compiled(source: str) -> Any:
    """A pattern over UTF-8 bytes: over text RE2 would count the characters before each match, which nobody needs.

    Raises `ValueError` for what RE2 does not support (look-around, back references), and for a pattern that would deny
    every prompt.
    """
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    try:
        pattern = re2.compile(source.encode(), options)
    except re2.error as error:
        raise ValueError(f"RE2 does not support this pattern ({error.args[0].decode(errors='replace')})") from None
    if pattern.search(b""):
        raise ValueError("the pattern matches an empty text, so it would deny every prompt")
    return pattern
