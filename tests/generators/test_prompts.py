"""Prompts as they are sent: what a server would take for a command is plain text, and nothing else changes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.generators.prompts import A1111, COMFYUI, LOCALAI, PLAIN, SD_CPP, Syntax, sent

ALL = (PLAIN, A1111, SD_CPP, LOCALAI, COMFYUI)
TAG = '<sd_cpp_extra_args>{"seed":99}</sd_cpp_extra_args>'


@pytest.mark.parametrize(
    ("syntax", "text", "plain"),
    [
        (A1111, "a (lighthouse:1.3)", r"a \(lighthouse:1.3\)"),
        (A1111, "a lighthouse (at night)", r"a lighthouse \(at night\)"),
        (A1111, "[a:b:0.5]", r"\[a:b:0.5\]"),
        (A1111, "[a|b]", r"\[a|b\]"),
        (A1111, r"\(already\)", r"\\\(already\\\)"),
        (A1111, "<lora:detail:1> x", "< lora:detail:1> x"),
        (A1111, "<hypernet:x:1>", "< hypernet:x:1>"),
        (A1111, "a BREAK b AND c", "a break b and c"),
        (A1111, "a ADDCOL b", "a addcol b"),
        (A1111, "BREAKFAST AT TIFFANY", "BREAKFAST AT TIFFANY"),
        (A1111, "a cat :0", "a cat :0,"),
        (A1111, "a cat: -1.5 ", "a cat: -1.5 ,"),
        (A1111, "{day|night}", r"\(day|night\)"),
        (A1111, "__colour__ car", "_colour_ car"),
        (A1111, "1 < 2", "1 < 2"),
        (A1111, "a ## b # c", "a # b # c"),
        (SD_CPP, "a (lighthouse:1.3)", r"a \(lighthouse:1.3)"),
        (SD_CPP, "a BREAK b", "a break b"),
        (LOCALAI, "a lighthouse|fog", "a lighthouse, fog"),
        (COMFYUI, "(a:2) embedding:bad [b]", r"\(a:2\) embedding :bad [b]"),
        (PLAIN, "a (lighthouse:1.3) [b] BREAK c|d", "a (lighthouse:1.3) [b] BREAK c|d"),
        (PLAIN, "<lora:/etc/passwd:1>", "< lora:/etc/passwd:1>"),
    ],
)
def test_what_a_server_would_obey_is_plain_text(syntax: Syntax, text: str, plain: str) -> None:
    assert sent(text, syntax) == plain


@pytest.mark.parametrize("syntax", ALL)
@pytest.mark.parametrize("text", [TAG, TAG.upper(), "a </sd_cpp_extra_args> b", "<sd__cpp_extra_args>x"])
@pytest.mark.parametrize("allowed", [False, True])
def test_settings_never_get_through(syntax: Syntax, text: str, allowed: bool) -> None:
    """Not even where the operator allows the syntax of prompts."""
    assert "<sd_cpp" not in sent(text, syntax, allowed=allowed).lower().replace("</", "<")


def test_the_operator_may_allow_the_syntax_of_prompts() -> None:
    text = "a (lighthouse:1.3) <lora:detail:1> BREAK [b]"

    assert sent(text, A1111, allowed=True) == text


# The servers' own patterns, as their sources have them.
EXTRA_NETWORK = re.compile(r"<(\w+):([^>]+)>")
SETTINGS = re.compile(r"<sd_cpp_extra_args>(.*?)</sd_cpp_extra_args>")
ATTENTION = re.compile(
    r"\\\(|\\\)|\\\[|\\]|\\\\|\\|\(|\[|:\s*([+-]?[.\d]+)\s*\)|\)|]|[^\\()\[\]:]+|:",
)
WORDS = re.compile(r"\b(BREAK|AND)\b")
WEIGHT = re.compile(r":\s*[-+]?(?:\d+\.?|\d*\.\d+)\s*$")

PIECES = ["<", ">", "/", "sd_cpp_extra_args", "_", "lora", ":", "1", ".5", "(", ")", "[", "]", "\\", "{", "}", "|"]
texts = st.lists(st.sampled_from([*PIECES, "BREAK", "AND", " ", "a", "B"]) | st.text(max_size=3), max_size=14).map(
    "".join
)


@given(texts)
def test_no_prompt_has_a_command_of_a1111(text: str) -> None:
    plain = sent(text, A1111)

    assert not EXTRA_NETWORK.search(plain)
    assert not WORDS.search(plain)
    assert not WEIGHT.search(plain)
    assert not {"(", "["} & {match[0] for match in ATTENTION.finditer(plain)}


@given(texts)
def test_no_prompt_has_settings_of_stable_diffusion_cpp(text: str) -> None:
    """Also together with the tag that is put behind it."""
    for syntax in ALL:
        plain = sent(text, syntax)

        assert SETTINGS.findall(plain + "<sd_cpp_extra_args>ours</sd_cpp_extra_args>") == ["ours"]


@given(st.text(alphabet=st.characters(categories=["L", "N"]) | st.sampled_from(" ,.'!?-"), max_size=40))
def test_words_of_any_language_stay_as_they_are(text: str) -> None:
    words = text.lower()

    assert [sent(words, syntax) for syntax in ALL] == [words] * len(ALL)
