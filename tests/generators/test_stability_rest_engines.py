"""The engines of the REST API, as URLs and settings meet them."""

import os
from pathlib import Path

import pytest

from promptcdn import settings
from promptcdn.generators.stability.rest.engines import FAMILIES, KNOWN
from promptcdn.problems import BadSettings, Problem
from promptcdn.url.parse import parse
from promptcdn.url.request import Resolved
from promptcdn.url.resolving import as_drawn, departures, resolve
from tests.support.offers import offers
from tests.support.service import environment

REST = offers("stability", *KNOWN, families=FAMILIES)


def resolved(query: str, *, nearest: bool = False) -> Resolved:
    return resolve(parse(f"prompt=a&seed=1&{query}".encode()).asked, REST, nearest=nearest)


@pytest.mark.parametrize(
    ("query", "cfg_scale"),
    [
        ("", 7.0),
        ("cfg_scale=35", 35.0),
        ("engine=sd3.5-large", 4.0),
        ("engine=sd3.5-medium", 4.0),
        ("engine=sd3.5-large-turbo", 1.0),
        ("engine=sd3.5-flash", 1.0),
        ("engine=sd3.5-flash&cfg_scale=2.5", 2.5),
        ("engine=sd3.5-large&cfg_scale=10", 10.0),
    ],
)
def test_a_distilled_model_has_a_cfg_scale_of_its_own(query: str, cfg_scale: float) -> None:
    """`core` has no field for it, so that it may be anything."""
    assert resolved(query).cfg_scale == cfg_scale


@pytest.mark.parametrize("value", ["0", "0.99", "10.01", "35"])
def test_a_cfg_scale_that_the_engine_does_not_take_is_refused(value: str) -> None:
    with pytest.raises(Problem) as caught:
        resolved(f"engine=sd3.5-large&cfg_scale={value}")

    problem = caught.value
    assert (problem.parameter, problem.value, problem.allowed) == ("cfg_scale", value, "1 to 10")
    assert problem.kind.status == 400


def test_where_the_nearest_will_do_the_cfg_scale_is_the_nearest() -> None:
    asked = parse(b"prompt=a&seed=1&engine=sd3.5-large&cfg_scale=35").asked
    drawn = resolved("engine=sd3.5-large&cfg_scale=35", nearest=True)

    assert drawn.cfg_scale == 10.0
    assert departures(asked, drawn) == ("the cfg_scale 35.0 is not offered: 10.0 is used in its place",)
    assert as_drawn(asked, drawn).cfg_scale == 10.0


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment and a folder that set nothing up but a key."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(environment()):
        monkeypatch.delenv(name)
    monkeypatch.setenv("STABILITY_KEY", "a-key-of-the-service")
    return monkeypatch


def test_a_key_alone_means_core_over_rest(only: pytest.MonkeyPatch) -> None:
    chosen = settings.load()

    assert chosen.defaults.default == ("stability", "core")
    only.setenv("PROMPTCDN_ENGINES", ",".join(KNOWN))
    assert settings.load().defaults.names == KNOWN


@pytest.mark.parametrize("setting", ["PROMPTCDN_ENGINE", "PROMPTCDN_ENGINES"])
@pytest.mark.parametrize("engine", ["stable-diffusion-xl-1024-v1-0", "stability/stable-diffusion-v1-6"])
def test_an_engine_of_the_other_protocol_is_no_silent_change(
    only: pytest.MonkeyPatch, setting: str, engine: str
) -> None:
    """A service that named its engine and no host spoke gRPC before: it must not begin to pay for another engine."""
    only.setenv(setting, engine)
    with pytest.raises(BadSettings) as caught:
        settings.load()
    only.setenv("STABILITY_HOST", "grpcs://grpc.stability.ai:443")

    assert str(caught.value).startswith(f"{setting}={engine}: stability has no such engine")
    assert "allowed: core, ultra," in str(caught.value)
    assert engine.rpartition("/")[2] in [each.engine for each in settings.load().defaults.offered]


def test_an_engine_of_a_generator_that_is_not_in_use_is_left_out(only: pytest.MonkeyPatch) -> None:
    only.setenv("PROMPTCDN_GENERATOR", "sketch")
    only.setenv("PROMPTCDN_ENGINE", "stable-diffusion-xl-1024-v1-0")

    assert settings.load().defaults.default == ("sketch", "sketch")
