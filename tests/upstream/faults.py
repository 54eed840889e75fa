"""Faults by name: what a call may meet instead of its picture."""

import re
from dataclasses import dataclass
from typing import Self

import grpc

# Refused before any work: a real service charges nothing, so the ledger has no line.
REFUSALS = {
    "unavailable": (grpc.StatusCode.UNAVAILABLE, "no healthy upstream"),
    "resource_exhausted": (grpc.StatusCode.RESOURCE_EXHAUSTED, "your organization is out of credits"),
    "unauthenticated": (grpc.StatusCode.UNAUTHENTICATED, "Incorrect API key provided: sk-canary"),
    "permission_denied": (grpc.StatusCode.PERMISSION_DENIED, "no right to this engine"),
    "not_found": (grpc.StatusCode.NOT_FOUND, "Engine not found"),
    "invalid_argument": (grpc.StatusCode.INVALID_ARGUMENT, "Must provide image parameters."),
    "invalid_prompt": (grpc.StatusCode.INVALID_ARGUMENT, "Invalid prompts detected"),
    "unimplemented": (grpc.StatusCode.UNIMPLEMENTED, "not supported"),
}
# Broken off after the work began: charged.
BREAKS = {
    "internal": (grpc.StatusCode.INTERNAL, "Something went wrong"),
    "unknown": (grpc.StatusCode.UNKNOWN, "Unexpected <class 'KeyError'>"),
    "aborted": (grpc.StatusCode.ABORTED, "aborted"),
    "reset": (grpc.StatusCode.UNAVAILABLE, "Connection reset by peer"),
}
OTHERS = (
    *("slow", "hang", "hang_mid", "keepalive", "empty", "no_picture", "truncated", "html", "wrong_size", "wrong_seed"),
    *("filter", "filter_text", "error", "seed_zero_echo", "big", "bomb", "never_closes", "two", "classifier", "null"),
)
_IN_A_PROMPT = re.compile(r"fault:([a-z_]+(?:=[0-9.]+)?)")


@dataclass(frozen=True)
class Faults:
    """The faults of one call."""

    arguments: dict[str, float]

    @classmethod
    def parse(cls, *texts: str) -> Self:
        """`slow=2` and the like. A name that is none is an error in the test."""
        pairs = (text.partition("=") for text in texts)
        arguments = {name: float(argument or 0) for name, _, argument in pairs}
        if strange := arguments.keys() - {*REFUSALS, *BREAKS, *OTHERS}:
            raise ValueError(f"no such fault: {strange}")
        return cls(arguments)

    @classmethod
    def in_prompt(cls, text: str) -> Self:
        return cls.parse(*_IN_A_PROMPT.findall(text))

    def __contains__(self, name: str) -> bool:
        return name in self.arguments

    def __getitem__(self, name: str) -> float:
        return self.arguments[name]

    def one_of(self, table: dict[str, tuple[grpc.StatusCode, str]]) -> tuple[grpc.StatusCode, str] | None:
        return next((status for name, status in table.items() if name in self), None)
