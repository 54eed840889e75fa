"""A list of pictures made ahead: once, resumed, and no further than the budget."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.service import PROMPTCDN, Promptcdn, environment
from tests.upstream import Upstream

SMALL: dict[str, object] = {"PROMPTCDN_SIZE": "512x512", "PROMPTCDN_ENGINE": "any", "PROMPTCDN_BUDGET": "unlimited"}
LIST = """
# pictures of a site
a lighthouse
/?prompt=a+cat&seed=7&w=320
https://host/prompt/a%20dog?seed=7

a lighthouse at night, oil on canvas
"""


def warm(folder: Path, text: str, *arguments: str, **settings: object) -> subprocess.CompletedProcess[str]:
    (folder / "list.txt").write_text(text)
    return subprocess.run(
        [PROMPTCDN, "warm", "list.txt", "--json", *arguments],
        cwd=folder,
        env=environment(**settings | {"PROMPTCDN_DATA_DIR": folder / "data"}),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_list_is_made_once_and_what_is_there_costs_nothing(tmp_path: Path) -> None:
    with Upstream() as upstream:
        first = warm(tmp_path, LIST, "--seed", "7", STABILITY_HOST=upstream.url, **SMALL)
        assert (first.returncode, json.loads(first.stdout)) == (0, {"pictures": 4, "made": 4}), first.stderr
        again = warm(tmp_path, LIST, "--seed", "7", STABILITY_HOST=upstream.url, **SMALL)
        assert (again.returncode, json.loads(again.stdout)) == (0, {"pictures": 4, "there": 4})
        assert len(upstream.ledger.calls()) == 4

        with Promptcdn(tmp_path, STABILITY_HOST=upstream.url, PROMPTCDN_MISSES="closed", **SMALL) as service:
            for url in ("/?prompt=a+lighthouse&seed=7", "/?prompt=a+cat&seed=7&w=320", "/prompt/a%20dog?seed=7"):
                assert service.get(url).status_code == 200


def test_prompts_without_a_seed_are_made_once_however_often_the_list_is_run(tmp_path: Path) -> None:
    with Upstream() as upstream:
        for made in ("made", "there", "there"):
            ended = warm(tmp_path, "a cat\na dog", STABILITY_HOST=upstream.url, **SMALL)
            assert json.loads(ended.stdout) == {"pictures": 2, made: 2}
        assert len(upstream.ledger.calls()) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_loses_no_picture_that_is_being_made(tmp_path: Path, name: str) -> None:
    prompts = "\n".join(f"picture {number}" for number in range(20))
    (tmp_path / "list.txt").write_text(prompts)
    with Upstream() as upstream:
        settings = SMALL | {"STABILITY_HOST": upstream.url, "PROMPTCDN_CONCURRENCY": 2}
        upstream.hold()
        with subprocess.Popen(
            [PROMPTCDN, "warm", "list.txt", "--json", "--seed", "1"],
            cwd=tmp_path,
            env=environment(**settings | {"PROMPTCDN_DATA_DIR": tmp_path / "data"}),
            stdout=subprocess.PIPE,
            text=True,
        ) as running:
            try:
                upstream.wait_for_calls(2)
                running.send_signal(getattr(signal, name))
                upstream.release()
                said, _ = running.communicate(timeout=60)
            finally:
                running.kill()
        assert (running.returncode, json.loads(said)) == (1, {"pictures": 20, "made": 2, "left": 18})
        again = warm(tmp_path, prompts, "--seed", "1", **settings)
        assert json.loads(again.stdout) == {"pictures": 20, "there": 2, "made": 18}
        assert len(upstream.ledger.calls()) == 20


def test_it_stops_where_the_budget_is_spent_and_goes_on_the_next_time(tmp_path: Path) -> None:
    settings = SMALL | {"PROMPTCDN_MISSES": "signed", "PROMPTCDN_SIGNING_KEYS": f"k1:{'s' * 32}"}
    prompts = "\n".join(f"picture {number}" for number in range(20))
    with Upstream() as upstream:
        few = settings | {"PROMPTCDN_BUDGET": "5/day", "PROMPTCDN_CONCURRENCY": "2"}
        first = warm(tmp_path, prompts, "--seed", "1", STABILITY_HOST=upstream.url, **few)
        assert first.returncode == 1
        assert json.loads(first.stdout) == {"pictures": 20, "made": 5, "left": 15}
        assert "5/day" in first.stderr

        rest = warm(tmp_path, prompts, "--seed", "1", STABILITY_HOST=upstream.url, **settings)
        assert json.loads(rest.stdout) == {"pictures": 20, "there": 5, "made": 15}
        assert len(upstream.ledger.calls()) == 20


def test_a_picture_that_cannot_be_made_is_named_and_the_others_are_made(tmp_path: Path) -> None:
    with Upstream() as upstream:
        ended = warm(tmp_path, "a cat\nfault:filter\na dog", "--seed", "1", STABILITY_HOST=upstream.url, **SMALL)

        assert ended.returncode == 1
        assert json.loads(ended.stdout) == {"pictures": 3, "made": 2, "filtered": 1}
        assert "line 2: " in ended.stderr


def test_a_wrong_line_is_named_before_anything_is_made(tmp_path: Path) -> None:
    with Upstream() as upstream:
        ended = warm(tmp_path, "a cat\n/?prompt=a&sede=7", STABILITY_HOST=upstream.url, **SMALL)

        assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
        assert ended.stderr.startswith('promptcdn: line 2: sede="7"')
        assert upstream.ledger.calls() == []
