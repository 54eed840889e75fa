"""Deeds on picture files: decode, clean, encode, draw notices. Blocking; callers give them a thread of their own."""

from promptcdn.pictures.encoding import ENCODERS, encoded, restored
from promptcdn.pictures.files import master, seen

__all__ = ["ENCODERS", "encoded", "master", "restored", "seen"]
