"""Traces: off unless a variable asks for them; then a span for each step of a request, in order."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

from promptcdn.observer import Step
from tests.support.service import PROMPTCDN, Promptcdn, environment

URL = "/?prompt=a-secret-prompt&seed=1&width=256&height=256"
WITHOUT_THE_EXTRA = """
import sys
sys.modules["opentelemetry"] = None
import os
from promptcdn.telemetry.tracing import Tracing
with Tracing.of(os.environ).span("request"):
    from promptcdn import cli, server
"""


def spans(printed: str) -> list[dict[str, Any]]:
    """What the console's exporter printed, in the order in which it began."""
    found, decoder, at = [], json.JSONDecoder(), 0
    while at < len(printed):
        span, at = decoder.raw_decode(printed, at)
        found.append(span)
        at += len(printed[at:]) - len(printed[at:].lstrip())
    return sorted(found, key=lambda span: str(span["start_time"]))


def traced(folder: Path, *urls: str, **settings: str) -> str:
    """What a service prints that was asked for `urls`, after its two lines of greeting."""
    with Promptcdn(folder, **settings) as service:
        for url in urls:
            service.get(url)
        service.process.terminate()
        assert service.process.stdout is not None
        return service.process.stdout.read().lstrip()


def test_a_miss_takes_its_steps_in_their_order(tmp_path: Path) -> None:
    found = spans(traced(tmp_path, URL, OTEL_TRACES_EXPORTER="console"))

    names = [span["name"] for span in found]
    assert names == [
        # The picture that today's defaults name is read while its binding is.
        *(
            "request",
            "parse",
            "binding",
            "store",
            "store",
            "store",
            "store",
            "tombstone",
            "memory",
            "tombstone",
            "store",
        ),
        *("authorisation", "flight", "cooldown", "binding", "store", "store", "restore", "store", "store"),
        *("tombstone", "store", "store", "budget", "generator"),
        *("tombstone", "validation", "store", "binding", "store", "tombstone"),
        *("binding", "tombstone", "memory", "rendition", "store", "tombstone"),
        *("binding", "headers"),
    ]
    assert set(names) == set(get_args(Step))
    assert len({span["context"]["trace_id"] for span in found}) == 1
    ids = {span["context"]["span_id"]: span["name"] for span in found}
    above = {span["name"]: ids.get(span["parent_id"]) for span in found}
    assert (above["request"], above["authorisation"], above["flight"], above["generator"]) == (
        None,
        "request",
        "request",
        "flight",
    )
    assert "a-secret-prompt" not in str(found)


def test_a_hit_takes_few_steps(tmp_path: Path) -> None:
    found = spans(traced(tmp_path, URL, URL, OTEL_TRACES_EXPORTER="console"))

    assert [span["name"] for span in found][-6:] == ["request", "parse", "binding", "tombstone", "memory", "headers"]


def test_an_error_is_not_described_in_a_span(tmp_path: Path) -> None:
    printed = traced(tmp_path, "/?prompt=a&width=a-secret-prompt", OTEL_TRACES_EXPORTER="console")

    assert [span["name"] for span in spans(printed)] == ["request", "parse"]
    assert "a-secret-prompt" not in printed


def test_without_a_variable_there_are_none(tmp_path: Path) -> None:
    assert traced(tmp_path, URL) == ""


def test_a_missing_exporter_is_logged_and_pictures_are_served(tmp_path: Path) -> None:
    assert traced(tmp_path, URL, OTEL_TRACES_EXPORTER="pigeons") == ""
    assert "traces are off: the exporter pigeons is not installed" in (tmp_path / "log").read_text()


def test_all_works_without_the_extra() -> None:
    command = [sys.executable, "-c", WITHOUT_THE_EXTRA]
    asked = environment(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")

    ended = subprocess.run(command, env=asked, capture_output=True, text=True)

    assert ended.returncode == 0, ended.stderr
    assert "pip install promptcdn[otel]" in ended.stderr


def test_commands_print_no_traces(tmp_path: Path) -> None:
    with Promptcdn(tmp_path):
        pass
    command = [PROMPTCDN, "info", URL, "--json"]
    asked = environment(OTEL_TRACES_EXPORTER="console", PROMPTCDN_DATA_DIR=tmp_path / "data")

    ended = subprocess.run(command, env=asked, cwd=tmp_path, capture_output=True, text=True, check=True)

    assert json.loads(ended.stdout)["state"] == "absent"
