"""What a model's process answers, and how it ends: why there is no picture."""

import re
import signal
from collections.abc import Mapping
from typing import Any

from promptcdn.problems import (
    UPSTREAM_BUSY,
    UPSTREAM_GARBLED,
    UPSTREAM_REFUSED,
    UPSTREAM_TIMEOUT,
    UPSTREAM_UNREACHABLE,
    UpstreamFailed,
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,59}")


def failure(said: Mapping[str, Any], *, loading: bool) -> UpstreamFailed:
    """What an answer without a picture means. Texts of the libraries are not shown: they may quote the prompt."""
    event, error = said.get("event"), str(said.get("error", ""))
    if event == "refused":
        detail = "".join(letter for letter in str(said.get("detail", ""))[:500] if letter.isprintable())
        return UpstreamFailed(UPSTREAM_REFUSED, detail, charged=False)
    if event != "broken":
        return garbled()
    named = f" ({error})" if _NAME.fullmatch(error) else ""
    if loading:
        why = "its device has too little memory" if said.get("memory") is True else "the log says why"
        return UpstreamFailed(UPSTREAM_UNREACHABLE, f"the model cannot be loaded{named}: {why}", charged=False)
    if said.get("memory") is True:
        detail = f"the model's device has too little memory for this picture{named}: a smaller one may do"
        return UpstreamFailed(UPSTREAM_GARBLED, detail, charged=True)
    return UpstreamFailed(UPSTREAM_GARBLED, f"the model drew no picture{named}: the log says why", charged=True)


def garbled() -> UpstreamFailed:
    """The process says what it never should."""
    return UpstreamFailed(UPSTREAM_GARBLED, "the model's process answered what is no picture", charged=True)


def ended(code: int | None, *, loading: bool) -> UpstreamFailed:
    """The process ended by itself, while the model was loaded or a picture was drawn."""
    when = "while the model was loaded" if loading else "while it drew this picture"
    detail = f"the model's process {how(code)} {when}"
    return UpstreamFailed(UPSTREAM_UNREACHABLE, detail, charged=not loading)


def how(code: int | None) -> str:
    """How a process ended, by its exit code."""
    if code is None:
        return "ended"
    if code >= 0:
        return f"ended with exit code {code}"
    if code == -signal.SIGKILL:
        return "was killed, as the system does when memory runs out,"
    return f"ended by signal {-code}"


def late() -> UpstreamFailed:
    """The deadline passed while the picture was drawn."""
    detail = "the model did not draw this picture in time: its process was ended, and loads the model again"
    return UpstreamFailed(UPSTREAM_TIMEOUT, detail, charged=True)


def waiting(why: str, pause: float | None = None) -> UpstreamFailed:
    """The picture was not begun within its time."""
    return UpstreamFailed(UPSTREAM_BUSY, why, charged=False, pause=pause)
