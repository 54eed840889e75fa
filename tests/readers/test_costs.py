"""What it costs to read what somebody sends: a header field no more than a bounded one, a parameter in linear time.

Only ratios are asserted: CPU time of this thread, the best of several tries, the short and the long text in turn.
"""

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import thread_time
from typing import Any

import httpx2
import pytest
from starlette.datastructures import Headers

from promptcdn import problems
from promptcdn.faces.app import create_app
from promptcdn.guard.authorisation import is_operator
from promptcdn.guard.denylist import DenyList
from promptcdn.readers import audience as room
from promptcdn.readers import framing
from promptcdn.readers.audience import Audience, audience, is_decided_by_vary, joined
from promptcdn.readers.clients import TrustedProxies, client
from promptcdn.readers.conditions import Condition
from promptcdn.readers.negotiation import picture_format, wants_picture
from promptcdn.settings import load
from promptcdn.url import text
from promptcdn.url.parameters import BY_NAME
from promptcdn.url.parse import parse_url
from promptcdn.wiring import opened

SHORT, LONG = 6_000, 48_000
TRIES = 3
# Seconds: below this nothing is worth a ratio.
SLACK = 0.0003

TRUSTED = TrustedProxies.parse("127.0.0.1")
KEY = "0" * 64
Reader = Callable[[str], object]
ASKERS = ("user-agent", "via", "purpose", "sec-purpose", "x-moz", "x-purpose", "sec-fetch-dest", "sec-fetch-mode")


def asked_by(name: str, value: str) -> tuple[Audience, bool]:
    lines = ((name, value), ("accept", "image/*"))
    return audience(joined(lines)), is_decided_by_vary(lines)


FIELDS: dict[str, Reader] = {
    "accept": lambda value: (
        audience({"accept": value, "user-agent": "mozilla/"}),
        picture_format(value, Audience.IMG),
        wants_picture(value, Audience.IMG),
    ),
    "authorization": lambda value: (is_operator(value, "canary-token"), is_operator(f"Bearer {value}", "canary-token")),
    "forwarded": lambda value: (
        client("127.0.0.1", [value], [], TRUSTED),
        client("127.0.0.1", value.split(";"), [], TRUSTED),
    ),
    "host": lambda value: framing.objection("1.1", [(b"host", value.encode())]),
    "if-modified-since": lambda value: Condition.parse([], value),
    "if-none-match": lambda value: (Condition.parse([value]).tag_of(KEY), Condition.parse(value.split(" "))),
    "x-forwarded-for": lambda value: (
        client("127.0.0.1", [], [value], TRUSTED),
        client("127.0.0.1", [], value.split(";"), TRUSTED),
    ),
    **{name: partial(asked_by, name) for name in ASKERS},
}

PIECES = (
    *(
        "a",
        ",",
        "a,",
        '"',
        '",',
        'W/"",',
        '"\\',
        "\\",
        ";",
        "; ",
        " ",
        "\t",
        "=",
        "a=b;",
        ";q=0.5",
        "a/b;q=1,",
        "[",
        ":",
    ),
    *("1", "-", ".", "127.0.0.1,", "for=127.0.0.1,", 'for="[::1]",', "for=a;", "for=", "bot", "pre", "camo", "Mon, "),
    *("99 ", "1:", f'"{KEY[:16]}.{KEY[:16]}",', "image/*,", "image/avif;q=0.1,", "Bearer ", "[::1]:1,", "("),
)
# Of URLs, where most of that means nothing.
RAW_PIECES = (
    *(
        "a",
        "%",
        "%41",
        "%4",
        "+",
        "&",
        "=",
        "amp;",
        "&amp;",
        "v=1&",
        "utm_a&",
        "seed=&",
        "seed=a&",
        "#",
        "0",
        "1",
        "1.",
        ".",
    ),
    *("-", "/", ":", "%20", "%0a", "%e2%80%8b", "%c2%ad", "%cc%80", "%cc%95%cc%80", "a%cc%80%cc%95", "%e0%bd%b3"),
    *("%e1%84%80%e1%85%a1", "%ef%b7%ba", "%f3%a0%81%81", "%f0%9f%8f%b4%f3%a0%81%81", "%f0%9f%8f%b4%ef%b8%8f"),
    *("%f3%a0%81%bf", "%ff", "%00", "prompt", "16:9", ".png", "_", "="),
)


def filled(piece: str, length: int) -> str:
    return piece * (length // len(piece))


def seconds(work: Callable[[], object]) -> float:
    began = thread_time()
    work()
    return thread_time() - began


def ratio(read: Reader, piece: str) -> float:
    """How much longer the long text takes, which is eight times the short one."""
    short, long = filled(piece, SHORT), filled(piece, LONG)
    pairs = [(seconds(lambda: read(short)), seconds(lambda: read(long))) for _ in range(TRIES)]
    return (min(long for _, long in pairs)) / (SLACK + min(short for short, _ in pairs))


def tolerant(read: Reader) -> Reader:
    """What is refused was read all the same."""

    def reading(value: str) -> None:
        with contextlib.suppress(problems.Problem, ValueError):
            read(value)

    return reading


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_of_48_kb_costs_no_more_than_one_of_6(name: str) -> None:
    ratios = {piece: ratio(FIELDS[name], piece) for piece in PIECES}

    assert {piece: found for piece, found in ratios.items() if found > 2} == {}


@pytest.mark.parametrize("name", ["", *BY_NAME])
def test_a_parameter_is_read_in_linear_time(name: str) -> None:
    read = tolerant(lambda value: parse_url(b"/", f"{name}={value}".removeprefix("=").encode()))
    ratios = {piece: ratio(read, piece) for piece in RAW_PIECES}

    assert {piece: found for piece, found in ratios.items() if found > 16} == {}


@pytest.mark.parametrize("query", ["", "seed", "width", "model", "token"])
def test_a_url_in_path_style_is_read_in_linear_time(query: str) -> None:
    def read(value: str) -> object:
        path, said = (value, "") if not query else ("a", f"{query}={value}")
        return parse_url(b"/prompt/" + path.encode(), said.encode())

    ratios = {piece: ratio(tolerant(read), piece) for piece in RAW_PIECES}

    assert {piece: found for piece, found in ratios.items() if found > 16} == {}


@pytest.mark.parametrize(
    "piece",
    ["a", "a ", "a.", "nude ", "n u d e ", "nuuude", "\u0300", "\u0315\u0300", "é", "灯", "1 ", "!", "$a", "\u0430 "],
)
def test_a_prompt_is_judged_in_linear_time(piece: str) -> None:
    rules = DenyList.parse("a bad word\nnudes\n/(a|b)+c$/")

    assert ratio(rules.denied, piece) < 16


def test_text_that_decomposes_is_normalised_in_linear_time() -> None:
    assert ratio(tolerant(text.normalised), "\u0344\u0315\u0323") < 16


@pytest.mark.anyio
async def test_every_field_that_is_read_is_measured_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names that anybody asks a request's headers for, over a request of every kind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROMPTCDN_SIZE", "256x256")
    monkeypatch.setenv("PROMPTCDN_ADMIN_TOKEN", "canary-of-the-operator")
    read = set[str]()

    class Noting(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            read.add(name)
            return super().get(name, default)

    monkeypatch.setattr(room, "joined", lambda lines: Noting(joined(lines)))
    for method in ("__getitem__", "getlist", "__contains__"):
        watch(monkeypatch, method, read)

    service = opened(load())
    await service.start()
    transport = httpx2.ASGITransport(create_app(service))
    async with httpx2.AsyncClient(transport=transport, base_url="http://promptcdn") as http:
        for url in ("/?prompt=a&seed=1", "/?prompt=a&seed=1&format=auto", "/?sede=7", "/info?prompt=a", "/metrics"):
            for head in ({}, {"accept": "image/*"}, {"user-agent": "go-camo"}, {"user-agent": "mozilla/5"}):
                await http.get(url, headers=head)
        for method, url in (("HEAD", "/?prompt=b&seed=1"), ("DELETE", f"/i/{KEY}"), ("OPTIONS", "/"), ("PUT", "/")):
            await http.request(method, url)
    await service.close()

    assert {"accept", "authorization", "user-agent", "x-forwarded-for"} <= read
    assert read - FIELDS.keys() == set()


def watch(monkeypatch: pytest.MonkeyPatch, method: str, read: set[str]) -> None:
    """Notes the names that are asked for by the service, and not by the framework for its own answers."""
    inner = getattr(Headers, method)

    def asked(headers: Headers, name: str) -> Any:
        if type(headers) is Headers:
            read.add(name.lower())
        return inner(headers, name)

    monkeypatch.setattr(Headers, method, asked)
