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


def test_a_prompt_needs_no_quotes() -> None:
    assert promptcdn("url", "a", "cat", "--seed", "7", "at", "dusk").stdout == (
        "http://127.0.0.1:8080/?prompt=a+cat+at+dusk&seed=7\n"
    )


@pytest.mark.parametrize(
    ("markup", "printed"),
    [
        ("markdown", "![a cat](https://h/?prompt=a+cat&seed=7)\n"),
        ("html", '<img src="https://h/?prompt=a+cat&amp;seed=7" alt="a cat" width="1024" height="1024">\n'),
        ("asciidoc", 'image::https://h/?prompt=a+cat&seed=7["a cat"]\n'),
        ("rst", ".. image:: https://h/?prompt=a+cat&seed=7\n   :alt: a cat\n"),
    ],
)
def test_a_url_is_printed_in_the_markup_of_ones_page(markup: str, printed: str) -> None:
    ended = promptcdn("url", "a cat", "--seed", "7", "--as", markup, PROMPTCDN_PUBLIC_URL="https://h/")

    assert ended.stdout == printed


def test_dark_pages_get_a_picture_of_their_own() -> None:
    words = ("url", "a cat", "--dark", "a cat at night", "--alt", "our\n cat", "--seed", "7", "--base", "https://h")
    shown = 'src="https://h/?prompt=a+cat&amp;seed=7" alt="our cat"'
    source = '<source media="(prefers-color-scheme: dark)" srcset="https://h/?prompt=a+cat+at+night&amp;seed=7">'

    assert promptcdn(*words).stdout == f"<picture>{source}<img {shown}></picture>\n"
    assert promptcdn(*words, "--as", "markdown").stdout == "![our cat](https://h/?prompt=a+cat&seed=7)\n"
    assert promptcdn("url", "a cat", "--as", "picture").returncode == 2


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ("--face query", "/?prompt=a+cat&seed=7"),
        ("--face extension", "/i.webp?prompt=a+cat&seed=7"),
        ("--face extension --format jpeg", "/i.jpg?prompt=a+cat&seed=7"),
        ("--face path --format png", "/prompt/a%20cat.png?seed=7"),
        ("--for mkdocs", "/i.webp?prompt=a+cat&seed=7"),
        ("--for github", "/?prompt=a+cat&seed=7"),
        ("--for latex", "/i.png?prompt=a+cat&seed=7"),
        ("--for epub", "/i.jpg?prompt=a+cat&seed=7"),
        ("--for epub --format .PNG", "/i.png?prompt=a+cat&seed=7"),
        ("--for epub --face path", "/prompt/a%20cat.jpg?seed=7"),
    ],
)
def test_a_url_has_the_form_that_is_asked_for(options: str, path: str) -> None:
    assert (
        promptcdn("url", "a cat", "--seed", "7", *options.split(), "--base", "https://h").stdout == f"https://h{path}\n"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--face round", 'promptcdn: --face="round": allowed: query, extension, path\n'),
        ("--for paper", 'promptcdn: --for="paper": allowed: github, '),
        ("--for latex --format webp", 'promptcdn: --format="webp": LaTeX by pandoc, Quarto or Sphinx may not show it'),
        ("--face path --format auto", 'promptcdn: --format="auto": it has no extension'),
    ],
)
def test_a_form_that_cannot_be_is_refused(options: str, said: str) -> None:
    ended = promptcdn("url", "a cat", *options.split())

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(said)


def test_each_form_can_be_signed() -> None:
    for face in ("query", "extension", "path"):
        ended = promptcdn("url", "a cat", "--face", face, "--sign", PROMPTCDN_SIGNING_KEYS="k1:0123456789abcdef")
        assert re.search(r"kid=k1&sig=[A-Za-z0-9_-]+\n$", ended.stdout), ended.stderr


@pytest.mark.parametrize(
    ("options", "sides"),
    [
        ("--width 1152 --height 896 --base https://h", ' width="1152" height="896"'),
        ("--width 1152 --height 896 --w 576 --dpr 2 --base https://h", ' width="576" height="448"'),
        ("--base https://h", ""),
        ("--w 512", ' width="512" height="512"'),
        ("--aspect-ratio 16:9 --format auto", ' width="1344" height="768"'),
    ],
)
def test_html_has_the_size_where_it_is_known(options: str, sides: str) -> None:
    assert promptcdn("url", "a cat", "--as", "html", *options.split()).stdout.endswith(f'alt="a cat"{sides}>\n')


def test_a_seed_that_may_be_a_mistake_is_warned_of() -> None:
    warned, plain = promptcdn("url", "a cat", "--seed", "7)"), promptcdn("url", "a cat", "--seed", "octocat")

    assert warned.returncode == 0
    assert warned.stderr.startswith('note: this may be a mistake: the seed "7)" is "7" with a punctuation mark ')
    assert plain.stderr == ""


def test_a_url_that_is_taken_as_a_prompt_is_told_so() -> None:
    """A URL that is taken as a prompt is told so."""
    ended = promptcdn("url", "http://127.0.0.1:8080/?prompt=a+lighthouse&seed=7")

    assert ended.returncode == 0
    assert "is a URL, taken as a prompt: promptcdn info URL shows its canonical spelling" in ended.stderr


@pytest.mark.parametrize(
    ("option", "value", "same"),
    [
        *[("--for", "Word", "word"), ("--for", "docx", "word"), ("--for", "README", "github")],
        *[("--for", "latex-pdf", "latex"), ("--as", "md", "markdown"), ("--as", "HTML", "html")],
        *[("--as", "adoc", "asciidoc"), ("--as", "reStructuredText", "rst"), ("--face", "Path", "path")],
    ],
)
def test_choices_have_other_names_and_any_case(option: str, value: str, same: str) -> None:
    given, meant = (promptcdn("url", "a cat", option, name, "--base", "https://h") for name in (value, same))

    assert (given.returncode, given.stdout) == (0, meant.stdout)


@pytest.mark.parametrize(
    ("option", "value", "guess"),
    [("--for", "mkdoc", "mkdocs"), ("--for", "Wrod", "word"), ("--as", "markdwon", "markdown")],
)
def test_a_misspelt_choice_gets_a_guess(option: str, value: str, guess: str) -> None:
    ended = promptcdn("url", "a cat", option, value)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f'promptcdn: {option}="{value}": did you mean {guess}?\n'


def test_markup_that_there_is_none_of_is_refused() -> None:
    ended = promptcdn("url", "a cat", "--as", "pdf")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == 'promptcdn: --as="pdf": allowed: url, markdown, html, picture, asciidoc, rst\n'


COMMANDS = ["serve", "url", "sign", "info", "mcp", "pin", "warm", "lock", "check", "vendor", "gallery"]
COMMANDS += ["engines", "doctor", "stats", "purge", "store", "discord"]


@pytest.mark.parametrize("command", ["", *COMMANDS, "store stats", "store verify", "store copy", "store adopt"])
def test_each_command_and_each_option_says_what_it_is_for(command: str) -> None:
    """A text begins with a capital letter and ends with a full stop."""
    printed = promptcdn(*command.split(), "--help", COLUMNS="1000", NO_COLOR="1").stdout

    rows = [line.strip("│ ") for line in printed.splitlines() if line.startswith("│")]
    assert rows
    for row in rows:
        text = re.split(r" {2,}", re.sub(r" \[(required|default: [^]]+)\]", "", row))[-1]
        assert re.fullmatch(r"[A-Zd].*\.", text), row


def test_a_text_of_help_is_broken_by_the_terminal_alone() -> None:
    """Its docstring is: lines of that, broken again by a narrower terminal, are ragged."""
    printed = promptcdn("pin", "--help", COLUMNS="1000", NO_COLOR="1").stdout

    assert re.search(r"^ *The service is asked .*drawn first\..*No other byte of a file changes\. *$", printed, re.M)
    assert "Usage: promptcdn pin [OPTIONS] [PATH]...  " in printed


def test_json_holds_all_of_it() -> None:
    printed = json.loads(promptcdn("url", "a cat", "--base", "https://h", "--json").stdout)

    assert set(printed) == {"url", "markdown", "html", "asciidoc", "rst"}
    assert printed["url"] == "https://h/?prompt=a+cat"


@pytest.mark.parametrize(
    ("option", "value"), [("--steps", "0"), ("--seed", "-1"), ("--sampler", "fast"), ("--format", NO_FORMAT)]
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


@pytest.mark.parametrize(
    ("typed", "completed"), [("promptcdn s", "serve sign stats submit store"), ("promptcdn sign --e", "--expires")]
)
def test_a_shell_completes_commands_and_options(typed: str, completed: str) -> None:
    asked = {"_PROMPTCDN_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": len(typed.split()) - 1}

    assert promptcdn(**asked).stdout.split() == completed.split()


def test_a_misspelt_command_is_told_the_nearest_one() -> None:
    ended = promptcdn("serv")

    assert ended.returncode == 2
    assert "No such command 'serv'. Did you mean 'serve'?" in ended.stderr


def test_output_that_a_full_disk_cuts_is_told() -> None:
    with open("/dev/full", "w") as full:
        command = [PROMPTCDN, "url", "a cat", "--base", "https://h"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment(), timeout=60)

    assert ended.returncode == 1
    assert ended.stderr == "promptcdn: the output is cut, since it could not be written: No space left on device\n"
