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
    "PROMPTCDN_API_KEYS": "team:canary-abcdefghij",
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
ANY_TEXT = {"a1111_password", "a1111_upscaler", "a1111_user", "hf_token", "openai_api_key", "stability_key"}


@pytest.mark.parametrize("name", sorted(set(settings.Settings.model_fields) - ANY_TEXT))
def test_each_setting_says_what_is_allowed(name: str) -> None:
    assert settings.allowed(name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROMPTCDN_SIGNING_KEYS", "canary-without-an-id"),
        ("PROMPTCDN_API_KEYS", "canary-without-an-id"),
        ("PROMPTCDN_API_KEYS", "team:canary 0123456789"),
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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROMPTCDN_FASTPATH", "on\nor off"),
        ("PROMPTCDN_FASTPATH", "on\x85or off"),
        ("PROMPTCDN_STORE", "disk:a\nb"),
        ("PROMPTCDN_GENERATOR", "sketch, o\nther"),
        ("PROMPTCDN_MEMORY", "9" * 5000),
        ("PROMPTCDN_STORE", "x" * 5000),
    ],
)
def test_a_bad_value_is_one_short_line(only: pytest.MonkeyPatch, name: str, value: str) -> None:
    only.setenv(name, value)
    with pytest.raises(BadSettings) as wrong:
        settings.load()
    said = str(wrong.value)
    assert len(said.splitlines()) == 1
    assert name in said
    assert len(said) < 500


def test_a_secrets_last_line_break_is_no_part_of_it(only: pytest.MonkeyPatch) -> None:
    """The line break at the end of a secret's file is no part of the secret."""
    only.setenv("STABILITY_KEY", "canary-stability-key\n")
    only.setenv("PROMPTCDN_ADMIN_TOKEN", " 0123456789abcdef\r\n")
    only.setenv("PROMPTCDN_SIGNING_KEYS", "k1:canary-0123456789\n")

    chosen = settings.load()

    assert chosen.stability_key is not None
    assert chosen.stability_key.get_secret_value() == "canary-stability-key"
    assert chosen.admin_token is not None
    assert chosen.admin_token.get_secret_value() == "0123456789abcdef"
    assert [secret for _, secret in chosen.signing_keys.secrets] == [b"canary-0123456789"]


def test_a_buckets_variables_in_the_file_are_read_as_settings(only: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A bucket's variables in the file are read as all settings are."""
    (tmp_path / ".env").write_text(
        "AWS_ACCESS_KEY_ID=of-the-file\nAWS_DEFAULT_REGION=of-the-file\nPROMPTCDN_STEPS=20\n"
    )
    only.setenv("AWS_DEFAULT_REGION", "of-the-environment")
    only.delenv("AWS_ACCESS_KEY_ID", raising=False)

    assert settings.load().steps == 20

    found = {name: os.environ.pop(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION")}
    assert found == {"AWS_ACCESS_KEY_ID": "of-the-file", "AWS_DEFAULT_REGION": "of-the-environment"}


def test_the_addressing_style_alone_is_read_and_checked_too(only: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert settings.s3_addressing_style() == "auto"
    (tmp_path / ".env").write_text("PROMPTCDN_S3_ADDRESSING_STYLE=path\n")
    assert settings.s3_addressing_style() == "path"
    only.setenv("PROMPTCDN_S3_ADDRESSING_STYLE", "")
    assert settings.s3_addressing_style() == "path"
    only.setenv("PROMPTCDN_S3_ADDRESSING_STYLE", "host")
    with pytest.raises(BadSettings, match='PROMPTCDN_S3_ADDRESSING_STYLE="host": allowed: auto, path or virtual'):
        settings.s3_addressing_style()


def test_an_empty_variable_gives_way_to_the_file(only: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """boto3 takes an empty one for a value, like a profile without a name."""
    (tmp_path / ".env").write_text("AWS_DEFAULT_REGION=eu-somewhere-1\n")
    for name in ("AWS_DEFAULT_REGION", "AWS_PROFILE"):
        only.setenv(name, "")
    settings.load()

    assert os.environ.pop("AWS_DEFAULT_REGION") == "eu-somewhere-1"
    assert "AWS_PROFILE" not in os.environ


def test_an_empty_setting_gives_way_to_the_file_too(only: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PROMPTCDN_VARIANTS=3\nPORT=4000\n")
    only.setenv("PROMPTCDN_VARIANTS", "")

    chosen = settings.load()

    assert (chosen.variants, chosen.port) == (3, 4000)


def test_the_environment_goes_before_the_file_in_any_case(only: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PROMPTCDN_VARIANTS=3\n")
    only.setenv("promptcdn_variants", "5")

    assert settings.load().variants == 5


def test_options_go_before_the_environment(only: pytest.MonkeyPatch) -> None:
    only.setenv("PORT", "4000")
    only.setenv("PROMPTCDN_HOST", "127.0.0.2")

    chosen = settings.load(host="127.0.0.3", port=0)

    assert (chosen.host, chosen.port) == ("127.0.0.3", 0)


CHAT_KEY = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"SLACK_SIGNING_SECRET": "canary-secret"}, "PROMPTCDN_SLACK_SIGNING_SECRET needs PROMPTCDN_PUBLIC_URL"),
        ({"SLACK_BOT_TOKEN": "xoxb-canary"}, "PROMPTCDN_SLACK_BOT_TOKEN needs PROMPTCDN_SLACK_SIGNING_SECRET"),
        ({"DISCORD_PUBLIC_KEY": CHAT_KEY}, "set both, or none of them"),
        ({"DISCORD_APPLICATION_ID": "42"}, "set both, or none of them"),
        (
            {"DISCORD_PUBLIC_KEY": CHAT_KEY, "DISCORD_APPLICATION_ID": "42"},
            "PROMPTCDN_DISCORD_PUBLIC_KEY needs PROMPTCDN_PUBLIC_URL",
        ),
        ({"DISCORD_PUBLIC_KEY": "canary"}, "allowed: the 64 hexadecimal digits"),
        ({"DISCORD_APPLICATION_ID": "promptcdn"}, "allowed: the number that the application's page shows"),
        ({"SLACK_SECRET": "canary"}, "did you mean PROMPTCDN_SLACK_SIGNING_SECRET?"),
    ],
)
def test_an_app_for_a_chat_is_set_up_as_a_whole(only: pytest.MonkeyPatch, chosen: dict[str, str], said: str) -> None:
    for name, value in chosen.items():
        only.setenv(f"PROMPTCDN_{name}", value)
    with pytest.raises(BadSettings) as wrong:
        settings.load()

    assert said in str(wrong.value)
    assert "canary" not in str(wrong.value)


def test_a_machine_may_have_a_service_and_its_worker(only: pytest.MonkeyPatch) -> None:
    """The worker's secret is then there twice; one that guards something else as well is told."""
    tokens, secret = "PROMPTCDN_WORKER_TOKENS", "canary-0123456789-of-a-worker"
    only.setenv(tokens, f"gpu:{secret}")
    only.setenv("PROMPTCDN_WORKER_TOKEN", secret)
    both = settings.load().chosen.secrets
    only.setenv("PROMPTCDN_WORKER_TOKEN", "0123456789abcdef")
    another = settings.load().chosen.secrets

    assert [name for name, value in both if value == secret] == ["the worker's token gpu"]
    assert "PROMPTCDN_WORKER_TOKEN" in dict(another)
