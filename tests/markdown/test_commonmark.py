"""URLs of ours in Markdown: where each is spelled, what shows it, and what is left alone."""

import time

import pytest

from promptcdn.markdown import Kind, Ours, Syntax, find, rewritten

OURS = Ours.of("https://pics.example.org")
URL = "https://pics.example.org/?prompt=a&seed=7"
AMP = URL.replace("&", "&amp;")

# The syntax, its text with `§` around the spelling, and the description of what is shown.
WAYS = [
    (Syntax.IMAGE, f"![a *b* `c` \\] &amp;](§{URL}§)", "a b c ] &"),
    (Syntax.IMAGE, f"![](§{URL}§)", None),
    (Syntax.IMAGE, f"# A heading ![a](§{URL}§ 'title')", "a"),
    (Syntax.IMAGE, f'text ![a](<§{URL}§> "title"), text', "a"),
    (Syntax.IMAGE, f"![a](\n  §{URL}§\n)", "a"),
    (Syntax.IMAGE, f"![a](§{AMP}§)", "a"),
    (Syntax.IMAGE, f"![a](§{URL.replace('.', chr(92) + '.')}§)", "a"),
    (Syntax.IMAGE, f"![a](§{URL.replace('https://', 'https&colon;//')}§)", "a"),
    (Syntax.IMAGE, f"[![a](§{URL}§)](https://elsewhere.example)", "a"),
    (Syntax.IMAGE, f"> 1. - ![a](§{URL}§)", "a"),
    (Syntax.IMAGE, f"> quote ![a\nb](§{URL}§)", "a\nb"),
    (Syntax.IMAGE, f"| a | b |\n|---|:-:|\n| x | ![a\\|b](§{URL}§) |", "a|b"),
    (Syntax.IMAGE, f"~~![a](§{URL}§)~~", "a"),
    (Syntax.IMAGE, f"![a](§{URL}§)\n===", "a"),
    (Syntax.IMAGE, f"- [ ] ![a](§{URL}§)", "a"),
    (Syntax.LINK, f"[a](§{URL}§)", None),
    (Syntax.LINK, f"[![a](https://elsewhere.example/a.png)](§{URL}§)", None),
    (Syntax.AUTOLINK, f"<§{URL}§>", None),
    (Syntax.BARE, f"see §{URL}§.", None),
    (Syntax.BARE, f"**see §{URL}§**", None),
    (Syntax.BARE, f"(see §{URL}§)!", None),
    (Syntax.DEFINITION, f"[lab]: §{URL}§", None),
    (Syntax.DEFINITION, f"![a][lab]\n\n[Lab]: <§{URL}§> 'title'", "a"),
    (Syntax.DEFINITION, f"![lab][]\n\n[lab]:\n  §{URL}§\n  (title)", "lab"),
    (Syntax.DEFINITION, f"> [lab]: §{URL}§\n\n![lab]", "lab"),
    (Syntax.DEFINITION, f"> [a\n> b]:\n> §{URL}§\n> 'title'\n\n![x][a b]", "x"),
    (Syntax.DEFINITION, f"> - [lab]:\n§{URL}§\n\n![lab]", "lab"),
    (Syntax.DEFINITION, f"- [lab]: §{URL}§\n  ![a][lab]", "a"),
    (Syntax.ATTRIBUTE, f'<img src="§{AMP}§" alt="a &quot;b&quot;">', 'a "b"'),
    (Syntax.ATTRIBUTE, f"text <IMG alt='' SRC = '§{URL}§'/> text", ""),
    (Syntax.ATTRIBUTE, f"<p>\n<img width=5 src=§{URL}§>\n</p>", None),
    (Syntax.ATTRIBUTE, f"> <p>\n> <img\n>   src='§{URL}§'>\n> </p>", None),
    (Syntax.ATTRIBUTE, f"> text <img\n>   src='§{URL}§'>", None),
    (Syntax.ATTRIBUTE, f"<details>\n<summary>s</summary>\n\n<img src=' §{URL}§ '>\n\n</details>", None),
    (Syntax.SRCSET, f'<picture><source media="(x > 1)" srcset="a.png 1x, §{URL}§ 2x"></picture>', None),
    (Syntax.HREF, f'<a href="§{URL}§">a</a>', None),
    (Syntax.IMAGE, f"---\ntitle: x\n---\n![a](§{URL}§)", "a"),
    (Syntax.IMAGE, f"---\n\n![a](§{URL}§)\n\n---\n", "a"),
    (Syntax.IMAGE, f"text <!-- a --> ![a](§{URL}§) <!-- b -->", "a"),
]

ALONE = [
    f"`![a]({URL})`",
    f"```\n![a]({URL})\n```",
    f"~~~ md\n<img src='{URL}'>\n~~~",
    f"    ![a]({URL})",
    f"> ```\n> ![a]({URL})\n> ```",
    f"<!-- ![a]({URL}) -->",
    f"text <!-- <img src='{URL}'> --> text",
    f"<script>\nlet a = '<img src=\"{URL}\">'\n</script>",
    f"<style>\na {{ background: url({URL}) }}\n</style>",
    f"<div><!--\n\n![a]({URL})\n\n<img src='{URL}'>\n\n--></div>",
    f"---\nimage: {URL}\n---\n",
    f"+++\nimage = '{URL}'\n+++\n",
    f"!\\[a\\]({URL.replace('https:', '')})",
    f"\\<img src='{URL.replace('https:', '')}'>",
    f"[a](https://elsewhere.example/?u={URL})",
    f"<meta property='og:title' content='{URL}'>",
    f"| a |\n|---|\n| ![b][l] |\n[l]: {URL.replace('https:', '')}\n",
    f"<![CDATA[ > ![a]({URL}) ]]>",
]


def planted(marked: str) -> tuple[str, tuple[int, int]]:
    """The text without its marks, and where they stood."""
    before, spelling, after = marked.split("§")
    return before + spelling + after, (len(before), len(before) + len(spelling))


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("way", WAYS, ids=[f"{number}-{way[0]}" for number, way in enumerate(WAYS)])
@pytest.mark.parametrize(
    "around", ["{}", "\ufeff{}", "a\n\nb {{x}} 🦊 灯台\n\n{}\n\n> c\n"], ids=["alone", "bom", "text"]
)
def test_a_url_is_found_in_every_syntax(way: tuple[Syntax, str, str | None], around: str, line_end: str) -> None:
    """Exactly where it is spelled, decoded, and with what shows it."""
    syntax, marked, alt = way
    if marked.startswith("---\ntitle"):
        around = "{}"  # front matter stands at the beginning alone
    text, span = planted(around.format(marked.replace("{", "{{")).replace("{{", "{").replace("\n", line_end))

    (found,) = find(text, Kind.MARKDOWN, OURS)

    assert (found.syntax, found.url, tuple(found.span)) == (syntax, URL, span)
    shown = [image.alt and image.alt.replace(line_end, "\n") for image in found.images]
    assert shown == ([alt] if alt is not None or found.images else [])
    lines = text[: span[0]].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert (found.line, found.column) == (len(lines), len(lines[-1]) + 1)


@pytest.mark.parametrize("text", ALONE)
def test_code_comments_and_front_matter_are_left_alone(text: str) -> None:
    assert find(text, Kind.MARKDOWN, OURS) == ()


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (f"[l]: /a\n2. b\n   ```\n\n![a]({URL})\n   ```\n", 0),
        (f"[l]: /a\n1. b\n   ```\n\n![a]({URL})\n   ```\n", 1),
        (f"[l]: /a\n    ![a]({URL})\n", 1),
        (f"[l]: /a\n\n    ![a]({URL})\n", 0),
        (f"> [l]: /a\n> 2. ![a]({URL})\n", 1),
    ],
)
def test_what_follows_a_definition_is_of_its_paragraph(text: str, count: int) -> None:
    """A list that does not begin with 1, and code by its indent, begin in no paragraph."""
    assert len(find(text, Kind.MARKDOWN, OURS)) == count


def test_images_of_one_definition_are_found_with_it() -> None:
    text = f"![one][l] ![][l] [link][l] ![l]\n\n[l]: {URL}\n[l]: {URL}&w=8\n"

    used, unused = find(text, Kind.MARKDOWN, OURS)

    assert [image.alt for image in used.images] == ["one", None, "l"]
    assert [text[slice(*image.span)] for image in used.images] == ["![one][l]", "![][l]", "![l]"]
    assert (used.is_shown, unused.is_shown) == (True, False)


def test_a_rewrite_changes_the_urls_alone() -> None:
    for _, marked, _ in WAYS:
        text, (start, end) = planted(marked.replace("\n", "\r\n"))

        after = rewritten(text, dict.fromkeys(find(text, Kind.MARKDOWN, OURS), f"{URL}0"))

        assert (after[:start], after[len(after) - len(text) + end :]) == (text[:start], text[end:])
        (one,) = find(after, Kind.MARKDOWN, OURS)
        assert one.url == f"{URL}0"


def test_lists_that_are_nested_too_deeply_are_told() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        find("> " * 5000 + URL, Kind.MARKDOWN, OURS)


@pytest.mark.parametrize(
    "line",
    [f"[l{{}}]: {URL}\n", f"> [l{{}}]: {URL}\n", f"[a {{}}]({URL})\r\n", f"- ![a]({URL})\n\n", f"<img src='{URL}'>\n"],
)
def test_finding_takes_time_in_step_with_the_length(line: str) -> None:
    """Also of a page that ends in hundreds of definitions, as changelogs do."""

    def seconds(count: int) -> float:
        text = "".join(line.format(number) for number in range(count))
        began = time.process_time()
        assert len(find(text, Kind.MARKDOWN, OURS)) == count
        return time.process_time() - began

    # Eight times the text in eight times the time; looking at each line for each line would take sixty-four.
    assert min(seconds(640) for _ in range(3)) < 24 * max(min(seconds(80) for _ in range(3)), 1e-4)
