"""What is wrong with our pictures in documents, or may be: where, why, and what to do about it. Policy of `check`.

`findings` has what a document shows by itself, `locked` what shows beside the lock file and the service's answers.
"""

from promptcdn.markdown.faults.findings import CODES as OF_DOCUMENTS
from promptcdn.markdown.faults.findings import Checked, Finding, Rules, checked, findings, undescribed
from promptcdn.markdown.faults.locked import CODES as OF_THE_LOCK
from promptcdn.markdown.found import Span

__all__ = ["CODES", "Checked", "Finding", "Rules", "checked", "findings", "undescribed", "unreadable"]

# `unreadable`: a file that is no text, or that may not be read.
CODES = (*OF_DOCUMENTS, "unreadable", *OF_THE_LOCK)


def unreadable(reason: str) -> Finding:
    """A document that could not be looked at."""
    return Finding("unreadable", reason, "mend the file, or leave it out", 1, 1, Span(0, 0), "")
