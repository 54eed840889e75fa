"""The extension for Sphinx: real builds with `-W` for browsers, LaTeX and books."""

import re
import zipfile
from pathlib import Path

import pytest

from promptcdn.url.signing import SigningKeys
from promptcdn.url.signing.spelled import signed_url
from tests.sites.building import NOBODY, SERVICE, ran, sphinx_site
from tests.support.ports import free_port
from tests.support.service import Promptcdn
from tests.upstream import Upstream

PAGES = {
    "index.rst": """
A site
======

.. toctree::

   deep/page

.. image:: {url}/?prompt=a+cat&seed=7

.. promptcdn:: a lighthouse
   at night
   :seed: 9
   :alt: Our lighthouse
   :w: 256

.. promptcdn::
   :seed: 10

   a tower

In a line: :promptcdn:`a small cat <seed=7 w=64>`, and a `link <{url}/?prompt=a+dog&seed=7>`_.
""",
    "deep/page.rst": """
A page
======

.. figure:: {url}/?prompt=a+cow
   :alt: A cow

   Any cow.
""",
}
BUILDERS = {"html": "*.html", "latex": "*.tex", "epub": "*.epub"}


def site(folder: Path, url: str, **options: object) -> Path:
    return sphinx_site(folder, {name: text.format(url=url) for name, text in PAGES.items()}, public_url=url, **options)


def built(folder: Path, builder: str, *options: str) -> tuple[int, str]:
    """The exit code, and what was said on standard error."""
    places = ("-d", "_build/doctrees", ".", f"_build/{builder}")
    ended = ran(folder, "-m", "sphinx", "-b", builder, "-E", "-q", *options, *places)
    return ended.returncode, ended.stderr


def text_of(folder: Path, builder: str) -> str:
    """All that a builder wrote as text."""
    out = folder / "_build" / builder
    if builder == "epub":
        (book,) = out.glob("*.epub")
        with zipfile.ZipFile(book) as pages:
            return "".join(pages.read(name).decode() for name in pages.namelist() if name.endswith(".xhtml"))
    return "".join(path.read_text() for path in sorted(out.rglob(BUILDERS[builder])))


def test_a_site_for_browsers_has_the_urls(tmp_path: Path) -> None:
    assert built(site(tmp_path, NOBODY), "html", "-W") == (0, "")

    images = dict(re.findall(r'<img alt="([^"]*)"[^>]* src="([^"]*)"', text_of(tmp_path, "html")))
    assert images == {
        "a cat": f"{NOBODY}/?prompt=a+cat&amp;seed=7",
        "Our lighthouse": f"{NOBODY}/i.webp?prompt=a+lighthouse+at+night&amp;seed=9&amp;w=256",
        "a tower": f"{NOBODY}/i.webp?prompt=a+tower&amp;seed=10",
        "a small cat": f"{NOBODY}/i.webp?prompt=a+small+cat&amp;seed=7&amp;w=64",
        "A cow": f"{NOBODY}/?prompt=a+cow",
    }


@pytest.mark.parametrize("builder", ["latex", "epub"])
def test_books_have_pictures_in_a_format_that_they_show(
    tmp_path: Path, service: Promptcdn, upstream: Upstream, builder: str
) -> None:
    folder = site(tmp_path, service.url)
    assert built(folder, builder, "-W") == (0, "")
    upstream.wait_until_idle()
    assert len(upstream.ledger.calls()) == 5
    first = text_of(folder, builder)
    assert str(tmp_path) not in first
    assert ".webp" not in first
    assert len(set(re.findall(r"a-[a-z0-9-]+\.png|\{a-[a-z0-9-]+\}\.png", first))) == 5
    service.stop()

    assert built(folder, builder, "-W") == (0, "")

    assert text_of(folder, builder) == first


def test_one_lock_file_serves_all_builders(tmp_path: Path, service: Promptcdn, upstream: Upstream) -> None:
    folder = site(tmp_path, service.url, vendor=True, lock="promptcdn.lock")
    for builder in ("html", "latex"):
        assert built(folder, builder, "-W") == (0, "")
    upstream.wait_until_idle()
    assert len(upstream.ledger.calls()) == 5
    assert "_images/a-cat-7-" in text_of(folder, "html")
    service.stop()

    for builder in ("html", "latex"):
        assert built(folder, builder, "-W") == (0, "")


@pytest.mark.parametrize("builder", ["html", "latex", "epub"])
def test_without_a_service_a_build_says_so_for_each_picture(tmp_path: Path, builder: str) -> None:
    folder = site(tmp_path, NOBODY, warm=True)

    code, told = built(folder, builder)

    lines = [line for line in told.splitlines() if NOBODY in line]
    assert (code, len(lines)) == (0, 5), told
    assert all("cannot be asked" in line for line in lines)
    assert built(folder, builder, "-W")[0] != 0
    links = {"html": "<img", "latex": "\\sphinxhref", "epub": "<a "}
    assert f"{links[builder]}" in text_of(folder, builder)


def test_wrong_parameters_are_told_with_their_place(tmp_path: Path) -> None:
    sphinx_site(
        tmp_path,
        {"index.rst": "A\n=\n\n.. promptcdn:: a cat\n   :width: 0\n\n:promptcdn:`a cat <sed=7>`\n"},
        public_url=NOBODY,
    )

    code, told = built(tmp_path, "html")

    assert code == 0
    assert re.search(r'index\.rst:4: ERROR: promptcdn: width="0"', told)
    assert re.search(r'index\.rst:7: ERROR: promptcdn: sed="7"', told)


def test_a_wrong_setting_ends_the_build_by_its_name(tmp_path: Path) -> None:
    sphinx_site(tmp_path, {"index.rst": "A\n=\n"}, public_url=NOBODY, seedless="never")

    code, told = built(tmp_path, "html")

    assert code == 2
    assert "promptcdn: seedless='never': allowed: keep, pin, refuse" in told


def test_builders_without_pictures_ask_for_none(tmp_path: Path) -> None:
    assert built(site(tmp_path, NOBODY, warm=True, seedless="refuse"), "text", "-W") == (0, "")


def test_a_book_after_the_site_has_its_pictures(tmp_path: Path, service: Promptcdn) -> None:
    folder = site(tmp_path, service.url)
    for builder in ("html", "latex"):  # as `make html latex` does: over what was read for the other builder
        assert ran(folder, "-m", "sphinx", "-M", builder, ".", "_build", "-q", "-W").returncode == 0

    text = text_of(folder, "latex")
    assert text.count("\\sphinxincludegraphics") == 5
    assert f"sphinxhref{{{service.url}/i." not in text


def test_a_problem_fails_each_build_until_it_is_mended(tmp_path: Path, upstream: Upstream) -> None:
    def ended() -> int:
        return ran(folder, "-m", "sphinx", "-W", "-q", ".", "_build/html").returncode

    with Promptcdn(tmp_path / "service", STABILITY_HOST=upstream.url, PORT=free_port(), **SERVICE) as service:
        folder = site(tmp_path, service.url, vendor=True)
        service.stop()
        assert [ended(), ended()] == [1, 1]
        service.start_again()

        assert ended() == 0

    assert text_of(folder, "html").count('src="_images/') + text_of(folder, "html").count('src="../_images/') == 5


def test_another_address_of_the_service_is_in_all_pages(tmp_path: Path) -> None:
    page = "A\n=\n\n.. promptcdn:: a cat\n   :seed: 7\n"
    sphinx_site(tmp_path, {"index.rst": page})

    for url in (NOBODY, "https://pictures.example.org"):
        ended = ran(tmp_path, "-m", "sphinx", "-W", "-q", ".", "_build/html", PROMPTCDN_PUBLIC_URL=url)
        assert ended.returncode == 0, ended.stderr
        assert f'src="{url}/i.webp?prompt=a+cat' in text_of(tmp_path, "html")


def test_books_have_permalinks_and_signed_pictures_as_png(tmp_path: Path, upstream: Upstream) -> None:
    signing = {"PROMPTCDN_MISSES": "signed", "PROMPTCDN_SIGNING_KEYS": "site:0123456789abcdef0123456789abcdef"}
    keys = SigningKeys.parse(signing["PROMPTCDN_SIGNING_KEYS"])
    targets = [signed_url(target, keys) for target in ("/?prompt=a+cat&seed=7", "/prompt/a%20dog.webp?seed=7")]
    with Promptcdn(tmp_path / "service", STABILITY_HOST=upstream.url, **SERVICE, **signing) as service:
        stored = service.get(signed_url("/?prompt=a+cow&seed=7", keys)).links["canonical"]["url"]
        urls = [service.url + target for target in (*targets, stored, stored + ".webp", stored + "?format=jpeg")]
        images = "".join(f".. image:: {url}\n   :alt: a\n\n" for url in urls)
        sphinx_site(tmp_path, {"index.rst": f"A\n=\n\n{images}"}, public_url=service.url)

        assert built(tmp_path, "latex", "-W") == (0, "")

    files = re.findall(r"includegraphics\{\{[^}]*\}\.(\w+)\}", text_of(tmp_path, "latex"))
    assert files == ["png", "png", "png", "png", "png"]


def test_links_to_pictures_are_signed(tmp_path: Path) -> None:
    link = f"{NOBODY}/?prompt=a+dog&seed=7"
    text = f"A\n=\n\nA `dog <{link}#x>`_.\n\n.. image:: {NOBODY}/?prompt=a+cat&seed=7\n   :target: {link}\n"
    sphinx_site(tmp_path, {"index.rst": text}, public_url=NOBODY)
    variables = {"PROMPTCDN_SIGNING_KEYS": "site:0123456789abcdef0123456789abcdef"}

    ended = ran(tmp_path, "-m", "sphinx", "-W", "-q", ".", "_build/html", **variables)

    assert ended.returncode == 0, ended.stderr
    links = re.findall(r'href="([^"]*prompt=[^"]*)"', text_of(tmp_path, "html"))
    assert [("&amp;sig=" in each, each.endswith("#x")) for each in links] == [(True, True), (True, False)]
