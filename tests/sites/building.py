"""Real builders of sites, each over a folder with a small site and a real service."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.support.service import environment

# Small pictures, which cost what they say.
SERVICE = {"PROMPTCDN_SIZE": "512x512", "PROMPTCDN_ENGINE": "any", "PROMPTCDN_BUDGET": "unlimited"}
# Nobody listens there: port 9 is that of `discard` (RFC 863).
NOBODY = "http://127.0.0.1:9"


def ran(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A builder that was run in a folder, in Python's own environment."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=110,
    )


def mkdocs_site(folder: Path, pages: dict[str, str], host: str = "mkdocs", **options: Any) -> Path:
    """A site for MkDocs with our plugin; gives the folder that it is built into."""
    written(folder / "docs", pages)
    plugin = {"promptcdn": options}
    configuration = {"site_name": "A site", "plugins": [plugin], "theme": {"name": None, "custom_dir": "theme"}}
    written(folder / "theme", {"main.html": "<!doctype html><title>A site</title>{{ page.content }}"})
    written(folder, {f"{host}.yml": yaml.safe_dump(configuration)})
    return folder / "site"


def sphinx_site(folder: Path, pages: dict[str, str], **options: Any) -> Path:
    """A site for Sphinx with our extension; gives its folder."""
    values = "".join(f"promptcdn_{name} = {value!r}\n" for name, value in options.items())
    fixed = "extensions = ['promptcdn.sites.sphinx']\ncopyright = version = '1'\n"  # EPUB has to have these
    written(folder, {**pages, "conf.py": fixed + values})
    return folder


def written(folder: Path, files: dict[str, str]) -> None:
    """Puts texts into a folder."""
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
