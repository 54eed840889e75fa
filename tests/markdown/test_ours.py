"""Which URLs are ours, and which files have kinds."""

import pytest

from promptcdn.markdown import Kind, Ours, find, kind_of


@pytest.mark.parametrize(
    ("public_url", "url", "target"),
    [
        ("https://h.example", "https://h.example/?prompt=a", "/?prompt=a"),
        ("https://h.example", "http://h.example/?prompt=a", "/?prompt=a"),
        ("https://h.example", "//h.example/?prompt=a", "/?prompt=a"),
        ("https://h.example", "HTTPS://H.Example/?prompt=A", "/?prompt=A"),
        ("https://h.example", "https://h.example:443/?prompt=a", "/?prompt=a"),
        ("https://h.example", "http://h.example:80/?prompt=a", "/?prompt=a"),
        ("http://h.example:80/", "https://h.example/?prompt=a", "/?prompt=a"),
        ("https://h.example", "https://h.example?prompt=a", "/?prompt=a"),
        ("https://h.example", "https://h.example//?prompt=a", "//?prompt=a"),
        ("https://h.example", "https://h.example/i.png?prompt=a#only-dark", "/i.png?prompt=a#only-dark"),
        ("https://h.example", "https://h.example/prompt/a%20b?seed=7", "/prompt/a%20b?seed=7"),
        ("https://h.example", f"https://h.example/i/{'0' * 64}.png", f"/i/{'0' * 64}.png"),
        ("http://localhost:8080", "http://localhost:8080/?prompt=a", "/?prompt=a"),
        ("http://localhost:8080", "http://localhost/?prompt=a", None),
        ("http://[::1]:8080", "http://[::1]:8080/?prompt=a", "/?prompt=a"),
        ("https://h.example/pictures/", "https://h.example/pictures/?prompt=a", "/?prompt=a"),
        ("https://h.example/pictures", "https://h.example/?prompt=a", None),
        ("https://h.example/pictures", "https://h.example/Pictures/?prompt=a", None),
        ("https://h.example/pictures", "https://h.example/pictures2/?prompt=a", None),
        ("https://bücher.example", "https://xn--bcher-kva.example/?prompt=a", "/?prompt=a"),
        ("https://bücher.example", "https://Bücher.example/?prompt=a", "/?prompt=a"),
        ("https://h.example", "https://h.example:8443/?prompt=a", None),
        ("https://h.example", "http://h.example:443/?prompt=a", None),
        ("https://h.example", "https://h.example.evil.example/?prompt=a", None),
        ("https://h.example", "https://evil.example/https://h.example/?prompt=a", None),
        ("https://h.example", "https://user@h.example/?prompt=a", None),
        ("https://h.example", "ftp://h.example/?prompt=a", None),
        ("https://h.example", "https://hxexample/?prompt=a", None),
        ("https://h.example", "/?prompt=a", None),
        ("https://h.example", "https://h.example/prompt=a&seed=7", "/prompt=a&seed=7"),
        # Not pictures.
        ("https://h.example", "https://h.example/prompt", None),
        ("https://h.example", "https://h.example/", None),
        ("https://h.example", "https://h.example/#top", None),
        ("https://h.example", "https://h.example/docs", None),
        ("https://h.example", "https://h.example/info?prompt=a", None),
        ("https://h.example", "https://h.example/logo.png", None),
    ],
)
def test_a_url_is_ours_by_its_host_and_base_path(public_url: str, url: str, target: str | None) -> None:
    ours = Ours.of("https://other.example", public_url)

    assert ours.target(url) == target
    if target is not None:
        assert ours.may_be_in(f"![a]({url})")
        (found,) = find(f"![a]({url})", Kind.MARKDOWN, ours)
        assert ours.target(f"{found.base}/?prompt=new") == "/?prompt=new"


@pytest.mark.parametrize("text", ["", "pictures", "https:///pictures", "/pictures"])
def test_what_is_no_public_url_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no URL"):
        Ours.of(text)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("README.md", Kind.MARKDOWN),
        ("docs/a.b/x.MARKDOWN", Kind.MARKDOWN),
        ("a.mdx", Kind.MARKDOWN),
        ("C:\\docs.x\\a.ipynb", Kind.NOTEBOOK),
        ("index.html", Kind.HTML),
        ("a.rst", Kind.RST),
        ("a.adoc", Kind.ASCIIDOC),
        ("README", None),
        ("docs.md/README", None),
        ("a.py", None),
        ("", None),
    ],
)
def test_a_file_has_a_kind_by_its_extension(path: str, kind: Kind | None) -> None:
    assert kind_of(path) == kind
