"""The short syntax for pictures in Markdown: a fenced block whose text is the prompt. Policy.

    ```promptcdn seed=7 width=1024 height=576 alt="Our lighthouse"
    a lighthouse at night, oil on canvas
    ```

What stands behind the word `promptcdn` are parameters of URLs (docs/urls.md), and `alt`. The block becomes an image
like any other.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlencode

from promptcdn import problems
from promptcdn.url import formats
from promptcdn.url.dialects import given
from promptcdn.url.parse import address, parse
from promptcdn.url.snippets import snippets

NAME = "promptcdn"
_FENCE = re.compile(r"(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ ]*(?P<info>[^`]*)\Z")


def translated(
    lines: Sequence[str],
    public_url: str,
    tell: Callable[[str], None],
    note: Callable[[str, Sequence[str]], None] = lambda _image, _block: None,
) -> Iterator[str]:
    """The lines of a page, with an image in the place of each block. Blocks in other fenced blocks are code.

    A block whose parameters are wrong stays, and `tell` is told what is wrong. `note` is told of each image and the
    lines in whose place it is, without their indent.
    """
    body: list[str] = []
    opening: re.Match[str] | None = None
    for line in lines:
        fence = _FENCE.match(line)
        if opening is None:
            opening = fence
            body = [line] if fence else []
            if fence is None:
                yield line
            continue
        body.append(line)
        if fence and not fence["info"].strip() and fence["fence"].startswith(opening["fence"]):
            yield from _block(opening, body, public_url, tell, note)
            opening = None
    yield from body if opening else ()


def _block(
    opening: re.Match[str],
    body: Sequence[str],
    public_url: str,
    tell: Callable[[str], None],
    note: Callable[[str, Sequence[str]], None],
) -> Iterator[str]:
    name, _, words = opening["info"].strip().partition(" ")
    if name != NAME:
        yield from body
        return
    prompt = " ".join(line.strip() for line in body[1:-1])
    try:
        written = image(prompt, words, public_url)
    except (ValueError, problems.Problem) as wrong:
        tell(f'the block "{prompt[:80]}": {told(wrong)}')
        yield from body
    else:  # a paragraph of its own
        note(written, [line.removeprefix(opening["indent"]) for line in body])
        yield from ("", f"{opening['indent']}{written}", "")


def image(prompt: str, words: str, public_url: str) -> str:
    """The image in Markdown of a prompt and parameters like `seed=7 alt="a tower"`.

    Raises `Problem` or `ValueError` with what is wrong.
    """
    pairs = parameters(words)
    alt = pairs.pop("alt", prompt)
    return snippets(public_url + path_of({"prompt": prompt, **pairs}), " ".join(alt.split()))["markdown"]


def parameters(words: str) -> dict[str, str]:
    """The pairs of `seed=7 alt="a tower"`. Raises `ValueError`."""
    try:
        each = shlex.split(words)
    except ValueError:
        raise ValueError(f"a quotation mark has no end in {words.strip()}") from None
    return dict(_pair(word) for word in each)


def path_of(pairs: dict[str, str]) -> str:
    """The path of a URL with an extension, by which builders of sites name files. Raises `Problem`."""
    request = parse(urlencode(pairs).encode())
    if request.delivery.format == formats.AUTO:
        raise problems.bad_parameter("format", formats.AUTO, ", ".join(formats.BY_NAME), "a site has one file of it")
    return address(request.asked, request.delivery, "extension")


def _pair(word: str) -> tuple[str, str]:
    name, sign, value = word.partition("=")
    if not sign:
        raise ValueError(f'"{word}": parameters are written like seed=7, with quotes around a value with blanks')
    return name, value


def told(wrong: Exception) -> str:
    """What is wrong with a prompt, its parameters or its picture, on one line."""
    return given.told(wrong) if isinstance(wrong, problems.Problem) else str(wrong)
