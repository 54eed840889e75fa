"""The OpenAPI document: made from the tables of the code, right for the service that gives it."""

from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from promptcdn import problems
from promptcdn.faces.openapi import document, schemas
from promptcdn.faces.openapi.document import described
from promptcdn.readers.answers import State
from promptcdn.settings import Settings
from promptcdn.url.parameters import OF_INFO, PARAMETERS, Parameter
from promptcdn.url.parameters.values import Whole
from tests.support.chats import SETTINGS as CHATS
from tests.support.service import Promptcdn


def told(**settings: Any) -> dict[str, Any]:
    return described(Settings(**settings))


def parameters(path: str, **settings: Any) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in told(**settings)["paths"][path]["get"]["parameters"]}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        CHATS,
        {"admin_token": "x" * 16, "public_url": "https://pictures.example.org"},
        {"worker_tokens": "gpu:" + 16 * "z"},
    ],
)
def test_it_is_openapi_3_1(settings: dict[str, str]) -> None:
    validate(told(**settings))


def test_every_parameter_of_the_grammar_is_in_it() -> None:
    assert list(parameters("/")) == [row.name for row in PARAMETERS]
    assert list(parameters("/info")) == [row.name for row in (*PARAMETERS, *OF_INFO)]
    assert parameters("/prompt/{prompt}").keys() == parameters("/").keys()
    assert "format" not in parameters("/i.png")


def test_a_new_parameter_appears_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    glow = Parameter("glow", "generation", Whole(1, 9), "1 to 9", "how much it glows", aliases=("shine",))
    monkeypatch.setattr(document, "PARAMETERS", (*PARAMETERS, glow))

    assert parameters("/")["glow"] == {
        "name": "glow",
        "in": "query",
        "required": False,
        "description": "How much it glows. Allowed: 1 to 9. Also called shine.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 9},
    }


def test_the_engines_are_those_that_the_operator_offers() -> None:
    assert parameters("/")["engine"]["schema"]["enum"] == ["sketch"]
    assert "enum" not in parameters("/prompt/{prompt}")["engine"]["schema"], "the nearest is taken there"


EVERYTHING = {"admin_token": "x" * 16, "api_keys": "a:" + 16 * "y", "worker_tokens": "a:" + 16 * "z", **CHATS}


def test_every_problem_is_in_it_with_what_to_do() -> None:
    answers = {
        status: answer["description"]
        for methods in told(**EVERYTHING)["paths"].values()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
    }
    pictures = told()["paths"]["/"]["get"]["responses"]

    assert {str(kind.status) for kind in problems.KINDS} <= answers.keys()
    assert "`budget_spent`: The budget for new pictures is spent. To do: " in pictures["503"]["description"]
    assert "Retry-After" in pictures["503"]["headers"]


def test_workers_are_in_it_where_there_are_tokens() -> None:
    work = [path for path in told(worker_tokens="gpu:" + 16 * "z")["paths"] if path.startswith("/work/")]

    assert work == ["/work/next", "/work/{order}", "/work/{order}/alive", "/work/{order}/failed"]
    assert not [path for path in told()["paths"] if path.startswith("/work/")]


def test_pictures_are_taken_down_only_where_there_is_a_token() -> None:
    assert told()["paths"]["/i/{key}"].keys() == {"get"}
    assert told(admin_token="x" * 16)["paths"]["/i/{key}"]["delete"]["security"] == [{"operator": []}]


def test_the_paths_of_chats_are_there_where_they_are_set_up() -> None:
    hooks = {path for path in told(**CHATS)["paths"] if path.startswith(("/slack/", "/discord/"))}

    assert hooks == {"/slack/command", "/slack/interactivity", "/slack/events", "/discord/interactions"}
    assert told(**CHATS)["paths"].keys() - told()["paths"].keys() == hooks


def test_its_address_is_that_of_the_service() -> None:
    assert told()["servers"] == [{"url": "/"}]
    assert told(public_url="https://pictures.example.org")["servers"] == [{"url": "https://pictures.example.org"}]


def test_the_states_of_a_picture_are_those_that_the_code_has() -> None:
    assert State.__args__ == schemas.STATES  # type: ignore[attr-defined]


@pytest.mark.parametrize("query", ["prompt=a&seed=7", "prompt=a", "prompt=a&seed=day&dark=/?prompt=b%26seed=1&alt=c"])
def test_what_info_says_is_as_described(service: Promptcdn, query: str) -> None:
    found = service.get(f"/info?{query}").json()

    jsonschema.validate(found, schemas.INFO)
    assert found.keys() == set(schemas.INFO["required"])


def test_a_problem_is_as_described(service: Promptcdn) -> None:
    jsonschema.validate(service.get("/?prompt=a&steps=0").json(), schemas.PROBLEM)


def test_readiness_is_as_described(service: Promptcdn) -> None:
    jsonschema.validate(service.get("/readyz").json(), schemas.READINESS)


def test_openais_api_is_in_it_only_where_there_are_keys() -> None:
    opened = told(api_keys="a:" + 16 * "y")
    validate(opened)

    assert not [path for path in told()["paths"] if path.startswith("/v1/")]
    assert "schemas" in opened["components"]
    assert opened["paths"]["/v1/images/generations"]["post"]["security"] == [{"client": []}]
