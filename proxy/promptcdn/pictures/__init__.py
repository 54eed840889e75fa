"""Work on picture files: decode, clean, encode. It blocks and takes time; callers give it a thread of its own."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptcdn.pictures.encoding import ENCODERS, encoded, fitted, restored
    from promptcdn.pictures.files import Pixels, Seen, decoded, master, seen

__all__ = ["ENCODERS", "Pixels", "Seen", "decoded", "encoded", "fitted", "master", "restored", "seen"]


def __getattr__(name: str) -> Any:
    """A name of `__all__`, at its first use: Pillow is imported with it, and a start can do without."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from promptcdn.pictures import encoding, files

    found = globals()[name] = getattr(encoding if hasattr(encoding, name) else files, name)
    return found
