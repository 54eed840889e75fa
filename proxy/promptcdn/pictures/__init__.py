"""Work on picture files: decode, clean, encode. It blocks and takes time; callers give it a thread of its own."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptcdn.pictures.encoding import ENCODERS, encoded, fitted, restored
    from promptcdn.pictures.files import Pixels, Seen, decoded, master, seen, source_type
    from promptcdn.pictures.sources import as_init, as_mask, negative

__all__ = [
    "ENCODERS",
    "Pixels",
    "Seen",
    "as_init",
    "as_mask",
    "decoded",
    "encoded",
    "fitted",
    "master",
    "negative",
    "restored",
    "seen",
    "source_type",
]


def __getattr__(name: str) -> Any:
    """A name of `__all__`, at its first use: Pillow is imported with it, and a start can do without."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from promptcdn.pictures import encoding, files, sources

    module = next(module for module in (encoding, files, sources) if hasattr(module, name))
    found = globals()[name] = getattr(module, name)
    return found
