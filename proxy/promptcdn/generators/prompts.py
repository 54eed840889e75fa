r"""Prompts as they are sent: what a server would take for commands is made plain text.

Some servers read settings, files and weights out of a prompt: a reader of a page could change the seed and the size,
load a file, or draw for hours. `sent` takes the meaning from such signs and leaves the words.

Sources, read in November 2026:
- AUTOMATIC1111, `modules/prompt_parser.py` and `modules/extra_networks.py`: `(word:1.3)`, `[word]`, `[a:b:0.5]`,
  `[a|b]`, `BREAK`, `AND`, a weight at the end (`:1.2`), `<lora:name:1>`; `\(` is a plain bracket.
- Its extensions, and SD.Next: `{a|b}` and `__name__` (wildcards), `##` (as BREAK), `ADDCOL`, `ADDROW`, `ADDBASE`,
  `ADDCOMM`.
- stable-diffusion.cpp, `examples/server/routes_openai.cpp`, `routes_sdapi.cpp`, `src/core/util.cpp`:
  `<sd_cpp_extra_args>{…}</sd_cpp_extra_args>`, brackets and BREAK as AUTOMATIC1111 has them. Measured: that tag in a
  reader's prompt changed the seed and the size.
- ComfyUI, `comfy/sd1_clip.py`: `(word:1.3)`, `embedding:name`; `\(` and `\)` are plain brackets.
- LocalAI, its page on images: what stands behind `|` is the negative prompt.
"""

import re
from dataclasses import dataclass

Rule = tuple[re.Pattern[str], str]


@dataclass(frozen=True)
class Syntax:
    """What a kind of server reads out of prompts: patterns, and what makes each of them plain text, in turn."""

    rules: tuple[Rule, ...] = ()


# Settings in a prompt. Never allowed: the picture would be another one than its key says. As the last rule, since
# another one could put the tag together.
_SETTINGS: Rule = (re.compile(r"<(?=/?sd_cpp_)", re.IGNORECASE), "< ")

_BACKSLASH: Rule = (re.compile(r"\\"), r"\\\\")
_OPENING: Rule = (re.compile(r"[(\[]"), r"\\\g<0>")
_BRACKET: Rule = (re.compile(r"[()\[\]]"), r"\\\g<0>")
_ROUND: Rule = (re.compile(r"[()]"), r"\\\g<0>")
_FILE: Rule = (re.compile(r"<(?=\w+:)"), "< ")
_EMBEDDING: Rule = (re.compile(r"(embedding):", re.IGNORECASE), r"\1 :")
_BAR: Rule = (re.compile(r"\s*\|\s*"), ", ")
_BRACES = ((re.compile(r"\{"), "("), (re.compile(r"\}"), ")"))
_WILDCARD: Rule = (re.compile(r"__+"), "_")
_HASHES: Rule = (re.compile(r"##+"), "#")
_WEIGHT_AT_THE_END: Rule = (re.compile(r":\s*[-+]?(\d+\.?\d*|\.\d+)\s*$"), r"\g<0>,")


def _lower(*words: str) -> tuple[Rule, ...]:
    """These words in lower case: in capitals they are commands."""
    return tuple((re.compile(rf"(?<!\w){word}(?=\b|_)"), word.lower()) for word in words)


# A server that passes the prompt on to its model. It may still be stable-diffusion.cpp behind something.
PLAIN = Syntax((_FILE,))
A1111 = Syntax(
    (
        *_BRACES,
        _WILDCARD,
        _HASHES,
        _BACKSLASH,
        _BRACKET,
        _FILE,
        *_lower("BREAK", "AND", "ADDCOL", "ADDROW", "ADDBASE", "ADDCOMM"),
        _WEIGHT_AT_THE_END,
    )
)
# Brackets that are not opened close nothing, and its `\)` would stay `\)`.
SD_CPP = Syntax((_BACKSLASH, _OPENING, _FILE, *_lower("BREAK")))
LOCALAI = Syntax((_BAR, *SD_CPP.rules))
COMFYUI = Syntax((_BACKSLASH, _ROUND, _EMBEDDING))


def sent(text: str, syntax: Syntax, *, allowed: bool = False) -> str:
    """The prompt `text` as it is sent to a server that reads `syntax`.

    `allowed`: the operator lets readers use that syntax; settings are never let through.
    """
    for pattern, plain in (*(() if allowed else syntax.rules), _SETTINGS):
        text = pattern.sub(plain, text)
    return text
