"""Starting: one clear line for what is wrong, exit code 2, never a traceback."""

import socket
from pathlib import Path

import pytest

from tests.running import Promptcdn

WRONG: list[tuple[dict[str, object], list[str]]] = [
    ({"PROMPTCDN_VARIANT": 4}, ["PROMPTCDN_VARIANT: no such setting, did you mean PROMPTCDN_VARIANTS?"]),
    ({"PROMPTCDN_XYZZY": 4}, ["PROMPTCDN_XYZZY: no such setting"]),
    ({"PROMPTCDN_REDIS_URL": "http://:canary@h"}, ["PROMPTCDN_REDIS_URL: say it like redis://:password@host:6379/0"]),
    ({"PROMPTCDN_REDIS_URL": "redis://:canary@h:99999"}, ["PROMPTCDN_REDIS_URL: this is no address of a Redis"]),
    ({"PROMPTCDN_STEPS": "many"}, ['PROMPTCDN_STEPS="many": Input should be a valid integer']),
    ({"PROMPTCDN_STEPS": 51}, ['PROMPTCDN_STEPS="51": Input should be less than or equal to 50']),
    ({"PROMPTCDN_VARIANTS": 0}, ['PROMPTCDN_VARIANTS="0": Input should be greater than or equal to 1']),
    ({"PROMPTCDN_SIZE": "1000x1000"}, ['PROMPTCDN_SIZE="1000x1000": say it like 1024x1024']),
    ({"PROMPTCDN_BUDGET": "lots"}, ['PROMPTCDN_BUDGET="lots": say how many pictures in which period']),
    ({"PROMPTCDN_BUDGET": "1/day,2/day"}, ['PROMPTCDN_BUDGET="1/day,2/day": two limits in one period and currency']),
    ({"PROMPTCDN_PRICES": "free"}, ['PROMPTCDN_PRICES="free": say once for each engine what a picture costs']),
    ({"PROMPTCDN_CLIENT_RATE": "1/week"}, ['PROMPTCDN_CLIENT_RATE="1/week": say how many new pictures (1 to 99999)']),
    ({"PROMPTCDN_TRUSTED_PROXIES": "nginx"}, ['PROMPTCDN_TRUSTED_PROXIES="nginx": "nginx": neither an address nor']),
    ({"PROMPTCDN_STORE": "ftp://x"}, ['PROMPTCDN_STORE="ftp://x": say it like disk:PATH or s3://bucket/prefix']),
    ({"PROMPTCDN_STORE_ID": "mine"}, ['PROMPTCDN_STORE_ID="mine": say the 32 hexadecimal digits']),
    ({"PROMPTCDN_LOG": "xml"}, ["PROMPTCDN_LOG=\"xml\": Input should be 'text' or 'json'"]),
    ({"PROMPTCDN_LOG_HITS": "some"}, ['PROMPTCDN_LOG_HITS="some": Input should be a valid boolean']),
    ({"PROMPTCDN_MISSES": "some"}, ["PROMPTCDN_MISSES=\"some\": Input should be 'open', 'signed' or 'closed'"]),
    ({"PROMPTCDN_MISSES": "signed"}, ["PROMPTCDN_MISSES=signed needs PROMPTCDN_SIGNING_KEYS, like id:secret"]),
    ({"PROMPTCDN_SIGNING_KEYS": "a-secret"}, ["PROMPTCDN_SIGNING_KEYS: key 1: say it like id:secret"]),
    (
        {"PROMPTCDN_GENERATOR": "magic"},
        ["PROMPTCDN_GENERATOR=\"magic\": Input should be 'auto', 'sketch' or 'stability'"],
    ),
    ({"PROMPTCDN_GENERATOR": "stability"}, ["PROMPTCDN_GENERATOR=stability needs STABILITY_KEY or STABILITY_HOST"]),
    ({"STABILITY_HOST": "ftp://host"}, ['STABILITY_HOST="ftp://host": ']),
    ({"PROMPTCDN_PUBLIC_URL": "h.example"}, ['PROMPTCDN_PUBLIC_URL="h.example": say it like https://']),
    ({"PORT": "web"}, ['PORT="web": Input should be a valid integer']),
    (
        {"STABILITY_KEY": "k", "PROMPTCDN_ENGINE": "stable-diffusion-xl-1024-v1-0", "PROMPTCDN_SIZE": "512x512"},
        ["PROMPTCDN_SIZE: stable-diffusion-xl-1024-v1-0 draws no such size; the nearest are"],
    ),
    (
        {"PROMPTCDN_STEPS": "x", "PROMPTCDN_VARIANT": 4, "PROMPTCDN_QUEUE": -1},
        ["PROMPTCDN_VARIANT: no such", 'PROMPTCDN_STEPS="x"', 'PROMPTCDN_QUEUE="-1"'],
    ),
]


@pytest.mark.parametrize(("settings", "lines"), WRONG, ids=[" ".join(row[0]) for row in WRONG])
def test_a_wrong_setting_is_one_clear_line_each_and_exit_2(
    tmp_path: Path, settings: dict[str, object], lines: list[str]
) -> None:
    ended = Promptcdn(tmp_path, **settings).refused_start()

    said = ended.stderr.splitlines()
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "canary" not in ended.stderr
    assert len(said) == len(lines)
    for line, expected in zip(said, lines, strict=True):
        assert line.startswith(f"promptcdn: {expected}")


@pytest.mark.parametrize("name", ["PROMPTCDN_DATA_DIR", "PROMPTCDN_STORE"])
def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, name: str) -> None:
    file = tmp_path / "file"
    file.touch()
    value = f"disk:{file}/store" if name == "PROMPTCDN_STORE" else file / "data"

    ended = Promptcdn(tmp_path, **{name: value}).refused_start()

    assert ended.returncode == 2
    assert ended.stderr.startswith(f"promptcdn: {name}: the folder {file}")
    assert len(ended.stderr.splitlines()) == 1


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        ended = Promptcdn(tmp_path).refused_start("--port", str(port))

    assert ended.returncode == 2
    assert ended.stderr == f"promptcdn: 127.0.0.1:{port}: the port is in use: choose another with --port or PORT\n"


def test_settings_are_read_from_a_file_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PROMPTCDN_STEPS=seven\nPROMPTCDN_WIT=1\n")

    ended = Promptcdn(tmp_path).refused_start()

    assert ended.returncode == 2
    assert "PROMPTCDN_WIT: no such setting, did you mean PROMPTCDN_WAIT?" in ended.stderr
    assert 'PROMPTCDN_STEPS="seven"' in ended.stderr


def test_a_secret_is_never_said(tmp_path: Path) -> None:
    ended = Promptcdn(tmp_path, STABILITY_KEY="canary-sk", STABILITY_HOST="ftp://h").refused_start()

    assert ended.returncode == 2
    assert "canary" not in ended.stderr


def test_an_empty_setting_is_as_good_as_none(tmp_path: Path) -> None:
    with Promptcdn(tmp_path, PROMPTCDN_ENGINE="", PROMPTCDN_STEPS="", STABILITY_KEY="") as service:
        assert "sketch" in service.said[0]


def test_a_service_says_what_it_is_and_a_url_to_click(tmp_path: Path) -> None:
    with Promptcdn(tmp_path) as service:
        assert service.said[0].startswith("promptcdn 0.1.0: sketch, engine sketch, budget ")
        assert service.get(service.example).headers["content-type"] == "image/webp"
