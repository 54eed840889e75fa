"""Finished pages: other URLs for pictures of ours, and what their tags lack. Nothing else changes."""

import pytest

from promptcdn.markdown import Ours
from promptcdn.sites.pages import Shown, finished, targets

HOST = "https://pictures.example.org"
OURS = Ours.of(HOST)
SIZED = ' width="640" height="360" style="height:auto"'
# A tag, and what stands behind `<img` of it afterwards; `§` is the picture's own URL.
TAGS = [
    ("<img src='§'>", f' alt="a &quot;cat&quot;"{SIZED}'),
    ("<img alt='' src='§' />", SIZED),
    ("<img alt='our cat' src='§'>", SIZED),
    ("<IMG ALT=x SRC='§'>", SIZED),
    ("<img alt='İ width=5' src='§'>", SIZED),
    ("<img alt=x\nwidth=5 src='§'>", ""),
    ("<img alt=x HEIGHT=5 src='§'>", ""),
    ("<img alt=x style='width:50%' src='§'>", ""),
    ("<img alt=x src=§>", SIZED),
    ("<img alt=x src='§' srcset='§ 2x'>", SIZED),
]


def shown(target: str) -> Shown:
    return Shown(f"{HOST}{target}&sig=1", "", "", 'a "cat"', (640, 360))


def page(html: str, path: str | None = None) -> str:
    return finished(html, OURS, shown, lambda _: path, lambda target: f"{HOST}{target}&linked=1")


@pytest.mark.parametrize(("tag", "attributes"), TAGS)
def test_a_tag_gets_what_it_lacks(tag: str, attributes: str) -> None:
    url = f"{HOST}/?prompt=a&seed=7"
    expected = f"{tag[:4]}{attributes}{tag[4:]}".replace("§", f"{url}&sig=1")

    assert page(f"<p>{tag.replace('§', url)}</p>").replace("&amp;", "&") == f"<p>{expected}</p>"


def test_a_picture_in_the_site_is_named_by_its_path() -> None:
    html = f'<a href="x"><img alt="a" width="5" src="{HOST}/?prompt=a#only-dark"></a>'

    assert page(html, "../a.webp") == '<a href="x"><img alt="a" width="5" src="../a.webp#only-dark"></a>'


def test_a_link_stays_whole_unless_the_page_shows_the_picture() -> None:
    picture, link = f"{HOST}/?prompt=a", f'<a href="{HOST}/?prompt=b">b</a>'
    html = f'<a href="{picture}"><img alt="a" width="5" src="{picture}"></a>{link}'

    linked = f'<a href="{HOST}/?prompt=b&linked=1">b</a>'
    assert page(html, "a.webp") == f'<a href="a.webp"><img alt="a" width="5" src="a.webp"></a>{linked}'
    assert targets(html, OURS) == ["/?prompt=a"]


def test_what_is_not_ours_stays() -> None:
    html = (
        f"<!-- <img src='{HOST}/?prompt=a'> --><img src='https://example.org/?prompt=a'><code>{HOST}/?prompt=a</code>"
    )

    assert page(html) == html


def test_a_path_is_percent_encoded_and_no_picture_of_other_sites() -> None:
    picture = f"{HOST}/?prompt=a"
    html = f'<meta property="og:image" content="{picture}"><img alt="a" width="5" src="{picture}">'

    assert page(html, "../bilder für/100%.webp") == (
        f'<meta property="og:image" content="{picture}&sig=1">'
        '<img alt="a" width="5" src="../bilder%20f%C3%BCr/100%25.webp">'
    )
