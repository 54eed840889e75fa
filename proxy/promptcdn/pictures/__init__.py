"""Work on picture files: decode, clean, encode. It blocks and takes time; callers give it a thread of its own."""

from promptcdn.pictures.encoding import ENCODERS, encoded, restored
from promptcdn.pictures.files import Pixels, decoded, master, seen

__all__ = ["ENCODERS", "Pixels", "decoded", "encoded", "master", "restored", "seen"]
