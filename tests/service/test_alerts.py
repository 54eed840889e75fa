"""The dashboard and the alerts: they are valid, fire where they should, and name nothing that no service has."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import Promptcdn
from tests.support.workers import SETTINGS
from tests.upstream import Upstream

FOLDER = Path(__file__).parents[2] / "deploy" / "telemetry"
PROMTOOL = Path(sys.executable).with_name("promtool")
NAME = re.compile(r"\b(?:promptcdn|process)_[a-z_]+\b")
# Prometheus' own, of every target.
UP = re.compile(r"\bup\{")


def expressions(page: str) -> list[str]:
    """What a page asks Prometheus."""
    text = (FOLDER / page).read_text()
    if page == "alerts.yml":
        return re.findall(r"expr: (.*?)\n +(?:for|labels):", text, re.DOTALL)
    return [target["expr"] for panel in json.loads(text)["panels"] for target in panel["targets"]]


@pytest.mark.parametrize(
    "words", [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]], ids=lambda words: words[0]
)
def test_the_rules_are_valid_and_fire_where_they_should(words: list[str]) -> None:
    ended = subprocess.run([PROMTOOL, *words], cwd=FOLDER, capture_output=True, text=True)

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_alert_is_tested_to_fire_and_not_to_fire() -> None:
    rules, tests = ((FOLDER / page).read_text() for page in ("alerts.yml", "alerts_test.yml"))

    for alert in re.findall(r"alert: (\w+)", rules):
        assert len(re.findall(rf"alertname: {alert}\b", tests)) == 2, alert


def test_the_tables_of_the_docs_have_every_alert_and_panel() -> None:
    rules, dashboard = ((FOLDER / page).read_text() for page in ("alerts.yml", "dashboard.json"))
    page = (FOLDER.parents[1] / "docs" / "telemetry.md").read_text()

    for alert in re.findall(r"- alert: (\w+)", rules):
        assert f"| `{alert}` | " in page, alert
    for panel in json.loads(dashboard)["panels"]:
        assert f"| {panel['title']} | {panel['description']} |" in page, panel["title"]


@pytest.fixture(scope="module")
def exposition(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a service counted that did a bit of everything."""
    folder = tmp_path_factory.mktemp("busy")
    workers = {"PROMPTCDN_GENERATOR": "stability, worker", "PROMPTCDN_WORKER_START": "true", **SETTINGS}
    settings = {"PROMPTCDN_ENGINE": "stability/any", "PROMPTCDN_BUDGET": "9/day", **workers}
    with Upstream() as upstream, Promptcdn(folder, STABILITY_HOST=upstream.url, **settings) as service:
        for query in ("seed=1", "seed=1", "seed=1&w=320", "width=1", "seed=day"):
            service.get(f"/?prompt=a&{query}")
        service.get("/?prompt=fault:unauthenticated&seed=1")
        return service.get("/metrics").text


def test_prometheus_has_nothing_to_say_of_names_and_format(exposition: str) -> None:
    ended = subprocess.run([PROMTOOL, "check", "metrics"], input=exposition, capture_output=True, text=True)

    assert ended.stderr == ""
    assert ended.returncode == 0


@pytest.mark.parametrize("page", ["alerts.yml", "dashboard.json"])
def test_every_metric_that_is_asked_for_is_there(exposition: str, page: str) -> None:
    asked = expressions(page)
    names = {match[0] for line in exposition.splitlines() if (match := NAME.match(line))}

    assert len(asked) >= 8
    assert all(NAME.search(expression) or UP.search(expression) for expression in asked)
    assert {name for expression in asked for name in NAME.findall(expression)} - names == set()


@pytest.mark.parametrize("page", ["alerts.yml", "dashboard.json"])
def test_orders_and_workers_are_watched(page: str) -> None:
    asked = {name for expression in expressions(page) for name in NAME.findall(expression)}

    assert asked >= {
        "promptcdn_orders_waiting",
        "promptcdn_oldest_order_seconds",
        "promptcdn_workers",
        "promptcdn_worker_seconds_total",
        "promptcdn_worker_pictures_total",
    }
