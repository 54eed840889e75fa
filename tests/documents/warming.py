"""Documents of all kinds with pictures in them, and the command that warms them."""

import signal
import subprocess
from pathlib import Path

from tests.support.service import PROMPTCDN, environment
from tests.upstream import Upstream

PUBLIC = "https://pictures.example.org"
# Each picture is small and costs a credit.
SMALL: dict[str, object] = {
    "PROMPTCDN_SIZE": "512x512",
    "PROMPTCDN_ENGINE": "any",
    "PROMPTCDN_BUDGET": "unlimited",
    "PROMPTCDN_PRICES": "any=1",
}
# One picture in each kind of document.
DOCUMENTS = {
    "README.md": "![A cat]({b}/?prompt=a+cat&seed=7)\n",
    "docs/page.html": '<img src="{b}/?prompt=a+dog&amp;seed=7" alt="A dog">\n',
    "docs/index.rst": ".. image:: {b}/?prompt=a+cow&seed=7\n   :alt: A cow\n",
    "docs/guide.adoc": "image::{b}/?prompt=a+hen&seed=7[A hen]\n",
    "notes.ipynb": '{"cells": [{"cell_type": "markdown", "source": ["![A pig]({b}/?prompt=a+pig&seed=7)"]}]}',
}
URLS = tuple(f"/?prompt=a+{animal}&seed=7" for animal in ("cat", "dog", "cow", "hen", "pig"))


def write(folder: Path, documents: dict[str, str] = DOCUMENTS, base: str = PUBLIC) -> Path:
    """The documents, in a folder of their own: `{b}` in them is the public URL."""
    for name, text in documents.items():
        path = folder / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{b}", base))
    return folder / "site"


def here(folder: Path, **settings: object) -> dict[str, str]:
    """The environment of an operator whose data is in `folder`."""
    return environment(**{"PROMPTCDN_PUBLIC_URL": PUBLIC, "PROMPTCDN_DATA_DIR": folder / "data"} | SMALL | settings)


def warm_until(
    name: str, calls: int, site: Path, variables: dict[str, str], upstream: Upstream
) -> subprocess.CompletedProcess[str]:
    """The command, sent a signal once the upstream had so many calls, of which those under way end afterwards."""
    command = [PROMPTCDN, "warm", "--yes", "--json"]
    with subprocess.Popen(command, cwd=site, env=variables, stdout=subprocess.PIPE, text=True) as running:
        try:
            upstream.wait_for_calls(calls)
            upstream.hold()
            running.send_signal(getattr(signal, name))
            if name == "SIGKILL":
                running.wait(30)
            upstream.release()
            said, _ = running.communicate(timeout=60)
        finally:
            running.kill()
    return subprocess.CompletedProcess(command, running.returncode, said)


def warm(
    site: Path, variables: dict[str, str], *words: str, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    """The command in a folder of documents, with standard input that is no terminal."""
    command = [PROMPTCDN, "warm", *words]
    given = given or ""
    return subprocess.run(command, cwd=site, env=variables, input=given, capture_output=True, text=True, timeout=120)
