"""The README's table of real pictures: its settings give pictures of that generator, at the price that it says."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.upstream.kinds import KINDS

README = Path(__file__).parents[2] / "README.md"
# Which of the stand-ins a line is for, by a setting that no other line has.
KIND_OF = {
    "STABILITY_KEY": "rest",
    "STABILITY_HOST": "grpc",
    "OPENAI_API_KEY": "openai",
    "HF_TOKEN": "huggingface",
    "A1111_URL": "a1111",
    "COMFYUI_URL": "comfyui",
}


def rows() -> dict[str, tuple[dict[str, str], str]]:
    """By kind: the settings of a line, and its price."""
    section = README.read_text().partition("## Real pictures in one step")[2].partition("\n## ")[0]
    found = {}
    for settings, price in re.findall(r"^\| [^|`]+ \| `([^`]+)` \| ([^|]+) \|$", section, re.MULTILINE):
        named = dict(word.split("=", 1) for word in settings.replace("…", "canary").split())
        (kind,) = {KIND_OF[name] for name in named if name in KIND_OF}
        found[kind] = named, price
    return found


def test_the_readme_has_a_line_for_each_generator() -> None:
    assert set(rows()) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_of_the_readme_gives_real_pictures(tmp_path: Path, kind: str) -> None:
    """At the stand-in's address, where its protocol is spoken."""
    settings, _ = rows()[kind]
    with KINDS[kind].start() as upstream:
        settings |= KINDS[kind].service(upstream, tmp_path / "service")
        with Promptcdn(tmp_path / "service", **settings) as service:
            assert service.get("/?prompt=a+lighthouse&seed=7").status_code == 200
            resolved = service.get("/info?prompt=a+lighthouse&seed=7").json()["resolved"]

            assert resolved["generator"] == KINDS[kind].generator
            assert f": {KINDS[kind].generator}, engine " in service.said[0]
            assert len(upstream.ledger.calls()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_readme_has_the_price_of_a_picture(tmp_path: Path, kind: str) -> None:
    settings, price = rows()[kind]
    if kind == "comfyui":
        with KINDS[kind].start() as upstream:
            settings["COMFYUI_WORKFLOW"] = KINDS[kind].service(upstream, tmp_path)["COMFYUI_WORKFLOW"]
    ended = subprocess.run(
        [PROMPTCDN, "engines", "--json"], cwd=tmp_path, env=environment(**settings), capture_output=True, text=True
    )
    (default,) = (row for row in json.loads(ended.stdout) if row["default"])

    counted = re.search(r"([0-9.]+) credit", price)
    assert default["generator"] == KINDS[kind].generator
    assert (price != "nothing") == default["paid"]
    assert float(counted[1]) == default["credits"] if counted else price == "nothing"
