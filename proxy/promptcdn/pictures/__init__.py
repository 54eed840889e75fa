"""Work on picture files: decode, clean, encode. It blocks and takes time; callers give it a thread of its own."""

from promptcdn.pictures.encoding import ENCODERS, encoded, fitted, restored
from promptcdn.pictures.files import decoded, master
from promptcdn.pictures.sources import as_init, as_mask, negative

__all__ = ["ENCODERS", "as_init", "as_mask", "decoded", "encoded", "fitted", "master", "negative", "restored"]
