"""Seeds that are not written as numbers: of words, of calendar periods, and the pool behind a URL without a seed.

Each kind is the first four bytes of a SHA-256 with a prefix of its own, so that `seed=2026-11-23` and `seed=day` on
that day are two pictures. Golden vectors freeze all of this, since it decides which picture a URL shows.
"""

import hashlib

SEED_MAX = 2**32 - 1


def of_word(word: str) -> int:
    """The seed of a word, which is normalised and case-sensitive."""
    return _hashed("word", word.encode())


def of_period(name: str) -> int:
    """The seed of a calendar period by its name alone, so that all requests within the period share it."""
    return _hashed("calendar", name.encode())


def pool(form: bytes, variants: int) -> tuple[int, ...]:
    """The seeds that a seedless request draws from; `form` is its as-asked form without a seed.

    A longer pool begins with the shorter one, so that more variants keep the old pictures.
    """
    return tuple(_hashed(f"pool {index}", form) for index in range(variants))


def _hashed(prefix: str, data: bytes) -> int:
    digest = hashlib.sha256(f"promptcdn seed {prefix}\n".encode() + data).digest()
    return int.from_bytes(digest[:4], "big")
