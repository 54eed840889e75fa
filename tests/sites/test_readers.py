"""Sites as their readers see them: in Chromium, with the service and without."""

import functools
from contextlib import AbstractContextManager
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from tests.sites.building import mkdocs_site, ran, sphinx_site
from tests.support.browser import ALL_LOADED, chromium
from tests.support.service import Promptcdn
from tests.support.serving import Quiet, serving

PAGE = "![A cat]({url}/?prompt=a+cat&seed=7)\n\n```promptcdn seed=9 w=256\na lighthouse\n```\n"
RST = "A\n=\n\n.. image:: {url}/?prompt=a+cat&seed=7\n\n.. promptcdn:: a lighthouse\n   :seed: 9\n   :w: 256\n"


class Folder(Quiet, SimpleHTTPRequestHandler):
    """Serves a folder."""


def served(folder: Path) -> AbstractContextManager[str]:
    """The address of a folder."""
    return serving(functools.partial(Folder, directory=folder))


def mkdocs(folder: Path, url: str, *, vendor: bool) -> Path:
    site = mkdocs_site(folder, {"deep/page.md": PAGE.format(url=url)}, public_url=url, vendor=vendor, warm=True)
    ended = ran(folder, "-m", "mkdocs", "build", "--strict")
    assert ended.returncode == 0, ended.stderr
    return site / "deep" / "page"


def sphinx(folder: Path, url: str, *, vendor: bool) -> Path:
    sphinx_site(folder, {"index.rst": RST.format(url=url)}, public_url=url, vendor=vendor, warm=True)
    ended = ran(folder, "-m", "sphinx", "-b", "html", "-W", "-q", ".", "_build")
    assert ended.returncode == 0, ended.stderr
    return folder / "_build"


@pytest.mark.parametrize("build", [mkdocs, sphinx])
@pytest.mark.parametrize("vendor", [False, True], ids=["remote", "vendored"])
def test_pictures_load(tmp_path: Path, service: Promptcdn, build: object, vendor: bool) -> None:
    assert callable(build)
    folder = tmp_path / "project"
    site = build(folder, service.url, vendor=vendor)
    if vendor:
        service.stop()
    root = site if build is sphinx else site.parent.parent

    with served(root) as address, chromium() as browser:
        page = browser.new_page()
        page.goto(f"{address}/{site.relative_to(root)}/")
        page.wait_for_function(ALL_LOADED)
        sizes = page.evaluate("[...document.images].map(one => [one.naturalWidth, one.alt])")
        assert sizes[:2] == [[512, "A cat" if build is mkdocs else "a cat"], [256, "a lighthouse"]]
        assert (service.url in page.content()) is not vendor
