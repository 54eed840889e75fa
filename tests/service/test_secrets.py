"""Secrets stay secret: a canary in every setting that holds one, every fault of the upstream, every odd request, and
none of the canaries in anything that anybody can read."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptcdn.settings import load
from tests.support.buckets import moto
from tests.support.redis_servers import Server
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.upstream import Upstream, faults

# One upstream fault echoes this very key.
KEY = "sk-canary"
SIGNING, TOKEN, API = "canary-signing-secret", "canary-admin-token", "canary-api-secret"
DENY = "canary-deny-list.txt"
AWS = {
    "AWS_ACCESS_KEY_ID": "canary-aws-id",
    "AWS_SECRET_ACCESS_KEY": "canary-aws-key",
    "AWS_SESSION_TOKEN": "canary-aws-token",
}
REDIS = "canary-redis"
CANARY = "canary"

HANGING = {"hang", "hang_mid", "never_closes", "keepalive"}
FAULTS = sorted({*faults.OF_EVERY_KIND, *faults.OF_KIND["grpc"]} - HANGING)
ODD = [
    "/?prompt=a&seed=-1", "/?prompt=%00", "/?sede=1", "/?prompt=a&width=1", "/?prompt=a&sig=x&kid=k1&exp=1",
    "/?prompt=a&sig=x&kid=nobody", "/?prompt=" + "x" * 9000, "/i/0", f"/i/{'0' * 64}", "/nothing", "/%ff", "/metrics",
    "/info?prompt=a&seed=1", "/info?prompt=a", "/readyz", "/healthz", "/robots.txt", "/?prompt=denied&seed=1",
]  # fmt: skip
AUTHORIZATIONS = ["", "Bearer", "Bearer guessed", "Basic x", f"Bearer {TOKEN}x", f"Bearer {TOKEN}"]


def settings(folder: Path, upstream: Upstream) -> dict[str, object]:
    (folder / DENY).write_text("denied\n")
    return {
        "STABILITY_HOST": upstream.url,
        "STABILITY_KEY": KEY,
        "PROMPTCDN_SIGNING_KEYS": f"k1:{SIGNING}",
        "PROMPTCDN_ADMIN_TOKEN": TOKEN,
        "PROMPTCDN_API_KEYS": f"team:{API}",
        "PROMPTCDN_DENY": folder / DENY,
        "PROMPTCDN_ENGINE": "any",
        "PROMPTCDN_SIZE": "256x256",
        "PROMPTCDN_UPSTREAM_TIMEOUT": 2,
        "PROMPTCDN_LOG_HITS": "true",
        **AWS,
    }


def everything_said(service: Promptcdn) -> Iterator[str]:
    """Each answer, head and body, to all that anybody may try."""
    for number, fault in enumerate(FAULTS):
        for accept in ("*/*", "image/*"):
            answer = service.get(f"/?prompt=fault:{fault}&seed={number}", accept=accept)
            yield f"{answer.headers} {answer.content!r}"
    for number, fault in enumerate((*FAULTS, "none")):
        for key in (API, f"{API}x"):
            body = {"prompt": f"fault:{fault}", "seed": number, "user": "somebody"} if fault != "none" else {}
            answer = service.client.post(
                "/v1/images/generations", json=body, headers={"authorization": f"Bearer {key}"}
            )
            yield f"{answer.headers} {answer.content!r}"
    for url in ODD:
        for authorization in AUTHORIZATIONS:
            for method in ("GET", "DELETE"):
                answer = service.client.request(method, url, headers={"authorization": authorization})
                yield f"{answer.headers} {answer.content!r}"


@pytest.mark.parametrize("kind", ["text", "json"])
def test_no_secret_is_in_any_answer_or_any_line_of_the_log(tmp_path: Path, kind: str) -> None:
    with Upstream() as upstream, Server(tmp_path, REDIS) as redis:
        chosen = {"PROMPTCDN_LOG": kind, "PROMPTCDN_REDIS_URL": redis.url, **settings(tmp_path, upstream)}
        with Promptcdn(tmp_path, **chosen) as service:
            said = list(everything_said(service))
            redis.kill()
            said += [service.get("/?prompt=without+redis&seed=1").text, service.get("/readyz").text]
            greeting = " ".join(service.said)

    log = (tmp_path / "log").read_text()
    assert len(said) > 200
    assert log.count("\n") > 200
    assert [text for text in said if CANARY in text] == []
    assert [line for line in log.splitlines() if CANARY in line] == []
    assert "***" not in log, "the last guard had to blot one out"
    assert CANARY not in greeting


def test_no_command_says_a_secret(tmp_path: Path) -> None:
    with Upstream() as upstream:
        variables = environment(**settings(tmp_path, upstream), PROMPTCDN_DATA_DIR=tmp_path / "data")
        variables["PROMPTCDN_REDIS_URL"] = f"redis://:{REDIS}@127.0.0.1:9"
        for words in (
            ["doctor"],
            ["doctor", "--json"],
            ["stats"],
            ["info", "/?prompt=a&seed=1"],
            ["sign", "/?prompt=a"],
        ):
            ended = subprocess.run([PROMPTCDN, *words], env=variables, cwd=tmp_path, capture_output=True, text=True)

            assert CANARY not in ended.stdout + ended.stderr, words


def test_a_store_that_refuses_its_keys_says_no_secret(tmp_path: Path) -> None:
    with moto(tmp_path) as bucket, Upstream() as upstream:
        chosen = {**bucket.environment, **settings(tmp_path, upstream), "PROMPTCDN_STORE": "s3://no-such-bucket"}
        ended = Promptcdn(tmp_path / "service", **chosen).refused_start()

    assert ended.returncode == 2
    assert "no-such-bucket" in ended.stderr
    assert CANARY not in ended.stderr


def test_the_settings_show_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Upstream() as upstream:
        chosen = settings(tmp_path, upstream)
    for name, value in chosen.items():
        monkeypatch.setenv(name, str(value))
    loaded = load()

    assert CANARY not in f"{loaded!r} {loaded}"
    assert CANARY not in str(loaded.model_dump(exclude={"deny"}))
    assert {KEY, SIGNING, TOKEN, API, *AWS.values()} == set(loaded.secrets)
