"""Log lines as text or as JSON, one for each record.

A record's `fields` are the named parts of its line; `docs/telemetry.md` has those of a request.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

# Control characters move a terminal's cursor and begin lines; bidi controls make a line read otherwise than it is.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")

_ASYNCIO_TEXT = re.compile("Exception in callback|[^\n]*")

_SECRET_MIN = 8


class Lines(logging.Formatter):
    """One line for each record; only a traceback in a text log has more, indented. No line has one of the `secrets`
    or the text of an error, which may quote a prompt."""

    def __init__(self, kind: Literal["text", "json"], secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._json = kind == "json"
        # A shorter one guards nothing, and taking it out of every line would make lines unreadable.
        self._secrets = tuple(secret for secret in secrets if len(secret) >= _SECRET_MIN)

    def format(self, record: logging.LogRecord) -> str:
        message = self._redacted(record.getMessage())
        trace = self._redacted(_traceback(record.exc_info[1])) if record.exc_info and record.exc_info[1] else None
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        fields: Mapping[str, Any] = getattr(record, "fields", {})
        if self._json:
            line = {"time": at, "level": record.levelname, "message": message, **fields}
            return json.dumps(line if trace is None else {**line, "exception": trace})
        words = [at, record.levelname, message, *(f"{name}={value}" for name, value in fields.items())]
        traced = () if trace is None else (f"    {_safe(part)}" for part in trace.splitlines())
        return "\n".join([_safe(" ".join(words)), *traced])

    def _redacted(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def set_up(kind: Literal["text", "json"], secrets: Iterable[str]) -> None:
    """Sends all that is logged to standard error, one line for each record."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(kind, secrets))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("asyncio").addFilter(_without_details)
    # botocore logs at every start where it found its keys.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    # httpx2 logs the address of each call, and there may be a secret in one.
    logging.getLogger("httpx2").setLevel(logging.WARNING)


def _traceback(error: BaseException) -> str:
    """Where an error was raised, and its type; its causes come first.

    Without its text, which may quote a prompt: that of `int` does so. The operating system's own texts quote nothing.
    """
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.insert(0, cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return "\n".join(f"{''.join(traceback.format_tb(each.__traceback__))}{_kind(each)}" for each in chain)


def _kind(error: BaseException) -> str:
    name = type(error).__name__
    return f"{name}: {error.strerror}" if isinstance(error, OSError) and error.strerror else name


def _without_details(record: logging.LogRecord) -> bool:
    """For asyncio's own records, which have a task's error with its text, and a callback with its arguments."""
    found = _ASYNCIO_TEXT.match(record.getMessage())
    record.msg, record.args = found[0] if found else "", None
    return True


def _safe(text: str) -> str:
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
