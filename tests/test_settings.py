"""Settings hold secrets, and never show one."""

import os
import re
from pathlib import Path

import pytest

from promptcdn import settings
from promptcdn.problems import BadSettings
from tests.support.service import environment

GOOD = {
    "STABILITY_KEY": "canary-stability-key",
    "PROMPTCDN_SIGNING_KEYS": "k1:canary-0123456789,k2:canary-9876543210",
    "PROMPTCDN_MISSES": "signed",
}


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment and a folder that set nothing up, for the test to fill."""
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(environment()):
        monkeypatch.delenv(name)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("only")
def test_settings_show_no_secret_however_they_are_looked_at() -> None:
    chosen = settings.load()

    assert chosen.signing_keys.ids == ("k1", "k2")
    for shown in (repr(chosen), str(chosen), str(chosen.model_dump()), chosen.model_dump_json()):
        assert "canary" not in shown


# Any text may be one.
ANY_TEXT = {"stability_key"}


@pytest.mark.parametrize("name", sorted(set(settings.Settings.model_fields) - ANY_TEXT))
def test_each_setting_says_what_is_allowed(name: str) -> None:
    assert settings.allowed(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROMPTCDN_SIGNING_KEYS", "canary-without-an-id"),
        ("PROMPTCDN_SIGNING_KEYS", "k1:canary"),
        ("PROMPTCDN_SIGNING_KEYS", "k1:canary-0123456789,k1:canary-9876543210"),
        ("PROMPTCDN_SIGNING_KEYS", "k1:canary-0123456789,canary 9876543210:k2"),
        ("PROMPTCDN_SIGNING_KEY", "k1:canary-0123456789"),
        ("PROMPTCDN_MISSES", "some"),
        ("PROMPTCDN_SIZE", "512x512"),
        ("PROMPTCDN_STEPS", "many"),
    ],
)
def test_an_error_in_the_settings_shows_no_secret(only: pytest.MonkeyPatch, name: str, value: str) -> None:
    only.setenv(name, value)

    with pytest.raises(BadSettings, match=re.escape(name)) as caught:
        settings.load()

    assert "canary" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
