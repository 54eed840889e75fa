"""URL → parameters. The raw query is read here: a framework's parser replaces bad bytes silently.

Part of the promise of every key: the grammar may become wider, never narrower. Its version is the keys' version, and
the pinned Unicode version belongs to it.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote_to_bytes, urlencode

from promptcdn import problems
from promptcdn.url import formats, text
from promptcdn.url.dialects import Pair, translated
from promptcdn.url.formats import split_extension
from promptcdn.url.parameters import BY_NAME, Group, Parameter
from promptcdn.url.request import Asked, Control, Delivery, Request, Value

URL_MAX = 8192

# `?v=2` is how people make an image proxy look again; the others are added by whoever counts visits.
_IGNORED = ("v", "fbclid", "gclid")
_IGNORED_PREFIX = "utm_"
_ESCAPED_AMPERSANDS = re.compile("(?:amp;)*")


def parse(raw_query: bytes, format_: str | None = None) -> Request:
    """What a picture's URL says; `format_` is what its path's extension says.

    Raises `Problem` (400) that names the parameter, the value and what is allowed.
    """
    return _request(_pairs(raw_query), format_)


def parse_path(raw_prompt: bytes, raw_query: bytes) -> Request:
    """What `/prompt/{prompt}[.ext]?…` says: a plus is a plus in a path, and other APIs' habits are understood."""
    stem, format_ = split_extension(raw_prompt.partition(b"#")[0].decode("latin-1"))
    notes: list[str] = []
    prompt = ("prompt", stem.encode("latin-1").replace(b"+", b"%2B"))
    request = _request([prompt, *translated(_pairs(raw_query), notes)], format_)
    return replace(request, nearest=True, notes=tuple(notes))


def parse_url(raw_path: bytes, raw_query: bytes) -> Request:
    """What a whole URL says, under whichever face it is written."""
    before, is_path_style, raw_prompt = raw_path.partition(b"/prompt/")
    if is_path_style and before in (b"", b"/info"):
        return parse_path(raw_prompt, raw_query)
    return parse(raw_query, split_extension(raw_path.decode("latin-1"))[1])


def _request(pairs: Iterable[Pair], format_: str | None) -> Request:
    said = _said(pairs, ("generation", "delivery", "control"), format_)
    if "prompt" not in said["generation"]:
        example = "like /?prompt=a+lighthouse&seed=7"
        raise problems.bad_parameter("prompt", "", f"{BY_NAME['prompt'].allowed}, {example}", "it is missing")
    if "aspect_ratio" in said["generation"] and (sides := {"width", "height"} & said["generation"].keys()):
        ratio = said["generation"]["aspect_ratio"]
        raise problems.bad_parameter("aspect_ratio", ratio, f"either this or {min(sides)}", "both are given")
    return Request(Asked(**said["generation"]), Delivery(**said["delivery"]), Control(**said["control"]))


def parse_delivery(raw_query: bytes, format_: str | None = None) -> Delivery:
    """What a permalink's URL says: it names the picture itself, only its delivery is left to ask for."""
    return Delivery(**_said(_pairs(raw_query), ("delivery",), format_)["delivery"])


def require_built(*groups: Asked | Control) -> None:
    """Raises `Problem` (400) for what the grammar reads and this service does not make yet."""
    for name, value in ((name, value) for group in groups for name, value in vars(group).items()):
        if value is not None and not BY_NAME[name].built:
            raise problems.not_available(name, str(value))


def canonical_url(asked: Asked, delivery: Delivery = Delivery()) -> str:
    """The one spelling of a request as a path-absolute URL that survives Markdown, HTML and every renderer."""
    return f"/?{_query({**asked.parameters(), **delivery.parameters()})}"


def permalink(content_key: str, delivery: Delivery = Delivery()) -> str:
    """The path-absolute URL of one stored picture, with an extension where the format is not the usual one."""
    said = delivery.parameters()
    row = formats.BY_NAME.get(str(said.get("format")))
    extension = "" if row is None else f".{row.extension}"
    if extension:
        del said["format"]
    return f"/i/{content_key}{extension}" + (f"?{_query(said)}" if said else "")


def _query(said: dict[str, Value]) -> str:
    return urlencode(
        {name: text.number(str(value)) if isinstance(value, float) else value for name, value in said.items()}
    )


def _said(pairs: Iterable[Pair], groups: tuple[Group, ...], format_: str | None = None) -> dict[Group, dict[str, Any]]:
    said: dict[Group, dict[str, Any]] = {group: {} for group in groups}
    seen: set[str] = set()
    for name, raw_value in pairs:
        row = _row(name, raw_value, groups)
        spelled = _text(row, name, raw_value)
        if not spelled:
            continue
        if row.name in seen:
            raise problems.bad_parameter(name, _shown(raw_value), "once", "it is given twice")
        seen.add(row.name)
        value = _value(row, name, spelled)
        if value is not None:
            said[row.group][row.name] = value
    if format_ is not None and said["delivery"].setdefault("format", format_) != format_:
        other = said["delivery"]["format"]
        raise problems.bad_parameter("format", other, f"{format_} or none", "the path's extension says otherwise")
    return said


def _pairs(raw_query: bytes) -> Iterator[Pair]:
    """Names, and values still raw. A fragment is cut: some servers leave it in the query."""
    for pair in raw_query.partition(b"#")[0].split(b"&"):
        raw_name, _, raw_value = pair.partition(b"=")
        name = _name(raw_name)
        if not name and not raw_value:
            continue
        if name not in _IGNORED and not name.startswith(_IGNORED_PREFIX):
            yield name, raw_value


def _name(raw: bytes) -> str:
    """A parameter's name. `&amp;` in a URL that nobody decoded leaves `amp;` before it, once or more."""
    try:
        return _ESCAPED_AMPERSANDS.sub("", _decoded(raw), count=1)
    except UnicodeDecodeError:
        raise problems.bad_parameter(_shown(raw), "", "names in UTF-8", "not UTF-8") from None


def _row(name: str, raw_value: bytes, groups: tuple[Group, ...]) -> Parameter:
    row = BY_NAME.get(name)
    if row is not None and row.group in groups:
        return row
    known = [known for known, row in BY_NAME.items() if row.group in groups and row.built]
    close = _meant(name[:50].lower(), known)
    hint = f"unknown parameter (did you mean {close}?)" if close else "unknown parameter"
    raise problems.bad_parameter(_printable(name), _shown(raw_value), ", ".join(known), hint)


def _meant(name: str, known: list[str]) -> str | None:
    """The one parameter that begins with `name` or has it in it, else the one spelled most like it."""
    for found in (
        [one for one in known if one.startswith(name)],
        [one for one in known if len(name) > 2 and name in one],
    ):
        if len(found) == 1:
            return found[0]
    return next(iter(difflib.get_close_matches(name, known, n=1)), None)


def _text(row: Parameter, name: str, raw: bytes) -> str:
    try:
        return text.normalised(_decoded(raw))
    except UnicodeDecodeError:
        raise problems.bad_parameter(name, _shown(raw), "percent-encoded UTF-8", "not UTF-8") from None
    except ValueError as wrong:
        raise problems.bad_parameter(name, _shown(raw), row.allowed, str(wrong)) from None


def _value(row: Parameter, name: str, spelled: str) -> Value | None:
    try:
        return row.read(spelled)
    except ValueError as wrong:
        raise problems.bad_parameter(name, _printable(spelled), row.allowed, str(wrong)) from None


def _decoded(raw: bytes) -> str:
    """Percent-decoded once; a malformed escape is a literal `%`, since renderers send `100%` both ways."""
    return unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8", "strict")


def _shown(raw: bytes) -> str:
    return _printable(unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8", "backslashreplace"))


def _printable(text: str) -> str:
    """`text` escaped so that it can stand in an error without doing harm."""
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)
