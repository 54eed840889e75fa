"""From a URL to its parameters, and back to the canonical URL.

The raw query is read here, since a framework's parser replaces bad bytes silently. What URLs may say is part of the
promise of every key: more may be allowed later, never less. The version in the keys is the version of these rules, to
which the pinned Unicode version belongs.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal, get_args
from urllib.parse import quote, unquote_to_bytes, urlencode

from promptcdn import problems
from promptcdn.url import formats, text
from promptcdn.url.dialects import mistakes
from promptcdn.url.dialects.appended import is_ignored
from promptcdn.url.dialects.pollinations import Pair, translated
from promptcdn.url.formats import split_extension
from promptcdn.url.parameters import BY_NAME, OF_INFO, Group, Parameter
from promptcdn.url.request import Asked, Control, Delivery, Described, Request, Value

URL_MAX = 8192

# The forms that a picture's URL has: `/?prompt=…`, `/i.png?prompt=…`, `/prompt/….png`.
Face = Literal["query", "extension", "path"]
FACES: tuple[Face, ...] = get_args(Face)

_EXTRA_SLASHES = re.compile(rb"/+(?=/(?:i\.[a-z]+|i/.*|prompt/.*)?\Z)", re.DOTALL)
_OF_INFO = {row.name: row for row in OF_INFO}
_ESCAPED_AMPERSANDS = re.compile("(?:amp;)*")


def parse(raw_query: bytes, format_: str | None = None) -> Request:
    """What a picture's URL asks for. `format_` is the format that the path's extension names.

    Raises `Problem` (400) that names the parameter, the value and what is allowed.
    """
    return _request(_pairs(raw_query), format_)


def parse_path(raw_prompt: bytes, raw_query: bytes) -> Request:
    """What `/prompt/{prompt}[.ext]?…` asks for. A plus in a path is a plus; Pollinations' parameters are understood."""
    stem, format_ = split_extension(raw_prompt.partition(b"#")[0].decode("latin-1"), formats.PROMPT_EXTENSIONS)
    notes: list[str] = []
    prompt = ("prompt", stem.encode("latin-1").replace(b"+", b"%2B"))
    request = _request([prompt, *translated(_pairs(raw_query), notes)], format_)
    return replace(request, nearest=True, notes=tuple(notes))


def parse_url(raw_path: bytes, raw_query: bytes) -> Request:
    """What a whole URL asks for, in either style and also behind `/info`."""
    raw_path = raw_path[extra_slashes(raw_path) :]
    before, is_path_style, raw_prompt = raw_path.partition(b"/prompt/")
    if is_path_style and before in (b"", b"/info"):
        return parse_path(raw_prompt, raw_query)
    return parse(raw_query, split_extension(raw_path.decode("latin-1"))[1])


def parse_info(raw_path: bytes, raw_query: bytes) -> tuple[Request, Described]:
    """What a URL of `/info` asks about, and how the picture is described in its snippets."""
    pairs = [pair for pair in raw_query.partition(b"#")[0].split(b"&") if pair]
    own = [pair for pair in pairs if _name(pair.partition(b"=")[0]) in _OF_INFO]
    values, _ = _by_group(_pairs(b"&".join(own)), ("info",), None)
    picture = b"&".join(pair for pair in pairs if pair not in own)
    return parse_url(raw_path, picture), Described(**values["info"])


def is_of_picture(raw_path: bytes) -> bool:
    """Whether a path is one of the forms that a picture's URL with a prompt has."""
    path = raw_path[extra_slashes(raw_path) :]
    stem, format_ = split_extension(path.decode("latin-1"))
    return path == b"/" or path.startswith(b"/prompt/") or (stem == "/i" and format_ is not None)


def says_nothing(raw_query: bytes) -> bool:
    """Whether a query has no parameter, or only such that others appended."""
    return not any(_pairs(raw_query))


def extra_slashes(raw_path: bytes) -> int:
    """How many slashes too many a path of pictures begins with: a base URL that ends in one makes `//?prompt=…`.

    Other paths are taken as they are: an operator who keeps `/metrics` from strangers has no rule for `//metrics`.
    """
    found = _EXTRA_SLASHES.match(raw_path)
    return len(found[0]) if found else 0


def _request(pairs: Iterable[Pair], format_: str | None) -> Request:
    values, texts = _by_group(pairs, ("generation", "delivery", "control"), format_)
    if "prompt" not in values["generation"]:
        example = "like /?prompt=a+lighthouse&seed=7"
        raise problems.bad_parameter(
            "prompt", "", f"{BY_NAME['prompt'].allowed}, {example}", "the parameter is missing"
        )
    if "aspect_ratio" in values["generation"] and (sides := {"width", "height"} & values["generation"].keys()):
        ratio = values["generation"]["aspect_ratio"]
        raise problems.bad_parameter("aspect_ratio", ratio, f"either aspect_ratio or {min(sides)}", "both are given")
    seed = texts.get("seed")
    return Request(
        Asked(**values["generation"]),
        Delivery(**values["delivery"]),
        Control(**values["control"]),
        word=seed if seed is not None and mistakes.is_word(seed) else None,
    )


def parse_delivery(raw_query: bytes, format_: str | None = None) -> Delivery:
    """What a permalink's query asks for. The path names the picture, so only delivery parameters are allowed."""
    values, _ = _by_group(_pairs(raw_query), ("delivery",), format_)
    return Delivery(**values["delivery"])


def canonical_url(asked: Asked, delivery: Delivery = Delivery()) -> str:
    """The one spelling of a request as a path-absolute URL that survives Markdown, HTML and every renderer."""
    return f"/?{_query({**asked.parameters(), **delivery.parameters()})}"


def address(asked: Asked, delivery: Delivery, face: Face) -> str:
    """The path-absolute URL of a request under one of the faces. All of them show one picture.

    `extension` and `path` end their path in the format's extension, so the format cannot be `auto`. A prompt alone at
    the end of a path would not do: an ending like `.png` would be cut off it, and browsers resolve the prompt `..`.
    """
    if face == "query":
        return canonical_url(asked, delivery)
    extension = formats.BY_NAME[delivery.format].extension
    parameters = {**asked.parameters(), **delivery.parameters()}
    parameters.pop("format", None)
    if face == "extension":
        return f"/i.{extension}?{_query(parameters)}"
    prompt = quote(str(parameters.pop("prompt")), safe="")
    return f"/prompt/{prompt}.{extension}" + (f"?{_query(parameters)}" if parameters else "")


def permalink(content_key: str, delivery: Delivery = Delivery()) -> str:
    """The path-absolute URL of one stored picture, with an extension where the format is not the usual one."""
    parameters = delivery.parameters()
    row = formats.BY_NAME.get(str(parameters.get("format")))
    extension = "" if row is None else f".{row.extension}"
    if extension:
        del parameters["format"]
    return f"/i/{content_key}{extension}" + (f"?{_query(parameters)}" if parameters else "")


def _query(parameters: dict[str, Value]) -> str:
    return urlencode(
        {name: text.number(str(value)) if isinstance(value, float) else value for name, value in parameters.items()}
    )


def _by_group(
    pairs: Iterable[Pair], groups: tuple[Group, ...], format_: str | None
) -> tuple[dict[Group, dict[str, Any]], dict[str, str]]:
    """The values of each group, by name; and the normalised text that each value was read from, by name."""
    values: dict[Group, dict[str, Any]] = {group: {} for group in groups}
    texts: dict[str, str] = {}
    for name, raw_value in pairs:
        row = _row(name, raw_value, groups)
        spelled = _text(row, name, raw_value)
        if not spelled:
            continue
        if row.name in texts:
            raise problems.bad_parameter(name, _shown(raw_value), "one value", "the parameter is given twice")
        texts[row.name] = spelled
        value = _value(row, name, spelled)
        if value is not None:
            values[row.group][row.name] = value
    if format_ is not None and values["delivery"].setdefault("format", format_) != format_:
        other = values["delivery"]["format"]
        raise problems.bad_parameter(
            "format", other, f"{format_}, or leave it out", "the extension in the path names another format"
        )
    return values, texts


def _pairs(raw_query: bytes) -> Iterator[Pair]:
    """Names, and values as they were sent. A fragment is cut, since some servers leave it in the query."""
    for pair in raw_query.partition(b"#")[0].split(b"&"):
        raw_name, _, raw_value = pair.partition(b"=")
        name = _name(raw_name)
        if not name and not raw_value:
            continue
        if not is_ignored(name, raw_value):
            yield name, raw_value


def _name(raw: bytes) -> str:
    """A parameter's name. Where HTML escapes were not decoded, `&amp;` leaves `amp;` before it, once or more often."""
    try:
        return _ESCAPED_AMPERSANDS.sub("", _decoded(raw), count=1)
    except UnicodeDecodeError:
        raise problems.bad_parameter(_shown(raw), "", "names in UTF-8", "not UTF-8") from None


def _row(name: str, raw_value: bytes, groups: tuple[Group, ...]) -> Parameter:
    row = BY_NAME.get(name) or (_OF_INFO.get(name) if "info" in groups else None)
    if row is not None and row.group in groups:
        return row
    names = [each for each, row in BY_NAME.items() if row.group in groups]
    close = _closest(name[:50].lower(), names)
    hint = f"unknown parameter (did you mean {close}?)" if close else "unknown parameter"
    raise problems.bad_parameter(_printable(name), _shown(raw_value), ", ".join(names), hint)


def _closest(name: str, names: list[str]) -> str | None:
    """The only parameter that begins with `name` or contains it, else the one with the most similar spelling."""
    for found in (
        [one for one in names if one.startswith(name)],
        [one for one in names if len(name) > 2 and name in one],
    ):
        if len(found) == 1:
            return found[0]
    return next(iter(difflib.get_close_matches(name, names, n=1)), None)


def _text(row: Parameter, name: str, raw: bytes) -> str:
    try:
        return text.normalised(_decoded(raw))
    except UnicodeDecodeError:
        what = "not UTF-8 after percent-decoding; a per cent sign that is followed by two hex digits is written %25"
        raise problems.bad_parameter(name, _shown(raw), "percent-encoded UTF-8", what) from None
    except ValueError as wrong:
        raise problems.bad_parameter(name, _shown(raw), row.allowed, str(wrong)) from None


def _value(row: Parameter, name: str, spelled: str) -> Value | None:
    try:
        return row.read(spelled)
    except ValueError as wrong:
        raise problems.bad_parameter(name, _printable(spelled), row.allowed, str(wrong)) from None


def _decoded(raw: bytes) -> str:
    """Percent-decoded once. A malformed escape is a literal `%`: renderers send both `100%` and `100%25`."""
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8", "strict")


def _shown(raw: bytes) -> str:
    return _printable(unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8", "backslashreplace"))


def _printable(text: str) -> str:
    """`text` with control characters and the like escaped, so that it does no harm in an error."""
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)
