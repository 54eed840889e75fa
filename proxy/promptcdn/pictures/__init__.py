"""Deeds on picture files: decode, clean, encode, draw notices. Blocking; callers give them a thread of their own."""

from promptcdn.pictures.encoding import ENCODERS, MEDIA_TYPES, encoded
from promptcdn.pictures.files import master, restored, seen

__all__ = ["ENCODERS", "MEDIA_TYPES", "encoded", "master", "restored", "seen"]
