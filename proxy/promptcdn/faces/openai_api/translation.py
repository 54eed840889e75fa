"""What a body of OpenAI's images API asks for, as a request of ours.

Members that OpenAI's API has and this service has no use for are ignored by name, and so are unknown ones. The
parameters of URLs are members too: `seed`, `negative_prompt`, `steps`, `init` and all others of the picture itself.
Clients that send no member of their own put parameters behind the model's name: `NAME#seed=7&steps=20`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote_plus, unquote_plus

from promptcdn import problems
from promptcdn.faces.openai_api.errors import ApiProblem
from promptcdn.problems import Problem
from promptcdn.url import formats, text
from promptcdn.url.dialects import sides
from promptcdn.url.parameters import BY_NAME, PROMPT_MAX
from promptcdn.url.parameters.values import Whole
from promptcdn.url.parse import parse
from promptcdn.url.request import Request

Members = Mapping[str, object]

COUNT_MAX = 10
RESPONSE_FORMATS = ("url", "b64_json")
# What `output_format` may be, and the format that it is; without one it is OpenAI's usual one.
OUTPUT_FORMATS = {name: row.name for row in formats.FORMATS for name in (row.name, row.extension)}
_USUAL_FORMAT = "png"
# The number of steps for each quality; `None`: that of a URL which says none.
QUALITIES = {
    "auto": None,
    "standard": None,
    "medium": None,
    "low": 15,
    "high": 50,
    "hd": 50,
    "xhigh": 75,
    "max": 100,
}
# Models that OpenAI had or has: scripts and programs have their names built in, and mean the default by them.
_OPENAIS = ("dall-e-", "gpt-image-", "chatgpt-image-")
_SHAPES = {"width", "height", "aspect_ratio"}
_OWN = {"prompt", "model", "n", "size", "quality", "response_format", "output_format", "output_compression", "stream"}
_OF_THE_PICTURE = {name for name, row in BY_NAME.items() if row.group == "generation"} - _OWN
_SIZE = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")
# A permalink in any form, or the key alone.
_STORED = re.compile(r"(?:\S{0,500}/i/)?([0-9a-f]{64})(?:\.[a-z]{3,4})?(?:[?#]\S{0,500})?")
_NAMED_MOST = 20


@dataclass(frozen=True)
class Wanted:
    """What a body asks for: `count` pictures of one request, which takes the nearest of what is not offered.

    `size` and `quality` are as asked, and `auto` where nothing was. `forms` are some of `RESPONSE_FORMATS`. `notes`
    are sentences about what was ignored or changed.
    """

    request: Request
    count: int
    size: str
    quality: str
    forms: tuple[str, ...]
    notes: tuple[str, ...]


def wanted(members: Members) -> Wanted:
    """What the body of a request for new pictures asks for. Raises `Problem` (400) that names the member."""
    texts = dict(_texts(members))
    if texts.get("stream") == "true":
        raise problems.bad_parameter("stream", "true", "false", "the pictures come in one answer, when all are made")
    if not texts.get("prompt", "").strip():
        raise problems.bad_parameter("prompt", "", BY_NAME["prompt"].allowed, "the prompt is missing")
    forms = (_one_of(texts, "response_format", RESPONSE_FORMATS),) if "response_format" in texts else RESPONSE_FORMATS
    size = _one_of(texts, "size", (), _SIZE, "auto or WIDTHxHEIGHT like 1024x1024", otherwise="auto")
    quality = _one_of(texts, "quality", tuple(QUALITIES), otherwise="auto")
    notes, pairs = list(_ignored(members)), _of_the_picture(texts)
    if size != "auto" and pairs.keys() & _SHAPES:
        notes.append("this service ignores size where width, height or aspect_ratio is given")
        size = "auto"
    pairs = {**_steps(quality), **pairs, **_sides(size), **_seed(pairs, notes), **_delivery(texts, notes)}
    request = replace(_parsed(pairs), nearest=True)
    return Wanted(request, _count(texts), size, quality, forms, tuple(notes))


def edited(members: Members) -> Members:
    """The body of a request for an edit, as one for a new picture: `image` and `mask` name pictures that are stored
    here. Raises `Problem` (400) where they do not."""
    members = {name.removesuffix("[]"): value for name, value in members.items()}
    given = members.get("image", members.get("images"))
    others = {name: value for name, value in members.items() if name not in ("image", "images", "mask")}
    keys = {"init": _stored("image", given)}
    if members.get("mask") not in (None, ""):
        keys["mask"] = _stored("mask", members["mask"])
    return {**others, **keys}


def is_openais(model: str) -> bool:
    """Whether a model is one of OpenAI's own, in whose place the default is used."""
    return model.startswith(_OPENAIS)


def no_such_model(name: str, offered: tuple[str, ...]) -> Problem:
    """The 404 for a model that is not offered."""
    detail = f"the model {_quoted(name)} does not exist here; this service has {', '.join(offered)}"
    return ApiProblem(problems.NOT_FOUND, detail, api_code="model_not_found", parameter="model")


def _texts(members: Members) -> Iterator[tuple[str, str]]:
    """The members that say something, as text. Raises `Problem` (400) for one of ours that is no text or number."""
    for name, value in members.items():
        if name not in _OWN | _OF_THE_PICTURE:
            continue
        if isinstance(value, bool):
            yield name, str(value).lower()
        elif isinstance(value, str | int | float):
            if value != "":
                yield name, str(value)
        elif value is not None:
            allowed = "a text or a number"
            raise problems.bad_parameter(name, type(value).__name__, allowed, "neither a text nor a number")


def _ignored(members: Members) -> Iterator[str]:
    names = sorted(name for name, value in members.items() if name not in _OWN | _OF_THE_PICTURE and value is not None)
    for name in names[:_NAMED_MOST]:
        yield f"this service ignores {_quoted(name)}"
    if len(names) > _NAMED_MOST:
        yield f"this service ignores {len(names) - _NAMED_MOST} more members of the body"


def _one_of(
    texts: Mapping[str, str],
    name: str,
    choices: tuple[str, ...],
    pattern: re.Pattern[str] | None = None,
    allowed: str = "",
    otherwise: str = "",
) -> str:
    value = texts.get(name, otherwise)
    if value == otherwise or value in choices or (pattern and pattern.fullmatch(value)):
        return value
    raise problems.bad_parameter(name, _quoted(value), allowed or ", ".join(choices), "no such value")


def _count(texts: Mapping[str, str]) -> int:
    return _whole(texts, "n", 1, COUNT_MAX, otherwise="1")


def _whole(texts: Mapping[str, str], name: str, least: int, most: int, *, otherwise: str) -> int:
    try:
        return Whole(least, most)(texts.get(name, otherwise).strip())
    except ValueError as wrong:
        raise problems.bad_parameter(name, _quoted(texts[name]), f"{least} to {most}", str(wrong)) from None


def _of_the_picture(texts: Mapping[str, str]) -> dict[str, str]:
    """The parameters that a URL of the picture would have. Raises `Problem` (400) for one that is given twice."""
    name, _, behind = texts.get("model", "").partition("#")
    engine = {"engine": name} if name and name != "default" else {}
    pairs = {"prompt": texts["prompt"], **engine, **{name: texts[name] for name in texts if name in _OF_THE_PICTURE}}
    for each, value in _behind_model(behind):
        if pairs.setdefault(each, value) != value:
            raise problems.bad_parameter(each, _quoted(value), "one value", "the model's name and a member have it")
    return pairs


def _behind_model(query: str) -> Iterator[tuple[str, str]]:
    """The parameters behind a model's name."""
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        if name not in _OF_THE_PICTURE or name == "engine":
            allowed = ", ".join(sorted(_OF_THE_PICTURE - {"engine"}))
            raise problems.bad_parameter("model", _quoted(pair), f"NAME#{allowed}", "no such parameter of a picture")
        yield name, unquote_plus(value)


def _steps(quality: str) -> dict[str, str]:
    steps = QUALITIES[quality]
    return {} if steps is None else {"steps": str(steps)}


def _sides(size: str) -> dict[str, str]:
    """The nearest sides that a URL may ask for; what the engine draws comes later."""
    found = _SIZE.fullmatch(size)
    if found is None:
        return {}
    width, height = int(found[1]), int(found[2])
    factor = sides.scale((width, height))
    return {"width": str(sides.stepped(width * factor)), "height": str(sides.stepped(height * factor))}


def _seed(pairs: Mapping[str, str], notes: list[str]) -> dict[str, str]:
    """Elsewhere `-1` is a random seed."""
    if text.number(pairs.get("seed", "").strip()) != "-1":
        return {}
    notes.append("seed=-1 is taken as no seed")
    return {"seed": ""}


def _delivery(texts: Mapping[str, str], notes: list[str]) -> dict[str, str]:
    name = _one_of(texts, "output_format", tuple(OUTPUT_FORMATS), otherwise=_USUAL_FORMAT)
    row = formats.BY_NAME[OUTPUT_FORMATS[name]]
    compression = _whole(texts, "output_compression", 0, 100, otherwise="100")
    if "output_compression" not in texts:
        return {"format": row.name}
    if row.quality is None:
        notes.append(f"this service ignores output_compression for {row.name}, which keeps every pixel")
        return {"format": row.name}
    return {"format": row.name, "q": str(max(1, compression))}


def _parsed(pairs: Mapping[str, str]) -> Request:
    """The request, by the grammar of URLs: normalised and checked as all others are."""
    query = "&".join(f"{name}={quote_plus(value, errors='surrogatepass')}" for name, value in pairs.items())
    try:
        return parse(query.encode())
    except Problem as problem:
        if problem.parameter == "prompt" and len(pairs["prompt"]) > PROMPT_MAX:
            code = "string_above_max_length"
            raise ApiProblem(problem.kind, problem.detail, api_code=code, parameter="prompt") from None
        raise


def _stored(name: str, value: object) -> str:
    """The content key in a member that names a picture. Raises `Problem` (400) for a picture that is sent itself."""
    if isinstance(value, list | tuple) and len(value) == 1:
        value = value[0]
    if isinstance(value, Mapping):
        value = value.get("image_url")
    if isinstance(value, bytes):
        value = value[:2000].decode("ascii", "replace")
    found = _STORED.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        allowed = "the content key or the permalink of one picture that is stored here, as text"
        what = "no picture is taken in, and no URL is fetched"
        raise problems.bad_parameter(name, "", allowed, what)
    return found[1]


def _quoted(value: str) -> str:
    """A value as an error shows it: of a long one its beginning, and nothing that does harm in a terminal."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in value[:64])
    return shown + "…" * (len(value) > 64)
