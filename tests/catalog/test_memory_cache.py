"""Memory is weighed in bytes, and what nobody asked for goes first."""

import hashlib
import tracemalloc

from promptcdn.catalog.memory_cache import OVERHEAD, Memory
from promptcdn.readers.cache_policies import Outcome
from promptcdn.readers.rendition import Rendition

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def rendition(key: str, size: int = 1000) -> Rendition:
    return Rendition(key, b"x" * size, "image/webp", 0)


def test_what_was_put_in_is_found_by_key_and_format() -> None:
    memory = Memory(10_000)
    memory.put("webp", rendition(A))

    assert memory.get(A, "webp") == rendition(A)
    assert memory.get(A, "png") is None
    assert memory.get(B, "webp") is None


def test_the_overhead_is_weighed_too() -> None:
    memory = Memory(10_000)
    memory.put("webp", rendition(A, 1000))
    memory.put("png", rendition(A, 2000))

    assert memory.bytes == 3000 + 2 * OVERHEAD


def test_the_same_picture_twice_is_weighed_once() -> None:
    memory = Memory(10_000)
    memory.put("webp", rendition(A))
    memory.put("webp", rendition(A))

    assert memory.bytes == 1000 + OVERHEAD


def test_the_least_recently_used_makes_room() -> None:
    memory = Memory(2 * (1000 + OVERHEAD))
    memory.put("webp", rendition(A))
    memory.put("webp", rendition(B))
    memory.get(A, "webp")
    memory.put("webp", rendition(C))

    assert [key for key in (A, B, C) if memory.get(key, "webp")] == [A, C]


def test_it_never_holds_more_than_it_may() -> None:
    memory = Memory(50_000)
    for number in range(500):
        memory.put("webp", rendition(f"{number:064x}", number * 37 % 9000))
        assert memory.bytes <= 50_000

    assert memory.bytes > 40_000


def test_what_is_larger_than_the_memory_throws_nothing_out() -> None:
    """What is larger than the memory is refused and throws nothing out."""
    memory = Memory(5000)
    memory.put("webp", rendition(A))
    memory.put("webp", rendition(B, 5000 - OVERHEAD + 1))

    assert memory.get(A, "webp") == rendition(A)
    assert memory.get(B, "webp") is None


def test_what_just_fits_is_kept() -> None:
    memory = Memory(5000)
    memory.put("webp", rendition(A, 5000 - OVERHEAD))

    assert memory.bytes == 5000


def test_a_memory_of_size_zero_remembers_nothing() -> None:
    memory = Memory(0)
    memory.put("webp", rendition(A, 0))

    assert memory.get(A, "webp") is None
    assert memory.bytes == 0


def test_a_look_at_one_picture_keeps_the_order_of_the_others() -> None:
    """A look at what is held of one picture keeps the order of all others."""
    memory = Memory(3 * (1000 + OVERHEAD))
    for key in (A, B, C):
        memory.put("webp", rendition(key))
    memory.get(A, "webp")

    assert memory.held(C) == {"webp": rendition(C)}
    memory.put("webp", rendition("d" * 64))

    assert memory.get(B, "webp") is None
    assert memory.get(A, "webp") == rendition(A)


def test_what_left_memory_is_not_held() -> None:
    memory = Memory(2 * (1000 + OVERHEAD))
    for variant in ("webp", "png", "jpeg"):
        memory.put(variant, rendition(A))

    assert set(memory.held(A)) == {"png", "jpeg"}
    memory.drop(A)
    assert memory.held(A) == {}
    assert memory.bytes == 0


def test_no_entry_takes_more_than_it_weighs() -> None:
    """Free sizes are kept in memory only: anybody can fill it with small pictures, and ask for each of them again."""
    memory, count = Memory(10**9), 2000
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(count):
            key, variant = hashlib.sha256(b"%d" % number).hexdigest(), f"{number % 2048}x{number}.cut.q50.webp"
            memory.put(variant, Rendition(key, b"%0400d" % number, "image/webp", number, picture=key[::-1]))
            entry = memory.entry(key, variant)
            assert entry is not None
            for outcome in (Outcome.SEEDED, Outcome.SEEDLESS):
                entry.head(outcome)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()

    assert taken <= memory.bytes == count * (400 + OVERHEAD)
