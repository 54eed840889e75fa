"""The commands where there are several generators: `engines`, `doctor` and its trials."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from promptcdn.generators.registry import BY_NAME
from tests.support.raw_http import RawHttp, answer
from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.upstream import Upstream
from tests.upstream.kinds import KINDS
from tests.upstream.openai_images import OpenAiImages

SDXL = "stable-diffusion-xl-1024-v1-0"
BOTH = {"PROMPTCDN_GENERATOR": "stability, sketch"}


def promptcdn(folder: Path, *words: str, **settings: object) -> subprocess.CompletedProcess[str]:
    variables = environment(PROMPTCDN_DATA_DIR=folder / "data", **settings)
    return subprocess.run(
        [PROMPTCDN, *words], cwd=folder, capture_output=True, text=True, env=variables, stdin=subprocess.DEVNULL
    )


def checks(ended: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {each["part"]: each for each in json.loads(ended.stdout)}


def test_doctor_tells_what_a_running_service_knows(tmp_path: Path, upstream: Upstream) -> None:
    """Its breaker is open: doctor, which asks the upstream itself, would find all well."""
    settings = {"STABILITY_HOST": upstream.url, "PROMPTCDN_ADMIN_TOKEN": "canary-of-the-operator"}
    with Promptcdn(tmp_path, **settings) as service:
        port = {"PORT": service.url.rpartition(":")[2]}
        ready = checks(promptcdn(tmp_path, "doctor", "--json", **settings, **port))
        upstream.always("unauthenticated")
        for seed in range(8):
            service.get(f"/?prompt=a&seed={seed}")
        upstream.clear()
        ended = promptcdn(tmp_path, "doctor", "--json", **settings, **port)
        stranger = checks(promptcdn(tmp_path, "doctor", "--json", STABILITY_HOST=upstream.url, **port))
    gone = checks(promptcdn(tmp_path, "doctor", "--json", **settings, PORT="9"))

    red = checks(ended)["running service: generator"]
    assert ended.returncode == 1
    assert (red["good"], "no new pictures for" in red["detail"]) == (False, True)
    assert "canary" not in ended.stdout
    assert ready["running service"]["good"]
    assert "PROMPTCDN_ADMIN_TOKEN" in stranger["running service"]["advice"]
    assert gone["running service"]["detail"].startswith("none answers at http://127.0.0.1:9")


def test_engines_lists_what_is_offered_and_what_could_be(tmp_path: Path) -> None:
    settings = {"STABILITY_HOST": "h", "PROMPTCDN_ENGINES": "own", "PROMPTCDN_PRICES": "own=1.5", **BOTH}
    rows = json.loads(promptcdn(tmp_path, "engines", "--json", **settings).stdout)
    others, rows = [row for row in rows if not row["in_use"]], [row for row in rows if row["in_use"]]
    by_name = {row["name"]: row for row in rows}

    assert {row["generator"] for row in others} == {*BY_NAME} - {"stability", "sketch"}
    assert not any(row["offered"] for row in others)
    assert [row["name"] for row in rows] == [SDXL, "own", "stability/stable-diffusion-v1-6", "sketch"]
    assert [row["offered"] for row in rows] == [True, True, False, True]
    assert [row["default"] for row in rows] == [True, False, False, False]
    assert [(row["credits"], row["paid"]) for row in rows] == [(0.9, True), (1.5, True), (1.0, True), (0.0, False)]
    assert [row["steps"] for row in rows] == [[10, 50], [1, 150], [10, 50], [1, 150]]
    assert by_name[SDXL]["does_not_understand"] == ["scheduler"]
    assert (by_name[SDXL]["sizes"][0], len(by_name["sketch"]["sizes"])) == ("1024x1024", 441)
    assert all(row["seeded"] for row in rows)


def test_engines_says_what_a_generator_needs_that_is_not_in_use(tmp_path: Path) -> None:
    """A generator that is found by itself needs its settings only, as long as no other one is found."""
    lines = promptcdn(tmp_path, "engines").stdout.splitlines()
    both = promptcdn(tmp_path, "engines", **BOTH, STABILITY_HOST="h").stdout.splitlines()

    assert lines[1].split()[:3] == ["default", "sketch", "1024x1024"]
    assert "not in use: stability, which needs STABILITY_KEY or STABILITY_HOST" in lines
    assert any(
        line.startswith("not in use: openai, which needs its name in PROMPTCDN_GENERATOR and ") for line in lines
    )
    assert "not in use: a1111, which needs its name in PROMPTCDN_GENERATOR and A1111_URL" in both


def test_engines_refuses_settings_that_are_wrong(tmp_path: Path) -> None:
    ended = promptcdn(tmp_path, "engines", PROMPTCDN_GENERATOR="magic")

    assert (ended.returncode, "there is no generator magic" in ended.stderr) == (2, True)


def test_doctor_looks_at_each_generator(tmp_path: Path, upstream: Upstream) -> None:
    found = checks(promptcdn(tmp_path, "doctor", "--json", STABILITY_HOST=upstream.url, **BOTH))

    assert found["settings"]["detail"] == "stability, sketch, misses open"
    assert found[f"stability: engine {SDXL}"]["good"]
    assert found["sketch: generator"]["good"]
    assert upstream.ledger.calls() == []


def test_a_trial_says_what_it_costs_and_pays_for_one_picture(tmp_path: Path, upstream: Upstream) -> None:
    settings = {"STABILITY_HOST": upstream.url, "PROMPTCDN_BUDGET": "1/day", **BOTH}
    first = promptcdn(tmp_path, "doctor", "--try", "--yes", "--json", **settings)
    assert f"--try makes one picture with stability/{SDXL}: 0.9 credits" in first.stderr.splitlines()
    assert "--try makes one picture with sketch/sketch: free" in first.stderr.splitlines()
    made = checks(first)
    assert made["try stability"]["detail"].startswith(f"{SDXL}: a picture of 1024x1024 in ")
    assert made["try stability"]["detail"].endswith(" s, 0.9 credits")
    assert made["try sketch"]["good"]
    assert len(upstream.ledger.calls()) == 1
    assert not (tmp_path / "data" / "store" / "masters").exists()

    again = checks(promptcdn(tmp_path, "doctor", "--try", "--yes", "--json", **settings))
    assert not again["try stability"]["good"]
    assert "budget_spent" in again["try stability"]["detail"]
    assert again["try sketch"]["good"]
    assert len(upstream.ledger.calls()) == 1


@pytest.mark.parametrize(("fault", "code"), [("wrong_size", "upstream_garbled"), ("filter", "filtered")])
def test_a_trial_that_gives_no_picture_is_a_finding(tmp_path: Path, upstream: Upstream, fault: str, code: str) -> None:
    upstream.always(fault)

    ended = promptcdn(tmp_path, "doctor", "--try", "--yes", "--json", STABILITY_HOST=upstream.url)

    assert ended.returncode == 1
    assert f"{SDXL}: {code}: " in checks(ended)["try stability"]["detail"]


def test_a_trial_spends_nothing_where_nobody_can_agree(tmp_path: Path, upstream: Upstream) -> None:
    ended = promptcdn(tmp_path, "doctor", "--try", STABILITY_HOST=upstream.url)

    assert (ended.returncode, "add --yes" in ended.stderr) == (2, True)
    assert upstream.ledger.calls() == []


def test_no_word_of_an_upstream_moves_the_terminal(tmp_path: Path) -> None:
    loaded = json.dumps({"sd_model_checkpoint": "\x1b[2J\x9b31mred\u202e" + "x" * 100_000})
    with RawHttp(answer(b"[]"), answer(loaded.encode())) as server:
        ended = promptcdn(tmp_path, "doctor", A1111_URL=server.url)

    assert "engine loaded: the server has loaded ?[2J?31mred?xxx" in ended.stdout
    assert not {"\x1b", "\x9b", "\u202e"} & {*ended.stdout}
    assert max(map(len, ended.stdout.splitlines())) < 3000


def test_a_trial_that_costs_nothing_asks_nobody(tmp_path: Path) -> None:
    ended = promptcdn(tmp_path, "doctor", "--try", "--json")

    assert checks(ended)["try sketch"]["detail"].endswith(" s, free")


def test_doctor_says_that_caches_keep_what_gave_way(tmp_path: Path, upstream: Upstream) -> None:
    with Promptcdn(tmp_path) as service:
        assert service.get("/?prompt=a&seed=1").status_code == 200

    before = checks(promptcdn(tmp_path, "doctor", "--json"))
    after = checks(promptcdn(tmp_path, "doctor", "--json", STABILITY_HOST=upstream.url))
    beside = checks(promptcdn(tmp_path, "doctor", "--json", STABILITY_HOST=upstream.url, **BOTH))

    assert before["generator"]["advice"].startswith("of its pictures: browsers and caches keep them for a year")
    assert after["caches"]["detail"] == "some URLs showed pictures of sketch; they show those of stability now"
    assert "&v=2" in after["caches"]["advice"]
    assert "caches" not in before
    assert beside["sketch: generator"]["advice"] == ""


def test_doctor_counts_pictures_that_cannot_be_made_again(tmp_path: Path) -> None:
    with OpenAiImages("openai") as images:
        settings = {"PROMPTCDN_GENERATOR": "openai", **KINDS["openai"].service(images, tmp_path)}
        with Promptcdn(tmp_path, **settings) as service:
            made = service.get("/?prompt=a&seed=1")
            assert made.status_code == 200
        found = checks(promptcdn(tmp_path, "doctor", "--json", **settings))["pictures without seeds"]
        purged = promptcdn(tmp_path, "purge", "/?prompt=a&seed=1", "--dry-run", **settings).stdout

    assert found["good"]
    assert found["detail"].startswith(
        "of 1 URLs looked at, some show pictures of engines that take no seed: openai/gpt"
    )
    assert "store copy" in found["advice"]
    assert " takes no seed: this picture cannot be made again as it was\n" in purged


@pytest.mark.parametrize(("more", "tries"), [("", False), (", own", True)])
def test_a_trial_asks_no_upscaler_for_a_picture(tmp_path: Path, upstream: Upstream, more: str, tries: bool) -> None:
    engines = {"PROMPTCDN_GENERATOR": "sketch, stability", "PROMPTCDN_ENGINES": f"esrgan-v1-x2plus{more}"}

    ended = promptcdn(tmp_path, "doctor", "--try", "--yes", "--json", STABILITY_HOST=upstream.url, **engines)

    assert checks(ended)["try sketch"]["good"]
    assert ("try stability" in checks(ended)) is tries
    assert ("--try makes no picture with stability" in ended.stderr) is not tries
    assert len(upstream.ledger.calls()) == tries


def test_doctor_names_generators_of_urls_that_are_not_set_up(tmp_path: Path, upstream: Upstream) -> None:
    with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, **BOTH) as service:
        assert service.get("/?prompt=a&seed=1").status_code == 200
        assert service.get("/?prompt=a&seed=1&engine=sketch").status_code == 200

    found = checks(promptcdn(tmp_path, "doctor", "--json"))["bound generators"]
    assert found["good"]
    assert found["detail"] == (
        "of 2 URLs looked at, some show pictures of generators that are not set up: stability (1)"
    )
    assert "bound generators" not in checks(
        promptcdn(tmp_path, "doctor", "--json", STABILITY_HOST=upstream.url, **BOTH)
    )
