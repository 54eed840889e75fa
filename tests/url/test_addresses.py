"""The forms of a picture's URL, and which tool gets which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.url import formats, keys
from promptcdn.url.parse import FACES, Face, address, canonical_url, parse_url
from promptcdn.url.request import Asked, Delivery
from promptcdn.url.snippets.tools import BY_NAME, TOOLS, Tool
from promptcdn.url.text import normalised

prompts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"]), min_size=1, max_size=60).map(normalised)
odd = st.sampled_from(
    [".", "..", "a.png", "a.jpeg", "a/b", "/", "//", "100%", "%41", "a+b", "a#b", "a?b", "&amp;", "\\"]
)


@given(
    prompts.filter(bool) | odd,
    st.sampled_from(FACES),
    st.sampled_from(formats.FORMATS),
    st.sampled_from([None, 7, "day"]),
    st.sampled_from([None, 640]),
    st.sampled_from([None, "fog & rain"]),
)
def test_every_form_asks_for_the_same_picture(
    prompt: str, face: Face, row: formats.Format, seed: int | None, w: int | None, negative_prompt: str | None
) -> None:
    asked, delivery = Asked(prompt, negative_prompt=negative_prompt, seed=seed), Delivery(row.name, w=w)
    path, _, query = address(asked, delivery, face).partition("?")

    request = parse_url(path.encode("ascii"), query.encode("ascii"))

    assert (request.asked, request.delivery) == (asked, delivery)
    assert keys.as_asked_key(request.asked) == keys.as_asked_key(asked)
    assert face == "query" or path.endswith(f".{row.extension}")


@pytest.mark.parametrize(
    ("face", "url"),
    [
        ("query", "/?prompt=a+cat&seed=7&format=png"),
        ("extension", "/i.png?prompt=a+cat&seed=7"),
        ("path", "/prompt/a%20cat.png?seed=7"),
    ],
)
def test_a_form_looks_like_this(face: Face, url: str) -> None:
    assert address(Asked("a cat", seed=7), Delivery("png"), face) == url


def test_the_usual_form_is_the_canonical_one() -> None:
    assert address(Asked("a", seed=7), Delivery("auto"), "query") == canonical_url(Asked("a", seed=7), Delivery("auto"))


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.names[0])
def test_a_tool_has_a_form_a_format_and_a_source(tool: Tool) -> None:
    assert tool.face in FACES
    assert tool.shows
    assert set(tool.shows) <= set(formats.BY_NAME)
    assert all((tool.what, tool.why, tool.source))


def test_no_two_tools_share_a_name() -> None:
    assert len(BY_NAME) == sum(len(tool.names) for tool in TOOLS)


@pytest.mark.parametrize("name", ["epub", "latex", "odt", "word", "asciidoctor-pdf", "telegram"])
def test_documents_get_a_format_that_everything_shows(name: str) -> None:
    assert BY_NAME[name].face == "extension"
    assert all(formats.BY_NAME[shown].everywhere for shown in BY_NAME[name].shows)
