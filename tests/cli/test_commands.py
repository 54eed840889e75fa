"""The command line, as a process."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from promptcdn import __version__
from tests.support.fakes import NO_FORMAT
from tests.support.service import PROMPTCDN, environment

ROOT = Path(__file__).parents[2]


def promptcdn(*words: str, **settings: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROMPTCDN, *words], capture_output=True, text=True, env=environment(**settings))


def test_it_says_its_version() -> None:
    assert promptcdn("--version").stdout == f"promptcdn {__version__}\n"


def test_a_url_is_printed_in_its_one_spelling() -> None:
    ended = promptcdn("url", "a tower (tall), in 北京 | 100%", "--seed", "007", "--cfg-scale", "7.50")

    assert ended.returncode == 0
    assert ended.stdout == (
        "http://127.0.0.1:8080/?prompt=a+tower+%28tall%29%2C+in+%E5%8C%97%E4%BA%AC+%7C+100%25&seed=7&cfg_scale=7.5\n"
    )


@pytest.mark.parametrize(
    ("markup", "printed"),
    [
        ("markdown", "![a cat](https://h/?prompt=a+cat&seed=7)\n"),
        ("html", '<img src="https://h/?prompt=a+cat&amp;seed=7" alt="a cat">\n'),
        ("asciidoc", 'image::https://h/?prompt=a+cat&seed=7["a cat"]\n'),
        ("rst", ".. image:: https://h/?prompt=a+cat&seed=7\n   :alt: a cat\n"),
    ],
)
def test_a_url_is_printed_in_the_markup_of_ones_page(markup: str, printed: str) -> None:
    ended = promptcdn("url", "a cat", "--seed", "7", "--as", markup, PROMPTCDN_PUBLIC_URL="https://h/")

    assert ended.stdout == printed


def test_markup_that_there_is_none_of_is_refused() -> None:
    ended = promptcdn("url", "a cat", "--as", "pdf")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == 'promptcdn: --as="pdf": allowed: url, markdown, html, asciidoc, rst\n'


COMMANDS = ["serve", "url", "sign", "info", "doctor", "stats", "warm", "purge", "store"]


@pytest.mark.parametrize("command", ["", *COMMANDS, "store stats", "store verify", "store copy", "store adopt"])
def test_each_command_and_each_option_says_what_it_is_for(command: str) -> None:
    """A text begins with a capital letter and ends with a full stop."""
    printed = promptcdn(*command.split(), "--help", COLUMNS="1000", NO_COLOR="1").stdout

    rows = [line.strip("│ ") for line in printed.splitlines() if line.startswith("│")]
    assert rows
    for row in rows:
        text = re.split(r" {2,}", re.sub(r" \[(required|default: \w+)\]", "", row))[-1]
        assert re.fullmatch(r"[A-Zd].*\.", text), row


def test_json_holds_all_of_it() -> None:
    printed = json.loads(promptcdn("url", "a cat", "--base", "https://h", "--json").stdout)

    assert set(printed) == {"url", "markdown", "html", "asciidoc", "rst"}
    assert printed["url"] == "https://h/?prompt=a+cat"


@pytest.mark.parametrize(
    ("option", "value"), [("--steps", "9"), ("--seed", "-1"), ("--sampler", "fast"), ("--format", NO_FORMAT)]
)
def test_what_the_service_would_refuse_is_refused_with_exit_2(option: str, value: str) -> None:
    ended = promptcdn("url", "a cat", option, value)

    name = option.removeprefix("--").replace("-", "_")
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith(f'promptcdn: {name}="{value}": ')


def console_examples() -> list[tuple[str, str]]:
    """The commands in the README's console blocks, and what it says they print."""
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    return [tuple(block.removeprefix("$ ").split("\n", 1)) for block in blocks]


@pytest.mark.parametrize(("command", "printed"), console_examples(), ids=lambda value: value[:30])
def test_the_readme_shows_what_a_command_really_prints(command: str, printed: str) -> None:
    words = shlex.split(command)

    assert words[0] == "promptcdn"
    assert promptcdn(*words[1:]).stdout == printed


def test_the_readme_has_examples() -> None:
    assert console_examples()
