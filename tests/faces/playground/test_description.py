"""What the page is told of the service, made from the grammar's own table and from what generators declare."""

from itertools import chain
from typing import Any

import pytest

from promptcdn.faces.playground import description as module
from promptcdn.faces.playground.description import described
from promptcdn.settings import Settings
from promptcdn.url.parameters import PARAMETERS, STYLE_PRESETS, Parameter
from promptcdn.url.parameters.values import Whole


def told(**settings: Any) -> dict[str, Any]:
    return described(Settings(**settings), "http://127.0.0.1:8080")


def rows(**settings: Any) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in chain.from_iterable(told(**settings)["parameters"].values())}


def test_a_new_parameter_of_the_grammar_appears_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    new = Parameter("glow", "generation", Whole(1, 9), "1 to 9", "how much it glows")
    monkeypatch.setattr(module, "PARAMETERS", (*PARAMETERS, new))

    assert rows()["glow"] == {
        "name": "glow",
        "meaning": "how much it glows",
        "kind": "number",
        "least": 1,
        "most": 9,
        "step": 1,
    }


def test_each_row_says_how_it_is_typed() -> None:
    kinds = {name: row["kind"] for name, row in rows().items()}

    assert kinds.keys() == {row.name for row in PARAMETERS}
    assert {name for name, kind in kinds.items() if kind == "prose"} == {"prompt", "negative_prompt"}
    assert {name for name, kind in kinds.items() if kind == "choice"} == {
        *("sampler", "scheduler", "style_preset", "guidance_preset", "format", "fit")
    }
    assert rows()["style_preset"]["choices"] == STYLE_PRESETS
    assert [rows()["width"][name] for name in ("least", "most", "step")] == [256, 1536, 64]
    assert [rows()["cfg_scale"][name] for name in ("least", "most", "step")] == [0, 35, 0.01]


def test_sketches_are_drawn_at_once_and_cost_nothing() -> None:
    (sketch,) = told()["engines"]

    assert (sketch["live"], sketch["drawn"], sketch["paid"], sketch["credits"]) == (True, True, False, 0)
    assert sketch["from_pictures"] == ["init", "mask", "upscale"]


def test_each_engine_says_what_it_draws_lacks_and_costs() -> None:
    all_told = told(generator="stability, a1111, sketch", stability_key="canary", a1111_url="http://127.0.0.1:9")
    paid, own, drawn = all_told["engines"]

    assert (paid["paid"], paid["live"], paid["credits"] > 0) == (True, False, True)
    assert (own["paid"], own["live"]) == (False, False)
    assert drawn["live"]
    assert paid["lacks"]
    assert "canary" not in str(all_told)
    assert set(all_told["others"]) == {"openai", "huggingface", "comfyui", "local", "worker"}


def test_snippets_begin_with_the_public_address_where_one_is_set() -> None:
    assert told()["address"] == "http://127.0.0.1:8080"
    assert told(public_url="https://pictures.example.org")["address"] == ""


def test_the_price_follows_the_operators_own() -> None:
    (engine,) = told(generator="stability", stability_key="canary", prices="core=1.5")["engines"]

    assert (engine["name"], engine["credits"]) == ("core", 1.5)
