"""The operator's tools: doctor, info, store."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from promptcdn.stores import decoded, encoded
from tests.support.ports import free_port
from tests.support.redis_servers import Server
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.upstream import Upstream


def promptcdn(folder: Path, *words: str, **settings: object) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    variables = environment(PROMPTCDN_DATA_DIR=folder / "data", **settings)
    return subprocess.run([PROMPTCDN, *words], cwd=folder, capture_output=True, text=True, env=variables)


def checks(folder: Path, **settings: object) -> dict[str, tuple[bool, str, str]]:
    """What doctor found, by part."""
    found = json.loads(promptcdn(folder, "doctor", "--json", **settings).stdout)
    return {each["part"]: (each["good"], each["detail"], each["advice"]) for each in found}


PARTS = {
    *("python", "clock", "settings", "store", "corrupt objects", "generator"),
    *("budget", "client rate", "deny-list", "admin token", "spool", "running service"),
}


def test_doctor_finds_a_service_without_settings_well(tmp_path: Path) -> None:
    with Promptcdn(tmp_path):
        pass

    ended = promptcdn(tmp_path, "doctor")

    assert ended.returncode == 0
    assert "BAD" not in ended.stdout
    assert set(checks(tmp_path)) == PARTS


def test_doctor_says_what_guards_new_pictures(tmp_path: Path) -> None:
    (tmp_path / "deny").write_text("one\ntwo\n")
    settings = {
        "PROMPTCDN_CLIENT_RATE": "9/minute",
        "PROMPTCDN_DENY": tmp_path / "deny",
        "PROMPTCDN_ADMIN_TOKEN": "canary-of-the-operator",
    }

    bare, guarded = checks(tmp_path), checks(tmp_path, **settings)

    parts = ("client rate", "deny-list", "admin token")
    assert [bare[part][1] for part in parts[:2]] == ["unlimited", "none"]
    assert "everybody can read /metrics" in bare["admin token"][1]
    assert [guarded[part][1] for part in parts] == ["9/minute new pictures for each client", "2 rules", "set"]
    assert "canary" not in str(guarded)


@pytest.mark.parametrize("missing", [True, False], ids=["moved away", "swapped"])
def test_doctor_has_one_line_for_a_store_that_is_not_right(tmp_path: Path, missing: bool) -> None:
    with Promptcdn(tmp_path):
        pass
    store = tmp_path / "data" / "store"
    store.rename(tmp_path / "away")
    if not missing:
        with Promptcdn(tmp_path / "other"):
            pass
        (tmp_path / "other" / "data" / "store").rename(store)

    lines = [line for line in promptcdn(tmp_path, "doctor").stdout.splitlines() if "store: " in line]

    assert len(lines) == 1
    assert lines[0].startswith("BAD   store: this is not the store that was used before: ")
    good, detail, advice = checks(tmp_path)["store"]
    assert not good
    assert ("the folder is not there" in detail) is missing
    assert "Mount the right store" in advice
    assert "promptcdn store adopt" in advice


def test_doctor_finds_what_was_set_aside_as_corrupt(tmp_path: Path) -> None:
    with Promptcdn(tmp_path):
        pass
    aside = tmp_path / "data" / "store" / "corrupt"
    aside.mkdir()
    (aside / "a-picture.1").write_bytes(b"x" * 1_500_000)

    good, detail, advice = checks(tmp_path)["corrupt objects"]

    assert (good, detail) == (False, f"1 set aside in {aside}, 1.5 MB")
    assert "empty that folder" in advice


def test_doctor_asks_the_upstream_and_spends_nothing(tmp_path: Path) -> None:
    """For engines and the balance."""
    with Upstream() as upstream:
        found = checks(
            tmp_path,
            STABILITY_HOST=upstream.url,
            STABILITY_KEY="sk-canary",
            PROMPTCDN_ENGINES="stable-diffusion-v1-6,made-up",
        )

        assert found["engine stable-diffusion-xl-1024-v1-0"] == (True, "ready", "")
        assert found["engine stable-diffusion-v1-6"][0] is True
        assert found["engine made-up"][:2] == (False, "the upstream has no such engine")
        assert found["balance"] == (True, "1250 credits", "")
        assert found["budget"][1].startswith("100 of 100/day left")
        assert upstream.ledger.calls() == []
        assert "canary" not in str(found)


def test_doctor_says_what_to_do_about_a_dead_upstream(tmp_path: Path) -> None:
    ended = promptcdn(tmp_path, "doctor", STABILITY_HOST="grpc://127.0.0.1:9")

    assert ended.returncode == 1
    assert "BAD   generator: stability at 127.0.0.1:9" in ended.stdout
    assert "→ check STABILITY_HOST" in ended.stdout


@pytest.mark.parametrize(
    ("policy", "good"),
    [("noeviction", True), ("volatile-ttl", False), ("allkeys-lru", False), ("allkeys-random", False)],
)
def test_doctor_finds_a_redis_that_would_forget_when_it_is_full(tmp_path: Path, policy: str, good: bool) -> None:
    with Server(tmp_path, "a-password") as redis:
        redis.client.config_set("maxmemory-policy", policy)
        found = checks(tmp_path, PROMPTCDN_REDIS_URL=redis.url)["redis"]

    assert found[0] is good
    assert found[1].startswith("answers, version ")
    assert found[1].endswith(f", standalone, maxmemory-policy {policy}")
    assert ("noeviction" in found[2]) is not good


def test_doctor_finds_a_redis_that_is_a_cluster(tmp_path: Path) -> None:
    # Else it listens 10,000 ports above its own too, where there may be none.
    with Server(tmp_path, "", "--cluster-enabled", "yes", "--cluster-port", str(free_port())) as redis:
        good, detail, advice = checks(tmp_path, PROMPTCDN_REDIS_URL=redis.url)["redis"]

    assert not good
    assert "cluster" in detail
    assert "without cluster mode" in advice


def test_doctor_finds_a_redis_whose_user_may_run_no_scripts(tmp_path: Path) -> None:
    with Server(tmp_path) as redis:
        # Older versions of promptcdn sent EVAL.
        redis.client.acl_setuser("default", enabled=True, nopass=True, commands=["+@all", "-evalsha", "-script"])
        good, _, advice = checks(tmp_path, PROMPTCDN_REDIS_URL=redis.url)["redis"]

    assert not good
    assert "EVALSHA and SCRIPT LOAD" in advice


def test_doctor_says_that_replicas_count_in_redis(tmp_path: Path) -> None:
    with Server(tmp_path) as redis:
        found = checks(tmp_path, PROMPTCDN_REDIS_URL=redis.url, PROMPTCDN_BUDGET="9/day")

    assert found["budget"][:2] == (True, "9 of 9/day left, counted in Redis")


def test_doctor_finds_a_redis_that_is_dead_or_lets_nobody_in(tmp_path: Path) -> None:
    with Server(tmp_path, "a-password") as redis:
        wrong = checks(tmp_path, PROMPTCDN_REDIS_URL=redis.url.replace("a-password", "another"))["redis"]
    dead = checks(tmp_path, PROMPTCDN_REDIS_URL="redis://127.0.0.1:9")["redis"]

    assert [good for good, _, _ in (wrong, dead)] == [False, False]
    assert "AuthenticationError" in wrong[1]
    assert "PROMPTCDN_REDIS_URL" in dead[2]


def test_doctor_lists_every_wrong_setting(tmp_path: Path) -> None:
    ended = promptcdn(tmp_path, "doctor", PROMPTCDN_STEPS="x", PROMPTCDN_QUEUE="y")

    assert ended.returncode == 1
    assert ended.stdout.count("BAD   settings: ") == 2
    assert "good  settings" not in ended.stdout


@pytest.mark.parametrize(
    ("name", "value", "row"),
    [
        ("PROMPTCDN_STEPS", "x", "PROMPTCDN_STEPS: a whole number from 1 to 150. The number of steps of a picture"),
        ("PROMPTCDN_WIT", "1", "PROMPTCDN_WAIT: a number from 0 to 120. How many seconds"),
        ("PROMPTCDN_MISSES", "signed", "PROMPTCDN_MISSES: open, signed or closed. Who may cause"),
        ("PROMPTCDN_XYZZY", "1", "correct that; docs/settings.md has every setting"),
    ],
)
def test_doctor_shows_the_row_of_a_wrong_setting(tmp_path: Path, name: str, value: str, row: str) -> None:
    assert checks(tmp_path, **{name: value})["settings"][2].startswith(row)


def test_settings_are_not_called_good_and_bad_in_one_report(tmp_path: Path) -> None:
    ended = promptcdn(tmp_path, "doctor", PROMPTCDN_WAIT=2)

    assert "BAD   settings: PROMPTCDN_PROXY_WAIT=3 has no effect" in ended.stdout
    assert "good  settings" not in ended.stdout


def test_info_says_what_is_known_of_a_url_without_a_service(tmp_path: Path) -> None:
    url = "/?prompt=a+cat&seed=7&width=256&height=256"
    with Promptcdn(tmp_path) as service:
        over_http = service.get("/info" + url[1:]).json()
        service.get(url)

    printed = promptcdn(tmp_path, "info", f"https://pictures.example{url}", "--json")

    known = json.loads(printed.stdout)
    assert known["state"] == "stored"
    assert known["content_key"] == over_http["content_key"]
    assert promptcdn(tmp_path, "info", url).stdout.startswith("state        stored\n")


def test_info_of_a_bad_url_is_exit_2(tmp_path: Path) -> None:
    ended = promptcdn(tmp_path, "info", "https://pictures.example/?prompt=a&sede=7")

    assert ended.returncode == 2
    assert "did you mean seed?" in ended.stderr


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A data folder with three pictures."""
    with Promptcdn(tmp_path) as service:
        service.get_together(*(f"/?prompt=a&seed={seed}&width=256&height=256" for seed in range(3)))
    return tmp_path


def test_store_stats_counts_what_is_stored(filled: Path) -> None:
    counted = json.loads(promptcdn(filled, "store", "stats", "--json").stdout)

    assert {folder: count["objects"] for folder, count in counted.items()} == {
        "masters": 3,
        "renditions": 3,
        "sketch-bindings": 3,
    }
    assert "masters" in promptcdn(filled, "store", "stats").stdout


def test_store_verify_sets_a_corrupt_object_aside(filled: Path) -> None:
    """And a rendition stands in for a master that was."""
    master = next((filled / "data" / "store" / "masters").glob("*/*/*"))
    data = bytearray(master.read_bytes())
    data[-50] ^= 1
    master.write_bytes(data)

    ended = promptcdn(filled, "store", "verify")

    assert ended.returncode == 1
    assert "1 corrupt, 8 good" in ended.stdout
    assert "\ncorrupt: masters/" in ended.stderr
    assert promptcdn(filled, "store", "verify").stdout == "8 good\n"
    with Promptcdn(filled) as service:
        # Its WebP stands in for it.
        assert service.get(f"/i/{master.name}.png").status_code == 200


def test_store_verify_finds_a_rendition_of_another_master(filled: Path) -> None:
    master = next((filled / "data" / "store" / "masters").glob("*/*/*"))
    kept = decoded(master.read_bytes())
    other = replace(kept, body=kept.body + b"0", made_at=kept.made_at + 1)
    master.write_bytes(encoded(other))

    ended = promptcdn(filled, "store", "verify")

    assert ended.returncode == 1
    assert "8 good, 1 of another master" in ended.stdout


def test_store_copy_overwrites_nothing(filled: Path, tmp_path: Path) -> None:
    other = f"disk:{tmp_path / 'other'}"
    source = f"disk:{filled / 'data' / 'store'}"

    first = promptcdn(filled, "store", "copy", "--from", source, "--to", other)
    second = promptcdn(filled, "store", "copy", "--from", source, "--to", other)

    assert (first.returncode, first.stdout) == (0, "9 copied\n")
    assert (second.returncode, second.stdout) == (0, "9 there already\n")


@pytest.mark.parametrize("words", [("verify", "--store", "ftp://x"), ("copy", "--from", "s3://", "--to", "disk:x")])
def test_what_is_no_store_is_exit_2(tmp_path: Path, words: tuple[str, ...]) -> None:
    ended = promptcdn(tmp_path, "store", *words)

    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
