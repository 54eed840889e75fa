"""The fast path by itself: what it remembers, for how long, and how much of it."""

from collections.abc import Callable
from typing import Any

import pytest

from promptcdn.catalog.memory_cache import Memory
from promptcdn.faces.responses import Note
from promptcdn.readers import prepared
from promptcdn.readers.answers import Answer
from promptcdn.readers.cache_policies import Outcome
from promptcdn.readers.rendition import CacheStatus, Rendition
from promptcdn.readers.response_headers import Addresses, picture_headers
from promptcdn.server.fastpath import FastPath
from promptcdn.server.remembered import ALIASES_MAX

KEY, OTHER = "a" * 64, "b" * 64
FIELDS = [(b"host", b"h"), (b"user-agent", b"curl/8"), (b"accept", b"*/*")]


class Stage:
    """A fast path before an application that answers with the pictures of `memory`."""

    def __init__(self, variants: int = 2) -> None:
        self.memory = Memory(1_000_000)
        self.removed: set[str] = set()
        self.asked = 0
        self.during: Callable[[], object] = lambda: None
        self.answers = {b"/?prompt=a&seed=1": (KEY, Outcome.SEEDED)}
        self.last_shown: dict[str, int] = {}
        self.fast = FastPath(self.app, self.memory, self.removed.__contains__, variants, self.last_shown)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        del receive, send
        self.asked += 1
        found = self.answers.get(scope["raw_path"] + b"?" + scope["query_string"])
        if found is None:
            return
        key, outcome = found
        rendition = Rendition(key, key.encode(), "image/webp", 0)
        self.memory.put("webp", rendition)
        self.during()
        seed = 7 if key == KEY else 8
        answer = Answer(rendition, outcome, CacheStatus("memory"), "webp", seed=seed, pool="c" * 64)
        if outcome is Outcome.SEEDLESS:
            self.last_shown["c" * 64] = seed
        headers = picture_headers(rendition, outcome, answer.status, Addresses(None, f"/i/{key}"), 0)
        scope["promptcdn.note"] = Note(alias=prepared.alias(answer, headers, negotiated=False))

    async def get(self, target: bytes = b"/?prompt=a&seed=1") -> bytes | None:
        """The body, if the fast path answered."""
        path, _, query = target.partition(b"?")
        scope = {"type": "http", "method": "GET", "raw_path": path, "query_string": query, "headers": FIELDS}
        bodies: list[bytes] = []

        async def send(message: Any) -> None:
            bodies.append(message.get("body", b""))

        await self.fast(scope, self.get, send)  # type: ignore[arg-type]
        return bodies[-1] if bodies else None


pytestmark = pytest.mark.anyio


async def test_the_second_request_is_not_the_applications() -> None:
    stage = Stage()

    assert [await stage.get() for _ in range(3)] == [None, KEY.encode(), KEY.encode()]
    assert stage.asked == 1


async def test_a_removal_forgets_every_url() -> None:
    stage = Stage()
    await stage.get()
    stage.memory.drop(OTHER)

    assert await stage.get() is None
    assert await stage.get() == KEY.encode()


async def test_what_was_answered_during_a_removal_is_not_remembered() -> None:
    """1: a request finds its binding. 2: the URL is bound anew. 3: the old picture is answered once, and no more."""
    stage = Stage()
    stage.during = lambda: stage.memory.drop(OTHER)
    await stage.get()

    assert await stage.get() is None


async def test_a_picture_taken_down_is_not_shown_though_memory_has_it() -> None:
    stage = Stage()
    await stage.get()
    stage.removed.add(KEY)

    assert await stage.get() is None


async def test_what_the_store_does_not_have_goes_the_long_way() -> None:
    stage = Stage()
    await stage.get()
    stage.memory.put("webp", Rendition(KEY, b"unstored", "image/webp", 0, stored=False))

    assert await stage.get() is None


async def test_views_are_drawn_once_all_pictures_were_shown() -> None:
    stage, target = Stage(), b"/?prompt=a"
    stage.answers[target] = KEY, Outcome.SEEDLESS
    assert [await stage.get(target) for _ in range(3)] == [None] * 3
    stage.answers[target] = OTHER, Outcome.SEEDLESS
    assert await stage.get(target) is None

    shown = [await stage.get(target) for _ in range(6)]

    assert shown == [KEY.encode(), OTHER.encode()] * 3, "the last one is not shown again"


async def test_urls_without_end_take_bounded_memory() -> None:
    """Anybody can spell one picture's URL in endless ways, up to 4 kB long."""
    stage = Stage()
    for number in range(6000):
        target = b"/?prompt=a&seed=1&v=%d" % number + b"x" * 3900
        stage.answers[target] = KEY, Outcome.SEEDED
        await stage.get(target)
    remembered = stage.fast._urls

    assert remembered.size <= ALIASES_MAX
    assert len(remembered) < 4000
    assert await stage.get(target) == KEY.encode()


async def test_a_url_that_is_too_long_is_not_remembered() -> None:
    stage, target = Stage(), b"/?prompt=" + b"a" * 5000
    stage.answers[target] = KEY, Outcome.SEEDED
    await stage.get(target)

    assert await stage.get(target) is None
