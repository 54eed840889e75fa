"""The clients in docs/clients.md, each run as it stands against a running service.

CI runs those whose languages are small to install; `./scripts/clients-test` runs all of them.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from promptcdn.url.dialects import given
from tests.support.service import Promptcdn

PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()
# By the language of the block: the name of its file, and how it is run.
IN_CI: dict[str, tuple[str, Sequence[str]]] = {
    "sh": ("picture.sh", ("sh",)),
    "python": ("picture.py", (sys.executable,)),
    "javascript": ("picture.mjs", ("node",)),
    "ruby": ("picture.rb", ("ruby",)),
    "php": ("picture.php", ("php",)),
}
ELSEWHERE: dict[str, tuple[str, Sequence[str]]] = {
    "go": ("main.go", ("go", "run")),
    "java": ("Picture.java", ("java",)),
}
# It needs a crate, and the page says that nobody runs it.
NOT_RUN = {"rust"}
ODD = """100% "quoted" & it's + # = ?, 北京 👩‍👩‍👧"""
ALL = {**IN_CI, **(ELSEWHERE if "TEST_ALL_CLIENTS" in os.environ else {})}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Promptcdn]:
    with Promptcdn(tmp_path_factory.mktemp("service"), PROMPTCDN_SIZE="256x256") as running:
        yield running


def run(folder: Path, language: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """The page's client in `language`, in `folder`."""
    (code,) = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    name, command = ALL[language]
    assert shutil.which(command[0]), f"{command[0]} is missing: run ./scripts/test or ./scripts/clients-test"
    (folder / name).write_text(code)
    return subprocess.run([*command, name, *words], cwd=folder, capture_output=True, text=True, timeout=110)


@pytest.mark.parametrize("language", ALL)
@pytest.mark.parametrize(
    "prompt", ["a lighthouse", """100% "quoted" & it's + # = ?, 北京 👩‍👩‍👧"""], ids=("plain", "odd")
)
def test_a_client_saves_the_picture_of_its_prompt(
    tmp_path: Path, service: Promptcdn, language: str, prompt: str
) -> None:
    ended = run(tmp_path, language, service.url, prompt, "7", "picture.webp")

    assert (ended.returncode, ended.stderr) == (0, "")
    url = ended.stdout.strip()
    assert given.request(given.parts(url)).asked.prompt == prompt
    assert (tmp_path / "picture.webp").read_bytes() == service.get(url.removeprefix(service.url)).content


@pytest.mark.parametrize("language", ALL)
def test_a_client_says_what_is_wrong(tmp_path: Path, service: Promptcdn, language: str) -> None:
    ended = run(tmp_path, language, service.url, "a cat", "-5", "picture.webp")

    assert ended.returncode == 1
    assert 'seed="-5"' in ended.stderr.replace("\\", "")
    assert not (tmp_path / "picture.webp").exists()


def test_every_client_of_the_page_is_run_but_one() -> None:
    assert set(re.findall(r"```(\w+)\n", PAGE)) == {*IN_CI, *ELSEWHERE, *NOT_RUN}
