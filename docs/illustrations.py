"""Makes the pictures of these pages: sketches from a service of one's own, and what a browser shows of the playground.

`./scripts/pictures` runs this. The sketches are the same on every machine; a screenshot is as the browser draws it.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from urllib.request import urlopen

from PIL import Image
from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parent
PICTURES = FOLDER / "pictures"
# The three pictures of README.md, by their files' names.
SKETCHES = {
    "a-lighthouse-at-dusk-7": "a+lighthouse+at+dusk&seed=7&aspect_ratio=3:2",
    "mountains-at-sunrise-7": "mountains+at+sunrise&seed=7&aspect_ratio=3:2",
    "a-cat-on-a-roof-at-night-7": "a+cat+on+a+roof+at+night&seed=7&aspect_ratio=3:2",
}
WIDTH = 640
SCREENSHOTS = {"playground": "/#prompt=a+lighthouse+at+dusk&seed=7&aspect_ratio=3:2"}
# What docs/site/conf.py says of the service: the lock file of the site names its pictures by these URLs.
ADDRESS = "http://127.0.0.1:8080"
_ALL_LOADED = "document.images.length > 0 && [...document.images].every(image => image.complete && image.naturalWidth)"


@contextmanager
def service() -> Iterator[None]:
    """One that draws sketches, with nothing stored, at `ADDRESS`."""
    with tempfile.TemporaryDirectory() as data:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PROMPTCDN_", "STABILITY_"))}
        running = subprocess.Popen(  # noqa: S603 - our own program
            [Path(sys.executable).with_name("promptcdn"), "serve", "--port", ADDRESS.rpartition(":")[2]],
            env={**kept, "PROMPTCDN_DATA_DIR": data},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            if running.stdout is None or not running.stdout.readline():
                sys.exit("the service did not start: see above")
            yield
        finally:
            running.terminate()
            running.wait(30)


def sketches() -> None:
    """The pictures of README.md, and those of docs/sketches.md, which a build of the site asks for and keeps."""
    for name, query in SKETCHES.items():
        with urlopen(f"{ADDRESS}/?prompt={query}&w={WIDTH}") as answer:  # noqa: S310 - our own address
            (PICTURES / f"{name}.webp").write_bytes(answer.read())
    with tempfile.TemporaryDirectory() as built:
        command = [sys.executable, "-m", "sphinx", "-E", "-q", "-c", str(FOLDER / "site"), str(FOLDER.parent), built]
        subprocess.run(command, check=True)  # noqa: S603 - our own words


def screenshots() -> None:
    """What a person sees of the service in a browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        # The playground forbids scripts of others; the one that waits for its pictures is one.
        page = browser.new_page(viewport={"width": 1200, "height": 900}, reduced_motion="reduce", bypass_csp=True)
        for name, place in SCREENSHOTS.items():
            page.goto(ADDRESS + place)
            page.wait_for_function(_ALL_LOADED)
            with Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide"))) as shown:
                shown.convert("RGB").save(PICTURES / f"{name}.webp", quality=70, method=6)
        browser.close()


def named() -> set[str]:
    """The pictures of this folder that pages show, without their extension."""
    pages = [FOLDER.parent / "README.md", *FOLDER.rglob("*.md")]
    return {name for page in pages for name in re.findall(r"[(/]pictures/([a-z0-9-]+)\.webp\)", page.read_text())}


if __name__ == "__main__":
    with service():
        screenshots()
        sketches()
