"""A list of pictures made ahead: once, resumed, and no further than the budget."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from promptcdn.cdn.targets import Target, Targets
from promptcdn.cli import application
from promptcdn.cli.documents.paying import Price
from promptcdn.cli.documents.warming import Looked, Picture, Wanted, running
from promptcdn.problems import BadSettings
from promptcdn.url.request import Asked, Request
from promptcdn.wiring import Service
from tests.support.buckets import BUCKET, moto
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


def told(ended: subprocess.CompletedProcess[str]) -> list[str]:
    """What was said on standard error, behind the line that says how pictures are made."""
    way, *lines = ended.stderr.splitlines()
    assert way.startswith("with the settings of this machine: ")
    return lines


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


def test_prompts_without_a_seed_are_made_once_in_all_runs(tmp_path: Path) -> None:
    """Prompts without a seed are made once, however often the list is run."""
    with Upstream() as upstream:
        for made in ("made", "there", "there"):
            ended = warm(tmp_path, "a cat\na dog", STABILITY_HOST=upstream.url, **SMALL)
            assert json.loads(ended.stdout) == {"pictures": 2, made: 2}
        assert len(upstream.ledger.calls()) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
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


def test_it_stops_at_the_budget_and_goes_on_the_next_time(tmp_path: Path) -> None:
    """The command stops where the budget is spent, and goes on the next time."""
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


def test_a_picture_that_cannot_be_made_stops_no_other_one(tmp_path: Path) -> None:
    """A picture that cannot be made is named, and the others are made."""
    with Upstream() as upstream:
        ended = warm(tmp_path, "a cat\nfault:filter\na dog", "--seed", "1", STABILITY_HOST=upstream.url, **SMALL)

        assert ended.returncode == 1
        assert json.loads(ended.stdout) == {"pictures": 3, "made": 2, "filtered": 1}
        assert "line 2: " in ended.stderr


def test_a_wrong_line_is_named_and_stops_no_other_one(tmp_path: Path) -> None:
    """A wrong line is told with its number, and the others are made."""
    text = f"a cat\n/?prompt=a&sede=7\n/i/{'a' * 64}\na dog"
    with Upstream() as upstream:
        ended = warm(tmp_path, text, STABILITY_HOST=upstream.url, **SMALL)

        assert ended.returncode == 1
        assert json.loads(ended.stdout) == {"pictures": 4, "bad_parameter": 1, "bad_request": 1, "made": 2}
        assert [line[:16] for line in told(ended)][:2] == ["line 2: /?prompt", "line 3: /i/aaaaa"]
        assert 'line 2: /?prompt=a&sede=7: sede="7": unknown parameter (did you mean seed?)\n' in ended.stderr
        assert f"{'a' * 64}: a permalink makes no picture" in ended.stderr
        assert len(upstream.ledger.calls()) == 2


ALMOST = [
    "![x](http://h/?prompt=a&seed=7)", '"http://h/?prompt=a"', "- /?prompt=q&seed=1", "www.h.org/?prompt=w&seed=1",
    "h.org/prompt/a%20cat", "<https://h/i.png?prompt=a>", f"h.org/i/{'a' * 64}", "?prompt=a",
    "i.png?seed=1&amp;prompt=a", "see www.h.org/?prompt=a", "(www.h.org)",
]  # fmt: skip


def test_what_is_almost_a_url_is_refused_and_no_prompt(tmp_path: Path) -> None:
    """A line that is almost a URL is refused: it is no prompt."""
    prompts = ["prompt: a poster for https://h.org/?prompt=a", "a sign: why?", "prompt:/imagine a cat", "a/b testing"]
    with Upstream() as upstream:
        ended = warm(tmp_path, "\n".join(ALMOST + prompts), STABILITY_HOST=upstream.url, **SMALL)

        assert json.loads(ended.stdout) == {"pictures": len(ALMOST) + 4, "bad_request": len(ALMOST), "made": 4}
        said = [line for line in ended.stderr.splitlines() if line.startswith("line ")]
        for number, (line, text) in enumerate(zip(said, ALMOST, strict=True), 1):
            assert line == (
                f"line {number}: {text}: this looks like a URL with something around it, or without its http://:"
                ' write the URL alone, or put "prompt: " in front of a prompt'
            )
        made = {call.prompts[0][0] for call in upstream.ledger.calls()}
        assert made == {"a poster for https://h.org/?prompt=a", "a sign: why?", "/imagine a cat", "a/b testing"}


def test_a_url_is_one_in_any_case_and_for_any_host(tmp_path: Path) -> None:
    for outcome, url in (("made", "HTTP://elsewhere.example/?prompt=a&seed=7"), ("there", "/?prompt=a&seed=7")):
        assert json.loads(warm(tmp_path, url).stdout) == {"pictures": 1, outcome: 1}


def test_a_path_that_is_no_picture_is_told_so(tmp_path: Path) -> None:
    ended = warm(tmp_path, "a cat\n/about.html")

    assert json.loads(ended.stdout) == {"pictures": 2, "bad_request": 1, "made": 1}
    either = "a permalink (/i/ and 64 hex digits) nor a URL with prompt="
    assert told(ended)[0] == f"line 2: /about.html: this is neither {either}"


def test_what_may_be_a_mistake_is_noted_with_its_line(tmp_path: Path) -> None:
    ended = warm(tmp_path, "a cat\n/?prompt=a&seed=7.png\n/?prompt=a&seed=octocat")

    assert (ended.returncode, json.loads(ended.stdout)) == (0, {"pictures": 3, "made": 3})
    note, _ = told(ended)
    assert note.startswith('note: line 2: this may be a mistake: the seed "7.png" is "7" with a file\'s extension')


def test_lines_take_time_in_step_with_their_number() -> None:
    async def there(_wanted: Wanted, _looked: Looked) -> str:
        return "there"

    async def outcomes(count: int) -> list[str]:
        wanted = Wanted("line 1", "a", "/?prompt=a", Request(Asked("a")))
        pictures = [Picture((wanted,), Looked("stored", Price(None, "", 0)))] * count
        return await running.outcomes(pictures, there, 8, running.Run(), lambda: None)

    def seconds(count: int) -> float:
        began = time.process_time()
        assert len(asyncio.run(outcomes(count))) == count
        return time.process_time() - began

    # Eight times the lines in eight times the time; looking through what is done would take sixty-four.
    assert min(seconds(40_000) for _ in range(2)) < 24 * max(min(seconds(5_000) for _ in range(5)), 1e-3)


def test_a_service_that_does_not_start_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Service] = []
    close = Service.close

    async def broken(_self: Service) -> None:
        raise BadSettings("a broken part")

    async def noted(self: Service) -> None:
        closed.append(self)
        await close(self)

    monkeypatch.setattr(Service, "start", broken)
    monkeypatch.setattr(Service, "close", noted)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.txt").write_text("a cat")

    assert CliRunner().invoke(application(), ["warm", "list.txt"]).exit_code == 2
    assert len(closed) == 1


def test_auto_is_warmed_in_every_format_and_paid_for_once(tmp_path: Path) -> None:
    url = "/?prompt=a+cat&seed=7&format=auto"
    with Upstream() as upstream:
        settings = SMALL | {"STABILITY_HOST": upstream.url}
        for outcome in ("made", "there"):
            ended = warm(tmp_path, f"a dog\n{url}\n/?prompt=a+cow&format=auto&w=256", "--seed", "1", **settings)
            assert (ended.returncode, len(told(ended))) == (0, outcome == "made")
            assert json.loads(ended.stdout) == {"pictures": 3, outcome: 3}
        assert len(upstream.ledger.calls()) == 3

        with Promptcdn(tmp_path, PROMPTCDN_MISSES="closed", **settings) as service:
            for media_type in ("image/avif", "image/webp", "image/jpeg", "image/png"):
                answer = service.get(url, accept=media_type)
                assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)


def test_what_breaks_at_one_line_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of ours, which no line can cause as far as we know: one made up, in the part that knows URLs."""
    of = Targets.of

    async def broken(self: Targets, request: Request, *others: Any) -> Target:
        if request.asked.prompt == "breaks":
            raise ZeroDivisionError
        return await of(self, request, *others)

    monkeypatch.setattr(Targets, "of", broken)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.txt").write_text("a cat\nbreaks\na dog\na cow")

    ended = CliRunner().invoke(application(), ["warm", "list.txt", "--json", "--seed", "1"])

    assert (ended.exit_code, json.loads(ended.stdout)) == (1, {"pictures": 4, "made": 3, "internal": 1})


def test_a_picture_that_the_store_refuses_is_not_called_made(tmp_path: Path) -> None:
    """A picture that the store does not take is not called made."""
    with Upstream() as upstream, moto(tmp_path) as bucket:
        (tmp_path / "list.txt").write_text("a cat")
        store = {"PROMPTCDN_STORE": f"s3://{BUCKET}/store", "PROMPTCDN_DATA_DIR": tmp_path / "data"}
        variables = environment(STABILITY_HOST=upstream.url, **SMALL, **store, **bucket.environment)
        upstream.hold()
        with subprocess.Popen(
            [PROMPTCDN, "warm", "list.txt", "--json", "--seed", "1"],
            cwd=tmp_path,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            try:
                upstream.wait_for_calls(1)
                assert bucket.process is not None
                bucket.process.kill()
                upstream.release()
                said, told = running.communicate(timeout=120)
            finally:
                running.kill()

        assert (running.returncode, json.loads(said)) == (1, {"pictures": 1, "unstored": 1}), told
        assert "line 1: a cat: the picture was made, and the store does not take it: it waits in the spool" in told
