"""The people of a chat as clients: each has the client rate of their own, and none of their names is kept."""

import hmac
from dataclasses import dataclass

from promptcdn.readers.clients import Client

# Hex digits of the hash that stands for a person.
_DIGITS = 32


@dataclass(frozen=True)
class Member(Client):
    """A client who is known by the hash of what a chat calls them, wherever the chat's servers call from."""

    name: str = ""

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name


def member(chat: str, secret: str, *ids: str) -> Member:
    """The client that a person of a chat is, by the ids that the chat has for them.

    It is a keyed hash (RFC 2104): `secret` is the app's own, so that nobody who reads the counters can find out whose
    they are by trying all ids.
    """
    named = "\n".join(ids).encode()
    return Member(None, name=f"{chat} {hmac.digest(secret.encode(), named, 'sha256').hex()[:_DIGITS]}")
