"""The table of metrics: each HELP text is read alone, beside a graph, and still says what is counted."""

import re

import pytest

from promptcdn.telemetry.metrics import METRICS, Metric

# Words that point to another metric's text, or to something that the text does not name.
POINTING = re.compile(r"\b(it|its|same|those calls|they|them|their|what)\b", re.IGNORECASE)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_help_text_is_one_sentence_that_names_what_is_counted(metric: Metric) -> None:
    assert metric.meaning.endswith(".")
    assert not re.search(r"[.] \S", metric.meaning), "one sentence"
    assert len(metric.meaning.split()) >= 5
    pointing = {word.lower() for word in POINTING.findall(metric.meaning.partition(",")[0])}
    assert pointing - {"its"} == set()


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_help_text_says_the_unit_that_the_name_has(metric: Metric) -> None:
    for unit in ("seconds", "bytes", "credits"):
        if f"_{unit}" in metric.name:
            assert metric.meaning.lower().startswith(unit)


def test_no_two_metrics_say_the_same() -> None:
    assert len({metric.meaning for metric in METRICS}) == len(METRICS)
