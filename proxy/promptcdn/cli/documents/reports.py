"""How `check` prints what it found: for people, for programs, and for the pages of changes at GitHub and GitLab."""

import hashlib
import json
import os
from collections import Counter
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
    GITLAB = "gitlab"


class Report(NamedTuple):
    """What was found, by file, and in how much.

    asked  whether the service was asked, by the lock file
    """

    findings: "Sequence[tuple[str, Finding]]"
    documents: int
    pictures: int
    asked: bool


def printed(report: Report, format_: Format) -> str:
    """All findings: a line each, or JSON. Empty where there are no lines to print.

    Half characters, which names of files and notebooks may have, are `\\udc80` and the like: JSON reads that, too.
    """
    return _printed(report, format_).encode(errors="backslashreplace").decode()


def _printed(report: Report, format_: Format) -> str:
    match format_:
        case Format.JSON:
            return json.dumps(_members(report), ensure_ascii=False, indent=2)
        case Format.GITLAB:
            return json.dumps(_code_quality(report), ensure_ascii=False, indent=2)
        case Format.GITHUB:
            return "\n".join(_annotation(*each) for each in report.findings)
        case Format.TEXT:
            return "\n".join(_line(*each) for each in report.findings)


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
    """One line, whatever is in the name of the file and in the URL: neither line ends nor commands to a terminal."""
    line = f"{file}:{finding.line}:{finding.column}: {finding.code}: {finding.message}; {finding.cure}"
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)


def _annotation(file: str, finding: "Finding") -> str:
    """A workflow command of GitHub Actions. The place is in its text, too: beyond ten GitHub shows the log alone."""
    place = f"file={_property(_from_the_root(file))},line={finding.line},col={finding.column}"
    return f"::error {place},title={_property(f'promptcdn: {finding.code}')}::{_data(_line(file, finding))}"


def _code_quality(report: Report) -> list[dict[str, object]]:
    """GitLab's code quality report (docs.gitlab.com/ci/testing/code_quality).

    Findings with one fingerprint are one to GitLab, in all versions of a file: so its lines are not in it.
    """
    found: list[dict[str, object]] = []
    seen: Counter[str] = Counter()
    for file, finding in report.findings:
        path = _from_the_root(file)
        name = f"{path}\n{finding.code}\n{finding.url}"
        seen[name] += 1
        found.append(
            {
                "description": f"{finding.message}; {finding.cure}",
                "check_name": finding.code,
                "fingerprint": hashlib.sha256(f"{name}\n{seen[name]}".encode(errors="surrogatepass")).hexdigest(),
                "severity": "major",
                "location": {"path": path, "lines": {"begin": finding.line}},
            }
        )
    return found


def _from_the_root(file: str) -> str:
    """The path that GitHub and GitLab know a file by: from the root of the repository."""
    root = os.environ.get("GITHUB_WORKSPACE") or os.environ.get("CI_PROJECT_DIR")
    path = Path(file).absolute()
    return path.relative_to(root).as_posix() if root and path.is_relative_to(root) else Path(file).as_posix()


def _data(text: str) -> str:
    """As github.com/actions/toolkit, packages/core/src/command.ts, escapes the text of a command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """As the same file escapes what stands before the text."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
