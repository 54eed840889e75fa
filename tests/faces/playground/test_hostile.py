"""Prompts that try to break out: in the page they are text, and in what is copied they are a description."""

from html.parser import HTMLParser

import cmarkgfm
import pytest
from playwright.sync_api import expect

from promptcdn.url.text import normalised
from tests.faces.playground.visitor import Visitor

HOSTILE = [
    '"><script>alert(1)</script>',
    "<img src=x onerror=alert(1)>",
    "a](javascript:alert(1)) ![x",
    "` `` ${alert(1)} {{alert(1)}} </script>",
    "abc \u202egnp.exe\u2066 def",
    "' onmouseover='alert(1)",
    "--> ]]> <!--",
]
COUNT = "document.querySelectorAll('script, iframe, object, a, base, svg, form').length"


class Tags(HTMLParser):
    """The elements of a piece of HTML, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("prompt", HOSTILE, ids=lambda prompt: ascii(prompt)[1:15])
def test_a_hostile_prompt_is_text_and_nothing_else(visitor: Visitor, prompt: str) -> None:
    visitor.open().sees("a lighthouse")
    elements = visitor.page.evaluate(COUNT)

    visitor.type("prompt", prompt)
    visitor.sees(normalised(prompt))
    visitor["#alt"].fill(prompt + "!")
    expect(visitor["#snippet"]).to_contain_text("!](")

    shown = cmarkgfm.github_flavored_markdown_to_html(visitor.snippet())
    assert [(tag, found.get("alt")) for tag, found in Tags(shown).found] == [
        ("p", None),
        ("img", normalised(prompt) + "!"),
    ]
    for markup, tags in {"html": ["img"], "picture": ["picture", "source", "img"]}.items():
        found = Tags(visitor.snippet(markup)).found
        assert [tag for tag, _ in found] == tags
        assert found[-1][1].keys() == {"src", "alt", "width", "height"}
        assert found[-1][1]["alt"] == normalised(prompt) + "!"
    for markup in ("asciidoc", "rst", "url", "sites"):
        visitor.snippet(markup)
        assert "\u202e" not in visitor.copied()
    assert visitor.page.evaluate(COUNT) == elements


def test_a_hostile_address_is_text_and_nothing_else(visitor: Visitor) -> None:
    own = "&seed=7&width=256&height=256&__proto__=x&constructor=y&onload=z&toString=1"
    visitor.open(f"#prompt=%22%3E%3Cimg src=x onerror=alert(1)>{own}")

    visitor.sees('"><img src=x onerror=alert(1)>')
    expect(visitor["#p-prompt"]).to_have_value('"><img src=x onerror=alert(1)>')


def test_a_hostile_list_of_pictures_seen_is_text(visitor: Visitor) -> None:
    """What another page of the same origin might have left in this browser."""
    visitor.open().sees("a lighthouse")
    left = '[{"fragment":"javascript:alert(1)","key":"\\"><img src=x onerror=alert(1)>","prompt":"<b>","seed":7}]'
    visitor.page.evaluate("text => localStorage.setItem('promptcdn.history', text)", left)

    visitor.page.reload()

    visitor.sees("a lighthouse")
    assert visitor.page.evaluate("document.querySelectorAll('b, [onerror]').length") == 0


def test_a_store_in_the_browser_that_is_broken_does_no_harm(visitor: Visitor) -> None:
    visitor.open().sees("a lighthouse")
    no_text = f'{{"fragment":"#prompt=a","key":"{"0" * 64}","seed":7,"prompt":{{"toString":1}}}}'
    for left in ("{", '"text"', "[1]", "{}", f"[{no_text}]", no_text):
        for name in ("history", "theme"):
            visitor.page.evaluate("([name, text]) => localStorage.setItem(`promptcdn.${name}`, text)", [name, left])
        visitor.page.reload()
        visitor.sees("a lighthouse")
        assert visitor.page.evaluate("document.documentElement.dataset.theme") is None
