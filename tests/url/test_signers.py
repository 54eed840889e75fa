"""The signers in docs/signing.md, in three languages: each is run as it stands, and signs what the service signs."""

import base64
import hmac
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from promptcdn.url import signing
from promptcdn.url.dialects import given

PAGE = (Path(__file__).parents[2] / "docs" / "signing.md").read_text()
KEY = "0123456789abcdef"
KEYS = signing.SigningKeys.parse(f"k1:{KEY}")
LANGUAGES = {"python": [sys.executable], "javascript": ["node"], "sh": ["sh"]}


def run(folder: Path, language: str, *words: str) -> str:
    """What the page's signer in `language` prints."""
    signers = PAGE.partition("## A signer of your own")[2]
    (code,) = re.findall(rf"```{language}\n(.*?)```", signers, flags=re.DOTALL)
    file = folder / "signer"
    file.write_text(code)
    variables = {"KID": "k1", "SECRET": KEY, "PATH": os.environ["PATH"]}
    assert shutil.which(LANGUAGES[language][0]), f"{language} is missing: run ./scripts/test"
    command = [*LANGUAGES[language], str(file), *words]
    ended = subprocess.run(command, capture_output=True, text=True, env=variables, check=True)
    return ended.stdout


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "words",
    [
        ("a lighthouse", "7"),
        ("a lighthouse", "7", "1798761600"),
        ("a lighthouse", "day", "1798761600"),
        ("a lighthouse", "0"),
        ("a lighthouse", "4294967295"),
        (r"""100% "quoted" it's \ and / & + # = ?, 北京, ночь 👩‍👩‍👧""", "month"),
        ("x" * 1900, "week"),
    ],
    ids=lambda words: words[0][:10] + "-" + "-".join(words[1:]),
)
def test_a_signer_of_ones_own_signs_what_the_service_signs(
    tmp_path: Path, language: str, words: tuple[str, ...]
) -> None:
    request = given.request(given.parts(run(tmp_path, language, *words).strip()))

    assert request.asked.prompt == words[0]
    assert request.control == signing.signed(request.asked, KEYS, int(words[2]) if words[2:] else None)


def test_the_example_in_the_page_is_what_is_printed(tmp_path: Path) -> None:
    (command, printed) = re.findall(r"```console\n\$ (.*)\n(.*)\n```", PAGE)[0]
    words = shlex.split(command)

    assert words[:4] == ["KID=k1", f"SECRET={KEY}", "python3", "sign.py"]
    assert run(tmp_path, "python", *words[4:]) == f"{printed}\n"


def test_the_bytes_in_the_page_are_those_that_are_signed() -> None:
    (message,) = re.findall(r"```text\n(.*?)\n```", PAGE, flags=re.DOTALL)
    request = given.request(given.parts("/?prompt=a+lighthouse&seed=7"))
    digest = hmac.digest(KEY.encode(), message.encode(), "sha256")
    sig = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert signing.signed(request.asked, KEYS, 1798761600).sig == sig
