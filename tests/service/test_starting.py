"""Starting: one clear line for what is wrong, exit code 2, never a traceback."""

import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from promptcdn import __version__
from tests.support.ports import held_port, is_open
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.support.waiting import until

WRONG: list[tuple[dict[str, object], list[str]]] = [
    ({"PROMPTCDN_VARIANT": 4}, ["PROMPTCDN_VARIANT: no such setting, did you mean PROMPTCDN_VARIANTS?"]),
    # What all names begin with is no likeness.
    ({"PROMPTCDN_FOO": 4}, ["PROMPTCDN_FOO: no such setting; docs/settings.md has them all"]),
    (
        {"PROMPTCDN_BUCKET": "pics"},
        ["PROMPTCDN_BUCKET: no such setting, did you mean PROMPTCDN_STORE=s3://bucket/prefix?"],
    ),
    (
        {"PROMPTCDN_S3_BUCKET": "pics"},
        ["PROMPTCDN_S3_BUCKET: no such setting, did you mean PROMPTCDN_STORE=s3://bucket/prefix?"],
    ),
    (
        {"PROMPTCDN_S3_ENDPOINT": "http://h"},
        ["PROMPTCDN_S3_ENDPOINT: no such setting, did you mean AWS_ENDPOINT_URL_S3?"],
    ),
    ({"PROMPTCDN_S3_REGION": "auto"}, ["PROMPTCDN_S3_REGION: no such setting, did you mean AWS_DEFAULT_REGION?"]),
    (
        {"PROMPTCDN_STORE": "s3:pics/p"},
        ['PROMPTCDN_STORE="s3:pics/p": allowed: disk:PATH or s3://bucket/prefix; write s3://pics/p'],
    ),
    (
        {"PROMPTCDN_STORE": "S3://pics"},
        ['PROMPTCDN_STORE="S3://pics": allowed: disk:PATH or s3://bucket/prefix; write s3://pics'],
    ),
    (
        {"PROMPTCDN_STORE": "/srv/pictures"},
        ['PROMPTCDN_STORE="/srv/pictures": allowed: disk:PATH or s3://bucket/prefix; write disk:/srv/pictures'],
    ),
    ({"PROMPTCDN_STORE": "s3:KEY:canary"}, ["PROMPTCDN_STORE: allowed: disk:PATH or s3://bucket/prefix"]),
    ({"PROMPTCDN_PORT": 4}, ["PROMPTCDN_PORT: no such setting, did you mean PORT?"]),
    (
        {
            "PROMPTCDN_PORT": "tcp://10.0.0.9:80",
            "PROMPTCDN_SERVICE_HOST": "10.0.0.9",
            "PROMPTCDN_REDIS_SERVICE_HOST": "10.0.0.8",
            "PROMPTCDN_REDIS_PORT_6379_TCP_ADDR": "10.0.0.8",
        },
        [
            f"{name}: no setting: Kubernetes sets it for a Service; write enableServiceLinks: false in the pod"
            for name in (
                *("PROMPTCDN_PORT", "PROMPTCDN_REDIS_PORT_6379_TCP_ADDR"),
                *("PROMPTCDN_REDIS_SERVICE_HOST", "PROMPTCDN_SERVICE_HOST"),
            )
        ],
    ),
    ({"PROMPTCDN_STABILITY_KEY": "canary"}, ["PROMPTCDN_STABILITY_KEY: no such setting, did you mean STABILITY_KEY?"]),
    ({"PROMPTCDN_WAIT": "nan"}, ['PROMPTCDN_WAIT="nan": allowed: a number from 0 to 120']),
    ({"PROMPTCDN_MEMORY": "1.5"}, ['PROMPTCDN_MEMORY="1.5": allowed: a whole number, 0 or more']),
    ({"PROMPTCDN_XYZZY": 4}, ["PROMPTCDN_XYZZY: no such setting; docs/settings.md has them all"]),
    ({"PROMPTCDN_REDIS_URL": "http://:canary@h"}, ["PROMPTCDN_REDIS_URL: allowed: redis://:password@host:6379/0"]),
    (
        {"PROMPTCDN_REDIS_URL": "redis://:canary@h:99999"},
        ["PROMPTCDN_REDIS_URL: this is not the URL of a Redis server"],
    ),
    ({"PROMPTCDN_STEPS": "many"}, ['PROMPTCDN_STEPS="many": allowed: a whole number from 1 to 150']),
    ({"PROMPTCDN_STEPS": 151}, ['PROMPTCDN_STEPS="151": allowed: a whole number from 1 to 150']),
    ({"PROMPTCDN_VARIANTS": 0}, ['PROMPTCDN_VARIANTS="0": allowed: a whole number from 1 to 64']),
    ({"PROMPTCDN_SIZE": "1000x1000"}, ['PROMPTCDN_SIZE="1000x1000": allowed: WIDTHxHEIGHT like 1024x1024']),
    ({"PROMPTCDN_BUDGET": "lots"}, ['PROMPTCDN_BUDGET="lots": a budget is so many pictures or credits in a period']),
    (
        {"PROMPTCDN_BUDGET": "1/day,2/day"},
        ['PROMPTCDN_BUDGET="1/day,2/day": there are two limits for one period and currency'],
    ),
    ({"PROMPTCDN_PRICES": "free"}, ['PROMPTCDN_PRICES="free": prices are one for each engine, in credits a picture']),
    (
        {"PROMPTCDN_CLIENT_RATE": "1/week"},
        ['PROMPTCDN_CLIENT_RATE="1/week": a rate is so many new pictures (1 to 99999)'],
    ),
    ({"PROMPTCDN_TRUSTED_PROXIES": "nginx"}, ['PROMPTCDN_TRUSTED_PROXIES="nginx": "nginx": neither an address nor']),
    ({"PROMPTCDN_STORE": "ftp://x"}, ['PROMPTCDN_STORE="ftp://x": allowed: disk:PATH or s3://bucket/prefix']),
    ({"PROMPTCDN_STORE_ID": "mine"}, ['PROMPTCDN_STORE_ID="mine": allowed: the 32 hexadecimal digits']),
    ({"PROMPTCDN_STORE": "s3://KEY:canary@bucket/x"}, ["PROMPTCDN_STORE: an address has no user, no password and no"]),
    ({"PROMPTCDN_STORE": "s3://KEY:can/ary@bucket"}, ["PROMPTCDN_STORE: an address has no user, no password and no"]),
    ({"PROMPTCDN_STORE": "s3://bucket?secret=canary"}, ["PROMPTCDN_STORE: an address has no user, no password and no"]),
    ({"PROMPTCDN_STORE": "s3://KEY:canary/bucket"}, ["PROMPTCDN_STORE: allowed: disk:PATH or s3://bucket/prefix"]),
    ({"PROMPTCDN_STORE": "https://u:canary@host/bucket"}, ["PROMPTCDN_STORE: an address has no user, no password and"]),
    (
        {"PROMPTCDN_STORE": "s3://bucket", "AWS_ENDPOINT_URL_S3": "http://KEY:canary@127.0.0.1:9"},
        ['AWS_ENDPOINT_URL_S3 (for PROMPTCDN_STORE="s3://bucket"): an address has no user, no password and no'],
    ),
    (
        {"PROMPTCDN_STORE": "s3://bucket", "AWS_ENDPOINT_URL": "http://127.0.0.1:9/?key=canary"},
        ['AWS_ENDPOINT_URL (for PROMPTCDN_STORE="s3://bucket"): an address has no user, no password and no parameters'],
    ),
    (
        {"PROMPTCDN_STORE": "s3://bucket", "AWS_ENDPOINT_URL_S3": "127.0.0.1:9000"},
        ['AWS_ENDPOINT_URL_S3="127.0.0.1:9000" (for PROMPTCDN_STORE="s3://bucket"): an endpoint is http'],
    ),
    (
        {"PROMPTCDN_STORE": "s3://bucket", "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "canary\n"},
        ['AWS_SECRET_ACCESS_KEY (for PROMPTCDN_STORE="s3://bucket"): there is a line break, a blank or a letter'],
    ),
    (
        {"PROMPTCDN_STORE": "s3://bucket", "AWS_SECRET_ACCESS_KEY": "canary"},
        ['AWS_ACCESS_KEY_ID (for PROMPTCDN_STORE="s3://bucket"): AWS_SECRET_ACCESS_KEY is set and AWS_'],
    ),
    (
        {"PROMPTCDN_STORE": "s3://bucket", "AWS_PROFILE": "nobody"},
        ["s3://bucket/ (of PROMPTCDN_STORE): boto3 says: The config profile (nobody) could not be found."],
    ),
    (
        {"PROMPTCDN_STORE": "s3://bucket", "AWS_CA_BUNDLE": "/nowhere.pem"},
        ['AWS_CA_BUNDLE="/nowhere.pem": No such file or directory. Name a file with'],
    ),
    (
        {"PROMPTCDN_STORE": "s3://a bucket"},
        ['PROMPTCDN_STORE="s3://a bucket": allowed: disk:PATH or s3://bucket/prefix; a b'],
    ),
    (
        {"PROMPTCDN_S3_ADDRESSING_STYLE": "host"},
        ['PROMPTCDN_S3_ADDRESSING_STYLE="host": allowed: auto, path or virtual'],
    ),
    ({"PROMPTCDN_ADMIN_TOKEN": "canary"}, ["PROMPTCDN_ADMIN_TOKEN: a token has at least 16 characters, all of them"]),
    ({"PROMPTCDN_ADMIN_TOKEN": "canary canary canary"}, ["PROMPTCDN_ADMIN_TOKEN: a token has at least 16 characters"]),
    (
        {"PROMPTCDN_TRUSTED_PROXIES": "10.0.0.0/8, 0.0.0.0/1"},
        ['PROMPTCDN_TRUSTED_PROXIES="10.0.0.0/8, 0.0.0.0/1": "0.0.0.0/1" is far too many: each client in it would say'],
    ),
    ({"PROMPTCDN_TRUSTED_PROXIES": "2000::/3"}, ['PROMPTCDN_TRUSTED_PROXIES="2000::/3": "2000::/3" is far too many']),
    (
        {"PROMPTCDN_SIGNING_KEYS": "k1:canary-0123456789,k2:canary-0123456789"},
        ["PROMPTCDN_SIGNING_KEYS: entry 2: an entry before it has the same secret"],
    ),
    ({"PROMPTCDN_LOG": "xml"}, ['PROMPTCDN_LOG="xml": allowed: text or json']),
    ({"PROMPTCDN_LOG_HITS": "some"}, ['PROMPTCDN_LOG_HITS="some": allowed: true or false']),
    ({"PROMPTCDN_MISSES": "some"}, ['PROMPTCDN_MISSES="some": allowed: open, signed or closed']),
    ({"PROMPTCDN_MISSES": "signed"}, ["PROMPTCDN_MISSES=signed needs PROMPTCDN_SIGNING_KEYS, like id:secret"]),
    ({"PROMPTCDN_SIGNING_KEYS": "a-secret"}, ["PROMPTCDN_SIGNING_KEYS: entry 1: write it like id:secret"]),
    (
        {"PROMPTCDN_GENERATOR": "magic"},
        ['PROMPTCDN_GENERATOR="magic": there is no generator magic; allowed: a1111, comfyui,'],
    ),
    (
        {"PROMPTCDN_GENERATOR": "stability"},
        ["PROMPTCDN_GENERATOR=stability: stability needs STABILITY_KEY or STABILITY_HOST"],
    ),
    ({"STABILITY_HOST": "ftp://host"}, ['STABILITY_HOST="ftp://host": ']),
    ({"STABILITY_HOST": "grpcs://key:canary@host"}, ["STABILITY_HOST: an address has no user, no password and no"]),
    (
        {"STABILITY_HOST": "grpcs://host:443/?key=canary"},
        ["STABILITY_HOST: an address has no user, no password and no"],
    ),
    ({"STABILITY_HOST": "grpcs://key:canary"}, ["STABILITY_HOST: this is not a host with a port"]),
    (
        {"PROMPTCDN_PUBLIC_URL": "https://u:canary@h.example"},
        ["PROMPTCDN_PUBLIC_URL: allowed: an address like https://"],
    ),
    (
        {"PROMPTCDN_PUBLIC_URL": "https://u:can/ary@h.example"},
        ["PROMPTCDN_PUBLIC_URL: allowed: an address like https://"],
    ),
    (
        {"PROMPTCDN_PUBLIC_URL": "https://h.example/?k=canary"},
        ["PROMPTCDN_PUBLIC_URL: allowed: an address like https://"],
    ),
    ({"PROMPTCDN_PUBLIC_URL": "h.example"}, ['PROMPTCDN_PUBLIC_URL="h.example": allowed: an address like https://']),
    ({"PORT": "web"}, ['PORT="web": allowed: a whole number from 0 to 65535']),
    (
        {"STABILITY_HOST": "h", "PROMPTCDN_ENGINE": "stable-diffusion-xl-1024-v1-0", "PROMPTCDN_SIZE": "512x512"},
        ["PROMPTCDN_SIZE: stable-diffusion-xl-1024-v1-0 draws no such size; the nearest are"],
    ),
    (
        {"STABILITY_KEY": "k", "PROMPTCDN_ENGINE": "sd3.5-large", "PROMPTCDN_SIZE": "512x512"},
        ["PROMPTCDN_SIZE: sd3.5-large draws no such size; the nearest are"],
    ),
    (
        {"STABILITY_KEY": "k", "PROMPTCDN_ENGINES": "ultra, sd3.5-lrge"},
        ["PROMPTCDN_ENGINES=sd3.5-lrge: no generator in use has such an engine; allowed: core, ultra"],
    ),
    (
        {"STABILITY_KEY": "k", "PROMPTCDN_ENGINE": "stable-diffusion-xl-1024-v1-0"},
        ["PROMPTCDN_ENGINE=stable-diffusion-xl-1024-v1-0: stability has no such engine: its engines depend on"],
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


def test_what_may_be_a_mistake_is_said_by_service_and_doctor(tmp_path: Path) -> None:
    settings = {
        "PROMPTCDN_SIGNING_KEYS": "k1:canary-0123456789",
        "PROMPTCDN_ADMIN_TOKEN": "canary-0123456789",
        "PROMPTCDN_DATA_DIR": tmp_path / "data",
    }
    with Promptcdn(tmp_path, **settings) as service:
        service.get(service.example)
    log = (tmp_path / "log").read_text()
    doctor = subprocess.run(
        [PROMPTCDN, "doctor"], cwd=tmp_path, env=environment(**settings), capture_output=True, text=True
    )

    assert doctor.returncode == 1
    for doubt in (
        "PROMPTCDN_SIGNING_KEYS are set, and new pictures are for everybody",
        "PROMPTCDN_ADMIN_TOKEN and the signing key k1 are one secret",
    ):
        assert log.count(f"WARNING {doubt}") == 1
        assert f"BAD   settings: {doubt}" in doctor.stdout
    assert "canary" not in log + doctor.stdout + doctor.stderr


def test_a_command_does_not_say_the_secret_in_a_stores_address(tmp_path: Path) -> None:
    for words in (["verify", "--store"], ["stats", "--store"], ["copy", "--to", "disk:x", "--from"]):
        command = [PROMPTCDN, "store", *words, "s3://KEY:canary@bucket/prefix"]
        ended = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)

        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr.startswith(f"promptcdn: {words[-1]}: an address has no user, no password and no parameters")
        assert "canary" not in ended.stderr


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


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "fast path: URLs that were answered before are answered from memory, PROMPTCDN_FASTPATH=on"),
        ({"PROMPTCDN_FASTPATH": "asgi"}, "answered from memory, PROMPTCDN_FASTPATH=asgi"),
        (
            {"PROMPTCDN_FASTPATH": "off"},
            "no fast path: every request is read and looked up, because of PROMPTCDN_FASTPATH",
        ),
        ({"PROMPTCDN_LOG_HITS": "true"}, "because of PROMPTCDN_LOG_HITS=true"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "because of tracing (OTEL_…)"),
    ],
    ids=str,
)
def test_the_log_begins_with_whether_the_fast_path_is_in_use(
    tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    with Promptcdn(tmp_path, **{"PROMPTCDN_FASTPATH": "on", **settings}):
        log = (tmp_path / "log").read_text()

    assert log.count("fast path: ") == 1
    assert f"{said}\n" in log or f"{said}=off\n" in log


def test_a_service_says_what_it_is_and_a_url_to_click(tmp_path: Path) -> None:
    with Promptcdn(tmp_path) as service:
        assert service.said[0].startswith(f"promptcdn {__version__}: sketch, engine sketch, budget ")
        assert service.get(service.example).headers["content-type"] == "image/webp"


def test_whoever_connects_during_a_start_is_answered(tmp_path: Path) -> None:
    """The port is bound long before the service is ready: connections wait there, and none is refused."""
    with held_port() as port, ThreadPoolExecutor(1) as thread:
        starting = thread.submit(Promptcdn(tmp_path, PORT=port).__enter__)
        until(lambda: is_open(port))
        with socket.create_connection(("127.0.0.1", port), 30) as early:
            early.sendall(b"GET /healthz HTTP/1.1\r\nHost: pictures.example\r\n\r\n")
            answer = early.recv(65536)
        service = starting.result()
        service.client.close()
        service.stop()

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_the_start_line_says_that_caches_keep_sketches(tmp_path: Path) -> None:
    """And of pictures that stay it says nothing such."""
    with Promptcdn(tmp_path) as service:
        assert (
            "(browsers and caches keep them for a year: once another generator is set up, write &v=2" in service.said[0]
        )
    with Promptcdn(tmp_path, STABILITY_HOST="grpc://127.0.0.1:1") as service:
        assert "&v=2" not in service.said[0]
