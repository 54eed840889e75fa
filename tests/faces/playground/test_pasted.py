"""What is pasted into the field "Open a URL": URLs as people have them, and each markup with a picture."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.faces.playground.visitor import Visitor
from tests.support.caches import Nginx
from tests.support.service import Promptcdn

REST = "&seed=5&width=256&height=256"
BELOW = "server { listen LISTEN; location /pics/ { proxy_pass http://ORIGIN/; } }"
MARKUPS = ("markdown", "html", "picture", "asciidoc", "rst", "url", "sites")


def paste(visitor: Visitor, text: str) -> None:
    details = visitor["details:has(#pasted)"]
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    visitor["#pasted"].fill(text)
    visitor["#pasted"].press("Enter")


@pytest.mark.parametrize(
    ("pasted", "prompt"),
    [
        ("URL/?prompt=a+(green)+hill", "a (green) hill"),
        ("URL/?prompt=it's a hill", "it's a hill"),
        ('URL/?prompt=the "hill" <here>', 'the "hill" <here>'),
        ("URL/?prompt=a+hill+[x]", "a hill [x]"),
        ("?prompt=a+hill", "a hill"),
        ("![and/or](URL/?prompt=a+hill+(x)", "a hill (x)"),
        (r"![a \](b/c) d](URL/?prompt=a+hill", "a hill"),
        ("see URL/?prompt=a+hill", "a hill"),
        ("URL//?prompt=a+hill", "a hill"),
    ],
)
def test_a_url_is_read_to_its_end(visitor: Visitor, service: Promptcdn, pasted: str, prompt: str) -> None:
    visitor.open().sees("a lighthouse")
    text = pasted.replace("URL", service.url) + REST + (")" if "](" in pasted else "")

    paste(visitor, text)

    visitor.sees(prompt)
    expect(visitor["#p-seed"]).to_have_value("5")


@pytest.mark.parametrize("prompt", ["a hill and/or a lake", 'x](/y) "z" (\'w\') [v] src="/u"'])
def test_each_line_to_copy_can_be_pasted(visitor: Visitor, prompt: str) -> None:
    """A prompt that looks like the line around it does not hide the URL."""
    visitor.open(f"#{REST}").sees("a lighthouse at dusk")
    visitor.type("prompt", prompt)
    shown = visitor.sees(prompt)
    lines = {markup: (visitor.snippet(markup), visitor.copied())[1] for markup in MARKUPS}

    for line in lines.values():
        visitor.type("prompt", "a pause")
        visitor.sees("a pause")
        paste(visitor, line)
        assert visitor.sees(prompt) == shown, line


@pytest.mark.parametrize(
    "pasted",
    ["javascript:alert(1)//?prompt=x", "data:text/html,/?prompt=x", "![x](javascript:alert(1)/?prompt=x)", "//"],
)
def test_what_is_no_url_of_the_web_is_not_opened(visitor: Visitor, pasted: str) -> None:
    visitor.open().sees("a lighthouse")

    paste(visitor, pasted)

    expect(visitor["#pasted-wrong"]).to_have_text("This is neither the URL of a picture nor Markdown with one.")


def test_the_page_may_be_below_a_path_of_its_host(browser: Browser, service: Promptcdn, tmp_path: Path) -> None:
    origin = service.url.removeprefix("http://")
    with (
        Nginx(tmp_path / "nginx", origin, site=BELOW) as front,
        Visitor(browser, f"{front.url}/pics") as visitor,
    ):
        visitor.open().sees("a lighthouse")
        assert visitor.snippet().startswith(f"![a lighthouse]({front.url}/pics/?prompt=")

        for prompt, form in {"hill": "/?prompt=hill", "dune": "/i.png?prompt=dune", "lake": "/prompt/lake?"}.items():
            paste(visitor, f"{front.url}/pics{form}{REST}")
            visitor.sees(prompt)

        assert [each.url for each in visitor.asked if not each.url.startswith(f"{front.url}/pics/")] == []
