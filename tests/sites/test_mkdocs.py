"""The plugin for MkDocs and ProperDocs: real builds, with `--strict`, of sites that pay for a picture once."""

import re
from pathlib import Path

import pytest

from tests.sites.building import NOBODY, SERVICE, mkdocs_site, ran
from tests.support.service import Promptcdn
from tests.upstream import Upstream

PAGES = {
    "index.md": """
![]({url}/?prompt=a+cat&amp;seed=7)

```promptcdn seed=9 width=512 height=512 w=256
a lighthouse at night
```

````text
```promptcdn
code
```
````

[a dog]({url}/?prompt=a+dog&seed=7)
""",
    "deep/page.md": """
![A cat]({url}/?prompt=a+cat&seed=7#only-light) <img src="{url}/?prompt=a+cow" alt="">

[![a]({url}/?prompt=a+cat&seed=7)]({url}/?prompt=a+cat&seed=7)
""",
}


def pages(url: str) -> dict[str, str]:
    return {name: text.format(url=url) for name, text in PAGES.items()}


def images(html: str) -> list[dict[str, str]]:
    """The attributes of each `<img>`."""
    return [dict(re.findall(r'(\w+)="([^"]*)"', tag)) for tag in re.findall(r"<img[^>]*>", html)]


@pytest.mark.parametrize("host", ["mkdocs", "properdocs"])
def test_a_vendored_site_needs_its_service_once(
    tmp_path: Path, service: Promptcdn, upstream: Upstream, host: str
) -> None:
    site = mkdocs_site(tmp_path, pages(service.url), host, public_url=service.url, vendor=True)

    first = ran(tmp_path, "-m", host, "build", "--strict", "--site-dir", "site")
    assert (first.returncode, first.stderr) == (0, first.stderr)
    assert "promptcdn" in first.stderr or "pictures" in first.stderr
    built = {path.relative_to(site): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    upstream.wait_until_idle()
    assert len(upstream.ledger.calls()) == 3  # nothing for the link, nothing for what is code
    service.stop()

    second = ran(tmp_path, "-m", host, "build", "--strict")

    assert second.returncode == 0, second.stderr
    again = {path.relative_to(site): path.read_bytes() for path in site.rglob("*") if path.is_file()}
    pictures = {path for path in built if path.suffix == ".webp"}
    assert {path: again.get(path) for path in built if path.suffix in (".html", ".webp")} == {
        path: built[path] for path in built if path.suffix in (".html", ".webp")
    }
    assert len(pictures) == 3
    text = b"".join(built[path] for path in built if path.suffix == ".html").decode()
    assert str(tmp_path) not in text
    assert {image["src"].partition("#")[0].rpartition("/")[2] for image in images(text)} == {
        path.name for path in pictures
    }
    assert f'<a href="{service.url}/?prompt=a+dog&amp;seed=7">' in text.replace("&seed", "&amp;seed")


def test_tags_get_descriptions_and_sides(tmp_path: Path, service: Promptcdn) -> None:
    site = mkdocs_site(tmp_path, pages(service.url), public_url=service.url, vendor=True)

    assert ran(tmp_path, "-m", "mkdocs", "build", "--strict").returncode == 0

    index, page = (images((site / name).read_text()) for name in ("index.html", "deep/page/index.html"))
    assert [each["alt"] for each in (*index, *page)] == ["a cat", "a lighthouse at night", "A cat", "", "a"]
    assert [(each["width"], each["height"]) for each in index] == [("512", "512"), ("256", "256")]
    assert page[0]["src"].startswith("../../assets/promptcdn/a-cat-7-")
    assert page[0]["src"].endswith(".webp#only-light")
    assert "code" in (site / "index.html").read_text()


def test_without_a_service_strict_fails_with_a_line_a_picture(tmp_path: Path) -> None:
    site = mkdocs_site(tmp_path, pages(NOBODY), public_url=NOBODY, vendor=True)

    ended = ran(tmp_path, "-m", "mkdocs", "build", "--strict")
    lines = [line for line in ended.stderr.splitlines() if NOBODY in line]

    assert ended.returncode == 1
    assert sorted(line.rpartition(" (in ")[2] for line in lines) == [
        "deep/page.md)",
        "index.md)",
        "index.md, deep/page.md)",
    ]
    assert all(line.startswith(f"WARNING -  {NOBODY}/") and "cannot be asked" in line for line in lines)
    assert "Traceback" not in ended.stderr

    assert ran(tmp_path, "-m", "mkdocs", "build").returncode == 0
    assert images((site / "index.html").read_text())[0]["src"] == f"{NOBODY}/?prompt=a+cat&amp;seed=7"


def test_a_block_that_is_wrong_is_told_with_its_page(tmp_path: Path) -> None:
    page = "```promptcdn sede=9\na cat\n```\n"
    mkdocs_site(tmp_path, {"index.md": "# Home", "deep/page.md": page}, public_url=NOBODY)

    ended = ran(tmp_path, "-m", "mkdocs", "build", "--strict")

    assert ended.returncode == 1
    assert 'the block "a cat": sede="9": unknown parameter (did you mean seed?) (in deep/page.md)' in ended.stderr


def test_an_option_that_is_wrong_ends_the_build_by_its_name(tmp_path: Path) -> None:
    mkdocs_site(tmp_path, pages(NOBODY), public_url=NOBODY, seedless="never")

    ended = ran(tmp_path, "-m", "mkdocs", "build")

    assert ended.returncode == 1
    assert "promptcdn: seedless='never': allowed: keep, pin, refuse" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_was_paid_for_is_remembered_when_the_build_fails(
    tmp_path: Path, service: Promptcdn, upstream: Upstream
) -> None:
    mkdocs_site(tmp_path, {"index.md": f"![a]({service.url}/?prompt=a+cow)"}, public_url=service.url, vendor=True)
    (tmp_path / "theme" / "main.html").write_text("{{ page.nothing.there }}")
    assert ran(tmp_path, "-m", "mkdocs", "build").returncode != 0
    (tmp_path / "theme" / "main.html").write_text("{{ page.content }}")

    service.stop()

    assert ran(tmp_path, "-m", "mkdocs", "build", "--strict").returncode == 0
    assert len(upstream.ledger.calls()) == 1


def test_pictures_of_the_theme_are_in_the_site_too(tmp_path: Path, upstream: Upstream) -> None:
    keys = {"PROMPTCDN_SIGNING_KEYS": "site:0123456789abcdef0123456789abcdef"}
    with Promptcdn(tmp_path / "service", STABILITY_HOST=upstream.url, **SERVICE) as service:
        cat, dog = (f"{service.url}/?prompt=a+{animal}&seed=7" for animal in ("cat", "dog"))
        text = f"![a]({cat})\n\n[a dog]({dog})"
        site = mkdocs_site(tmp_path, {"index.md": text}, public_url=service.url, vendor=True)
        meta = f'<meta property="og:image" content="{cat}">'
        theme = f'{meta}{{{{ page.content }}}}<img src="{cat}"><a href="{dog}">a</a>'
        (tmp_path / "theme" / "main.html").write_text(theme)

        ended = ran(tmp_path, "-m", "mkdocs", "build", "--strict", **keys)

    assert ended.returncode == 0, ended.stderr
    html = (site / "index.html").read_text()
    assert [image["src"].startswith("assets/promptcdn/a-cat-7-") for image in images(html)] == [True, True]
    assert f'content="{cat}&kid=site&sig=' in html.replace("&amp;", "&")
    assert html.count("sig=") == html.count("kid=") == 3
    assert len(upstream.ledger.calls()) == 1


def test_a_problem_is_said_once_for_page_and_theme(tmp_path: Path) -> None:
    mkdocs_site(tmp_path, {"index.md": f"![a]({NOBODY}/?prompt=a&seed=7)"}, public_url=NOBODY, vendor=True)

    ended = ran(tmp_path, "-m", "mkdocs", "build")

    assert ended.stderr.count("cannot be asked") == 1


def test_a_page_that_is_no_text_ends_in_the_words_of_mkdocs(tmp_path: Path) -> None:
    mkdocs_site(tmp_path, {"index.md": "good"}, public_url=NOBODY)
    (tmp_path / "docs" / "latin.md").write_bytes(b"\xfc")

    ended = ran(tmp_path, "-m", "mkdocs", "build")

    assert "Encoding error reading file: latin.md" in ended.stderr
    assert "promptcdn" not in ended.stderr
