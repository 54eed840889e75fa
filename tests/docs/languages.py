"""What is wrong with a block of code: it is read by what reads its language, and not run."""

import json
import os
import re
import subprocess
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

import yaml

from promptcdn import settings
from promptcdn.markdown import Kind, Ours
from promptcdn.markdown.faults.findings import findings
from promptcdn.problems import BadSettings
from tests.docs import entries
from tests.docs.pages import ROOT, Block
from tests.docs.terminal import commands

# The services of the examples.
_OURS = ("https://pictures.example.org", "http://127.0.0.1:8080", "https://host")
# Pages that explain them show URLs that have them; any other finding is a picture that is not shown.
_SHOWN_ANYWAY = {"seedless", "missing-alt"}
_ASSIGNED = re.compile(r"""(?m)(?<![\w-])([A-Z][A-Z0-9_]+)=("[^"]*"|'[^']*'|\$\(.*\)|(?:[^\s'"$]|\$\(.*?\))*)""")
_VARIABLE = re.compile(r'(?m)^variable "(\w+)"')
# What readers write in the place of these: secrets of theirs, and what a command prints.
_OPEN = re.compile(r"…|\.\.\.|SECRET|\$\(.*\)")
_FILLED_IN = "1234567890123456" * 4
# Some examples need a service of Stability's, or a key.
_GIVEN: Sequence[dict[str, str]] = (
    {},
    {"STABILITY_KEY": "sk-of-an-example"},
    {"STABILITY_HOST": "grpc://localhost:50051"},
)


def wrong_with(block: Block) -> str:
    """What is wrong with a block; empty where nothing is."""
    read = LANGUAGES.get(block.language.partition(" ")[0])
    return read(block.text) if read else "nothing reads this language: list the block in docs/examples.md"


def _shell(text: str) -> str:
    return _read_by("bash", "-n")(text) or _settings(text)


def _settings(text: str) -> str:
    """A value that a setting does not take."""
    named = {name: value.strip("\"'") for name, value in _ASSIGNED.findall(text) if name in entries.settings()}
    chosen = {name: _OPEN.sub(_FILLED_IN, value) for name, value in named.items() if "/etc/" not in value}
    refusals = [_refusal({**given, **chosen}) for given in _GIVEN]
    return "" if "" in refusals else refusals[0]


def _refusal(chosen: dict[str, str]) -> str:
    with _environment(chosen):
        try:
            settings.load()
        except BadSettings as wrong:
            return str(wrong)
    return ""


@contextmanager
def _environment(chosen: dict[str, str]) -> Iterator[None]:
    """This process's environment with these settings and no others."""
    others = {name: value for name, value in os.environ.items() if name not in entries.settings()}
    with mock.patch.dict(os.environ, {**others, **chosen}, clear=True):
        yield


def _console(text: str) -> str:
    return "".join(_shell(command) for command, _ in commands(text))


def _pictures(kind: Kind) -> Callable[[str], str]:
    def read(text: str) -> str:
        document = text.replace("=KEY", "=" + "0" * 64)
        found = [each for base in _OURS for each in findings(document, kind, Ours.of(base))]
        return "\n".join(each.message for each in found if each.code not in _SHOWN_ANYWAY)

    return read


def _python(text: str) -> str:
    try:
        compile(text, "a block", "exec")
    except SyntaxError as wrong:
        return str(wrong)
    return ""


def _parsed_by(parse: Callable[[str], object], *errors: type[Exception]) -> Callable[[str], str]:
    def read(text: str) -> str:
        try:
            parse(text)
        except errors as wrong:
            return str(wrong)
        return ""

    return read


def _read_by(*command: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        ended = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
        return ended.stderr if ended.returncode else ""

    return read


def _terraform(text: str) -> str:
    """Values that are given to no variable of an example or a module."""
    declared = {name for file in (ROOT / "terraform").rglob("*.tf") for name in _VARIABLE.findall(file.read_text())}
    return ", ".join(name for name in re.findall(r"(?m)^(\w+) *=", text) if name not in declared)


_JAVASCRIPT: Sequence[str] = ("node", "--input-type=module", "--check")

LANGUAGES: dict[str, Callable[[str], str]] = {
    "sh": _shell,
    "console": _console,
    "{promptcdn}": lambda _: "",
    "text": lambda _: "",
    "": lambda _: "",
    "markdown": _pictures(Kind.MARKDOWN),
    "html": _pictures(Kind.HTML),
    "rst": _pictures(Kind.RST),
    "json": _parsed_by(json.loads, ValueError),
    "yaml": _parsed_by(yaml.safe_load, yaml.YAMLError),
    "toml": _parsed_by(tomllib.loads, tomllib.TOMLDecodeError),
    "hcl": _terraform,
    "python": _python,
    "javascript": _read_by(*_JAVASCRIPT),
    "js": _read_by(*_JAVASCRIPT),
    "ruby": _read_by("ruby", "-c"),
    "php": _read_by("php", "-l"),
}
