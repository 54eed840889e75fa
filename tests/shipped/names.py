"""All names that people rely on, as a tree: what a version had, each later one of the same major version has too.

`.venv/bin/python -m tests.shipped.names` writes them down; docs/release.md says when.
"""

import json
import os
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import typer

from promptcdn import problems
from promptcdn.cli import application
from promptcdn.faces.openapi import document
from promptcdn.readers.cache_policies import Outcome, cache_control
from promptcdn.settings import Settings, load, shown_name
from promptcdn.settings.generators import PREFIX
from promptcdn.telemetry.metrics import METRICS
from promptcdn.url import formats
from promptcdn.url.dialects.appended import APPENDED
from promptcdn.url.parameters import OF_INFO, PARAMETERS
from promptcdn.url.snippets.tools import TOOLS

FROZEN = Path(__file__).parents[1] / "golden" / "names.json"
PROJECT = tomllib.loads((FROZEN.parents[2] / "pyproject.toml").read_text())["project"]
MODULES = ("promptcdn.markdown", "promptcdn.markdown.faults")
# With these every path is there.
ALL_PATHS = {
    "PROMPTCDN_PUBLIC_URL": "https://pictures.example.org",
    "PROMPTCDN_ADMIN_TOKEN": "a-token-of-the-operator",
    "PROMPTCDN_API_KEYS": "team:a-secret-of-a-client",
    "PROMPTCDN_WORKER_TOKENS": "home:a-secret-of-a-worker",
    "PROMPTCDN_SLACK_SIGNING_SECRET": "a-secret-of-slack",
    "PROMPTCDN_DISCORD_PUBLIC_KEY": "ab" * 32,
    "PROMPTCDN_DISCORD_APPLICATION_ID": "1234567890",
}
Names = dict[str, Any]


def names() -> Names:
    """What this version has. Lists are sets of names; any other value is one that must stay."""
    described = document.described(_with_all_paths())
    schemas = described["components"]["schemas"]
    return {
        "commands": dict(commands()),
        "entry points": {group: sorted(rows) for group, rows in PROJECT["entry-points"].items()},
        "fields of JSON": {name: sorted(each["properties"]) for name, each in schemas.items() if "properties" in each},
        "formats": {row.name: row.media_type for row in formats.FORMATS},
        "ignored in URLs": sorted(name for row in APPENDED for name in row.names),
        "lifetimes by outcome": {str(outcome.value): cache_control(outcome, 3600) for outcome in Outcome},
        "metrics": {each.name: {each.kind: sorted(each.labels)} for each in METRICS},
        "parameters": {row.name: sorted(row.aliases) for row in (*PARAMETERS, *OF_INFO)},
        "paths": {path: sorted(methods) for path, methods in described["paths"].items()},
        "problems": {
            kind.code: [f"status {kind.status}", f"Cache-Control {kind.cache_control}"] for kind in problems.KINDS
        },
        "Python": {module: sorted(import_module(module).__all__) for module in MODULES},
        "settings": {shown_name(name): sorted(choices(name)) for name in Settings.model_fields},
        "tools of promptcdn url --for": sorted(name for row in TOOLS for name in row.names),
    }


def choices(setting: str) -> Iterator[str]:
    """The words that a setting may be, where it is one of some."""
    return (word for word in get_args(Settings.model_fields[setting].annotation) if isinstance(word, str))


def commands() -> Iterator[tuple[str, list[str]]]:
    """Each command with its options."""

    def walk(command: Any, path: str) -> Iterator[tuple[str, list[str]]]:
        below = getattr(command, "commands", {})
        for name, each in below.items():
            yield from walk(each, f"{path} {name}".strip())
        if not below:
            spelled = {word for each in command.params for word in (*each.opts, *each.secondary_opts)}
            yield path, sorted(word for word in spelled if word.startswith("-"))

    return walk(typer.main.get_command(application()), "")


def lost(before: Any, now: Any, path: str = "") -> Iterator[str]:
    """Each name of `before` that is not there any more, and each value that is another."""
    if isinstance(before, dict):
        for name, below in before.items():
            if name not in now:
                yield f"{path}/{name} is gone"
            else:
                yield from lost(below, now[name], f"{path}/{name}")
    elif isinstance(before, list):
        yield from (f"{path}: {name} is gone" for name in before if name not in now)
    elif before != now:
        yield f"{path} was {before}, and is {now}"


def _with_all_paths() -> Settings:
    kept = dict(os.environ)
    try:
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            del os.environ[name]
        os.environ.update(ALL_PATHS)
        return load()
    finally:
        os.environ.clear()
        os.environ.update(kept)


if __name__ == "__main__":
    FROZEN.write_text(json.dumps(names(), indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    sys.exit(0)
