"""How `check` prints what it found: for people, for programs, and as annotations of a pull request."""

import json
import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from promptcdn.markdown.faults import Finding


class Format(StrEnum):
    """What `check` prints."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


class Report(NamedTuple):
    """What was found, by file, and in how much.

    asked  whether the service was asked, by the lock file
    """

    findings: "Sequence[tuple[str, Finding]]"
    documents: int
    pictures: int
    asked: bool


def printed(report: Report, format_: Format) -> str:
    """All findings, a line each, or one JSON object. Empty where there are none to print."""
    if format_ is Format.JSON:
        return json.dumps(_members(report), ensure_ascii=False, indent=2)
    line = _annotation if format_ is Format.GITHUB else _line
    return "\n".join(line(file, finding) for file, finding in report.findings)


def _members(report: Report) -> dict[str, object]:
    names = ("line", "column", "code", "message", "cure", "url")
    findings = [{"file": file} | {name: getattr(one, name) for name in names} for file, one in report.findings]
    return {
        "documents": report.documents,
        "pictures": report.pictures,
        "asked": report.asked,
        "findings": findings,
    }


def _line(file: str, finding: "Finding") -> str:
    return f"{file}:{finding.line}:{finding.column}: {finding.code}: {finding.message}; {finding.cure}"


def _annotation(file: str, finding: "Finding") -> str:
    """A workflow command of GitHub Actions. The place is in its text, too: beyond ten GitHub shows the log alone."""
    place = f"file={_property(_from_the_root(file))},line={finding.line},col={finding.column}"
    return f"::error {place},title={_property(f'promptcdn: {finding.code}')}::{_data(_line(file, finding))}"


def _from_the_root(file: str) -> str:
    """The path that GitHub knows a file by: from the root of the repository."""
    root = os.environ.get("GITHUB_WORKSPACE")
    path = Path(file).absolute()
    return path.relative_to(root).as_posix() if root and path.is_relative_to(root) else Path(file).as_posix()


def _data(text: str) -> str:
    """As github.com/actions/toolkit, packages/core/src/command.ts, escapes the text of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """As the same file escapes what stands before the text."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
