"""What each test under faults counted, as a table at the end."""

from collections.abc import Callable, Iterable, Iterator
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest

from promptcdn.stores.negative import NegativeCache, Timings
from tests.faults.miss import WAIT, Misses
from tests.faults.stage import KINDS_SMALL

Figures = Callable[..., None]

# ComfyUI is looked at now and then, a connection is tried again after a while, and engines of the REST API draw a
# megapixel, which takes longer to decode and to encode.
WAIT_OVER_HTTP = 5.0

_COLUMNS = ("rounds", "requests", "paid", "lost")


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Figures:
    """Called with what was counted: `figures(rounds=25, paid=300, lost=0)`."""

    def record(**counted: object) -> None:
        record_property("figures", counted)

    return record


@pytest.fixture
def each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figures: Figures, request: pytest.FixtureRequest) -> Misses:
    """Misses of an upstream, in each of which one call more goes well; the parameter is its kind."""
    name = getattr(request, "param", "grpc")
    kind, settings = KINDS_SMALL[name]
    # Hanging look-ups are given up sooner, or a hundred of them take a quarter of an hour.
    monkeypatch.setattr(NegativeCache.__init__, "__defaults__", (Timings(patience=0.3), Context))
    wait = WAIT if name == "grpc" else WAIT_OVER_HTTP
    return Misses(tmp_path, kind, {**settings, "PROMPTCDN_BUDGET": "1000/day"}, monkeypatch, figures, wait)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table."""
    rows = list(_rows(terminalreporter.getreports("passed") + terminalreporter.getreports("failed")))
    if rows:
        terminalreporter.section("figures")
        for cells in (["case", *_COLUMNS, "more"], ["---"] * (len(_COLUMNS) + 2), *rows):
            terminalreporter.write_line(f"| {' | '.join(cells)} |")


def _rows(reports: Iterable[Any]) -> Iterator[list[str]]:
    for report in reports:
        counted = dict(report.user_properties).get("figures")
        if report.when == "call" and counted:
            case = report.nodeid.rpartition("::")[2].removeprefix("test_").replace("_", " ")
            more = ", ".join(f"{name.replace('_', ' ')} {counted[name]}" for name in counted if name not in _COLUMNS)
            outcome = "" if report.passed else "FAILED: "
            yield [outcome + case, *(str(counted.get(name, "")) for name in _COLUMNS), more]
