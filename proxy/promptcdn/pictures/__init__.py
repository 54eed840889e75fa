"""Work on picture files: decode, clean, encode. It blocks and takes time; callers give it a thread of its own."""

from promptcdn.pictures.encoding import ENCODERS, encoded, fitted, restored
from promptcdn.pictures.files import decoded, master

__all__ = ["ENCODERS", "decoded", "encoded", "fitted", "master", "restored"]
