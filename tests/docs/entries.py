"""Parameters, settings, metrics, problems, headers, commands: what the code has, the reference says, and pages name."""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, fields

import tables
from headers import OF_ANSWERS, OF_REQUESTS
from promptcdn.problems import KINDS
from promptcdn.readers.audience import _PREFETCHED, VARY
from promptcdn.readers.framing import FIELDS
from promptcdn.settings import Settings, shown_name
from promptcdn.sites.options import Options
from promptcdn.telemetry.metrics import METRICS
from promptcdn.url.dialects.appended import APPENDED
from promptcdn.url.dialects.pollinations import IGNORED
from promptcdn.url.parameters import OF_INFO, PARAMETERS
from tests.docs.pages import ROOT

PACKAGE = ROOT / "proxy" / "promptcdn"
# The members that OpenAI's API has of ours, and the settings of our extension for Sphinx.
_NO_METRICS = {"promptcdn_code", "promptcdn_notes", "promptcdn_url"} | {f"promptcdn_{f.name}" for f in fields(Options)}
_ANSWERS = PACKAGE / "readers" / "response_headers.py"
# The folders that look at requests; others look at what somebody else answers.
_ASKING = ("faces", "readers", "server", "guard")
# Of headers, as standards write them.
WRITTEN = {header.name.lower(): header.name for header in (*OF_ANSWERS, *OF_REQUESTS)}
# What Kubernetes sets for a service of that name, and what the library of models reads.
_NO_SETTINGS = {"PROMPTCDN_PORT", "HF_ENDPOINT"}
_SETTING = r"(?:PROMPTCDN|A1111|COMFYUI|STABILITY|OPENAI|HF)_[A-Z0-9_]*[A-Z0-9]"
# In a query. The last one is the example of a parameter that does not exist.
_ELSEWHERE = {"v", "utm_source", "sede"}


@dataclass(frozen=True)
class Kind:
    """A kind of things that the reference has entries of: the first cells of the rows of tables.

    page    the page in docs/ that has the tables
    tables  the names of the tables that are written from the code; none: all rows of the page
    exist   what the code has
    entry   finds names in a first cell
    named   finds names in the text of any page; empty where they look like any other word
    others  names that pages may use though they are no such thing
    """

    page: str
    tables: tuple[str, ...]
    exist: Callable[[], set[str]]
    entry: str = r"`([\w-]+)`"
    named: str = ""
    others: Callable[[], set[str]] = set

    def entries(self, text: str) -> set[str]:
        """The names that have an entry on a page with that text."""
        parts = [re.findall(rf"<!-- table {name} -->\n(.*?)<!-- end -->", text, re.DOTALL) for name in self.tables]
        rows = "".join(part for found in parts for part in found) if self.tables else text
        cells = re.findall(r"(?m)^\| (`[^|]*) \|", rows)
        return {name for cell in cells for name in re.findall(self.entry, cell)}

    def missing(self, text: str) -> set[str]:
        """What has no entry on a page with that text."""
        return self.exist() - self.entries(text)

    def invented(self, text: str) -> set[str]:
        """The entries of what does not exist."""
        return self.entries(text) - self.exist()

    def unknown(self, text: str) -> set[str]:
        """What the text of any page names that does not exist."""
        return set(re.findall(self.named, text)) - self.exist() - self.others() if self.named else set()


def settings() -> set[str]:
    """By the names that people set."""
    return {shown_name(name) for name in Settings.model_fields}


def parameters() -> set[str]:
    """Of URLs, by all their names."""
    return {name for row in (*PARAMETERS, *OF_INFO) for name in (row.name, *row.aliases)}


def of_others() -> set[str]:
    """Parameters that are not ours and that URLs may have."""
    return _ELSEWHERE | IGNORED | {name for row in APPENDED for name in row.names}


def metrics() -> set[str]:
    """As Prometheus calls them."""
    return {metric.name for metric in METRICS}


def of_metrics() -> set[str]:
    """What Prometheus makes of a histogram's name."""
    return _NO_METRICS | {f"{name}_{part}" for name in metrics() for part in ("bucket", "sum", "count")}


def headers_sent() -> set[str]:
    """The names of headers in `readers/response_headers.py`, which no other file writes."""
    tree = ast.parse(_ANSWERS.read_text())
    keys = [key for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys]
    keys += [
        node.slice
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id in ("headers", "own")
    ]
    return {WRITTEN.get(str(key.value), str(key.value)) for key in keys if isinstance(key, ast.Constant)}


def headers_read() -> set[str]:
    """The names of headers that the code asks a request for."""
    asked = r'(?:headers\.(?:get|getlist)\(|_field\(headers, |_values\(lines, b|name == b)"([a-z0-9-]+)"'
    files = {path for folder in _ASKING for path in (PACKAGE / folder).rglob("*.py")} - {_ANSWERS}
    by_name = {name for path in files for name in re.findall(asked, path.read_text())}
    forwarded = {"forwarded", "x-forwarded-for"}
    named = by_name | forwarded | set(_PREFETCHED) | {n.lower() for n in VARY} | {n.decode() for n in FIELDS}
    return {WRITTEN.get(name, name) for name in named}


def commands() -> set[str]:
    """With the names of the commands below them."""
    return {name for name, _ in tables.commands()}


def of_openai() -> set[str]:
    """Codes of OpenAI and of Stability, which are none of ours."""
    return {"model_not_found", "content_moderation", "public_figure"}


PROBLEMS = {kind.code for kind in KINDS}

REFERENCE = {
    "parameter": Kind(
        "urls.md",
        ("generation", "delivery", "control", "info"),
        parameters,
        named=r"[?&](?:amp;)*([A-Za-z_]\w*)=",
        others=of_others,
    ),
    "setting": Kind("settings.md", ("settings",), settings, named=rf"\b{_SETTING}\b", others=lambda: _NO_SETTINGS),
    "metric": Kind("telemetry.md", ("metrics",), metrics, named=r"\bpromptcdn_[a-z_]*[a-z]\b", others=of_metrics),
    "problem": Kind(
        "problems.md", ("problems",), lambda: PROBLEMS, named=r"\b[45]\d\d `([a-z]+(?:_[a-z]+)+)`", others=of_openai
    ),
    "header of answers": Kind("headers.md", ("headers of answers",), headers_sent),
    "header of requests": Kind("headers.md", ("headers of requests",), headers_read),
    "command": Kind("commands.md", (), commands, entry=r"`promptcdn ([a-z]+(?: [a-z]+)?)"),
    "command with options": Kind("options.md", ("options",), commands, entry=r"`promptcdn ([a-z]+(?: [a-z]+)?)`"),
}
