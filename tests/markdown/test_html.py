"""URLs of ours in HTML: in attributes that name pictures and pages, exactly, and nowhere else."""

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptcdn.markdown import Kind, Ours, Syntax, find, rewritten

OURS = Ours.of("https://pics.example.org")
URL = "https://pics.example.org/?prompt=a&seed=7"
AMP = URL.replace("&", "&amp;")

# The syntax, and HTML with `§` around the spelling.
WAYS = [
    (Syntax.ATTRIBUTE, f"<img src='§{URL}§'>"),
    (Syntax.ATTRIBUTE, f'<img src="§{AMP}§"/>'),
    (Syntax.ATTRIBUTE, f"<img src=§{URL}§>"),
    (Syntax.ATTRIBUTE, f"<IMG\nWIDTH=5\n\tSRC\n =\n '\n§{URL}§ '\n>"),
    (Syntax.ATTRIBUTE, f"<img src='§{URL.replace('/', '&#47;').replace('=', '&#x3d;')}§'>"),
    (Syntax.ATTRIBUTE, f"<img title='a > b' src='§{URL}§' src='https://pics.example.org/?prompt=second'>"),
    (Syntax.ATTRIBUTE, f"<a b</a><img/src='§{URL}§'>"),
    (Syntax.ATTRIBUTE, f"<img loading=lazy src=data:, data-src='§{URL}§'>"),
    (Syntax.ATTRIBUTE, f"<video poster='§{URL}§'></video>"),
    (Syntax.META, f"<meta property='og:image' content='§{URL}§'>"),
    (Syntax.META, f"<meta content='§{URL}§' name=twitter:image>"),
    (Syntax.SRCSET, f"<source srcset='a.png, §{URL}§ 2x,b.png 3x'>"),
    (Syntax.SRCSET, f"<source srcset='a.png 1x,§{URL}§, b.png 3x'>"),
    (Syntax.SRCSET, f"<img srcset=' §{URL}§ 100w'>"),
    (Syntax.SRCSET, f"<link rel=preload as=image imagesrcset='§{URL}§ 1x'>"),
    (Syntax.HREF, f"<a href='§{URL}§'>a</a>"),
    (Syntax.HREF, f"<svg><image xlink:href='§{URL}§'/></svg>"),
    (Syntax.ATTRIBUTE, f"<!-- a --><!--> <img src='§{URL}§'> <!-- b --!>"),
    (Syntax.ATTRIBUTE, f"<!DOCTYPE html><?php a ?></1><img src='§{URL}§'>"),
    (Syntax.ATTRIBUTE, f"<script>'<img src=x>'</script ><img src='§{URL}§'>"),
    (Syntax.ATTRIBUTE, f"<pre><img src='§{URL}§'></pre>"),
    (Syntax.ATTRIBUTE, f"a < b <img src='§{URL}§'>"),
]
ALONE = [
    f"<!-- <img src='{URL}'> -->",
    f"<!-- <img src='{URL}'>",
    f"<script>a = \"<img src='{URL}'>\"</script>",
    f"<style><img src='{URL}'></style>",
    f"<textarea><img src='{URL}'></textarea>",
    f"<title><img src='{URL}'></title>",
    f"&lt;img src='{URL}'>",
    f"<img alt='{URL}' title='{URL}'>",
    f"<meta property='og:url' content='{URL}'>",
    f"<img src='{URL}",
    f"<img src='{URL}'",
    f"</img src='{URL}'>",
    URL,
]


def planted(marked: str) -> tuple[str, tuple[int, int]]:
    """The text without its marks, and where they stood."""
    before, spelling, after = marked.split("§")
    return before + spelling + after, (len(before), len(before) + len(spelling))


@pytest.mark.parametrize(("syntax", "marked"), WAYS)
def test_a_url_is_found_in_every_attribute(syntax: Syntax, marked: str) -> None:
    text, span = planted(marked.replace("\n", "\r\n"))

    (found,) = find(text, Kind.HTML, OURS)

    assert (found.syntax, found.url, tuple(found.span)) == (syntax, URL, span)


@pytest.mark.parametrize("text", ALONE)
def test_scripts_comments_and_texts_are_left_alone(text: str) -> None:
    assert find(text, Kind.HTML, OURS) == ()


@pytest.mark.parametrize(
    ("tag", "alt"),
    [
        ("<img src='{}'>", None),
        ("<img src='{}' alt>", ""),
        ("<img alt='' src='{}'>", ""),
        ("<img alt='a &quot;b&quot; &copy=' src='{}'>", 'a "b" &copy='),
    ],
)
def test_the_description_of_an_image_is_found(tag: str, alt: str | None) -> None:
    ((shown,),) = (one.images for one in find(tag.format(URL), Kind.HTML, OURS))

    assert shown.alt == alt


def test_references_without_a_semicolon_are_read_as_browsers_do() -> None:
    urls = [f"{URL}&copy=1", f"{URL}&copyx", f"{URL}&amp=1"]

    assert [one.url for text in urls for one in find(f"<img src='{text}'>", Kind.HTML, OURS)] == urls
    assert [one.url for one in find(f"<img src='{URL}&copy'>", Kind.HTML, OURS)] == [f"{URL}©"]


PIECES = st.sampled_from(
    [
        *(
            "<img src=",
            "<img src='",
            '<a href="',
            "<source srcset='",
            "<p ",
            "</p>",
            "<",
            ">",
            "/>",
            "/",
            "'",
            '"',
            "=",
            " ",
        ),
        *(
            "<!--",
            "-->",
            "--!>",
            "<!",
            "<?",
            "</",
            "<script>",
            "</script>",
            "<style>",
            "</style >",
            "\n",
            "&",
            "alt",
            "a",
        ),
        *("<textarea>", "</textarea>", "&amp;", ",", " 2x", URL, AMP),
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join))
@settings(max_examples=400, deadline=None)
def test_what_is_found_is_what_a_browser_finds(text: str) -> None:
    """html5lib, an implementation of the WHATWG's algorithm, is the judge of which tags there are."""
    page = html5lib.parse(text, namespaceHTMLElements=False)
    values = [each.get(name, "") for each in page.iter() if isinstance(each.tag, str) for name in ("src", "href")]
    wanted = {OURS.target(value.strip().replace("\n", "")) for value in values} - {None}

    found = {one.target for one in find(text, Kind.HTML, OURS) if one.syntax in (Syntax.ATTRIBUTE, Syntax.HREF)}

    assert found == wanted
    same = rewritten(text, {one: one.url for one in find(text, Kind.HTML, OURS)})
    assert same == text
