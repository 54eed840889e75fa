"""Faults by name: what a call may meet instead of its picture."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, TypeVar

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

T = TypeVar("T")

# Refused before any work: a real service charges nothing, so the ledger has no line.
REFUSALS = {
    "unavailable": (grpc.StatusCode.UNAVAILABLE, "no healthy upstream"),
    "resource_exhausted": (grpc.StatusCode.RESOURCE_EXHAUSTED, "resource exhausted"),
    "rate_limited": (grpc.StatusCode.RESOURCE_EXHAUSTED, "rate limit exceeded, too many requests"),
    # As users of the hosted service quote it.
    "out_of_credits": (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "Your organization does not have enough balance to request this action (need $0.0033, have $0.0028-canary).",
    ),
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
    "deadline": (grpc.StatusCode.DEADLINE_EXCEEDED, "deadline exceeded"),
}
# What a call may meet besides, by the kind of stand-in that does it. A name with a number takes one: `slow=2`.
OF_EVERY_KIND = (
    *("slow", "hang", "hang_mid", "reset", "html", "empty", "truncated", "wrong_size", "bomb", "noise", "retry_after"),
    *("rate_limited", "unauthenticated", "internal"),
)
OVER_HTTP = ("huge", "redirect")
OF_KIND: Mapping[str, tuple[str, ...]] = {
    "grpc": (
        *(*REFUSALS, *BREAKS, "pushback", "retry_info", "keepalive", "no_picture", "wrong_seed", "filter", "error"),
        *("filter_text", "seed_zero_echo", "big", "never_closes", "two", "classifier", "null"),
    ),
    "rest": (
        *("permission_denied", "invalid_prompt", "invalid_argument", "not_found", "out_of_credits", "unpaid_name"),
        *("public_figure", "language", "too_large", "teapot", "no_name", "bad_gateway", "gateway_timeout"),
        *("unavailable", "filter", "reason_error", "no_headers", "json", "wrong_seed", "seed_zero_echo", "big"),
    ),
    "openai": (
        *("permission_denied", "resource_exhausted", "invalid_prompt", "invalid_argument", "not_found", "overloaded"),
        *("out_of_credits", "unavailable", "deadline", "no_picture", "filter", "wrong_seed", "big"),
        *("url", "elsewhere", "private", "lost"),
    ),
    "huggingface": (
        *("permission_denied", "invalid_argument", "not_found", "overloaded", "no_credits", "unavailable", "deadline"),
        *("loading", "big"),
    ),
    "a1111": (
        *("no_api", "no_route", "no_sampler", "no_sampler_forge", "invalid_argument", "busy", "unavailable"),
        *("no_picture", "no_images", "not_an_object", "data_url", "not_base64"),
        *("wrong_seed", "no_info", "empty_info", "odd_info", "info_object"),
    ),
    "comfyui": (
        *("no_route", "missing_node", "no_id", "stuck", "error", "interrupted", "forgotten", "no_picture", "no_file"),
        *("no_status", "looks_fail", "view_html", "view_huge", "view_down", "view_fails"),
    ),
}
KNOWN = frozenset((*OF_EVERY_KIND, *OVER_HTTP, *(name for names in OF_KIND.values() for name in names)))
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
        if strange := arguments.keys() - KNOWN:
            raise ValueError(f"no such fault: {strange}")
        return cls(arguments)

    @classmethod
    def in_prompt(cls, text: str) -> Self:
        return cls.parse(*_IN_A_PROMPT.findall(text))

    def __contains__(self, name: str) -> bool:
        return name in self.arguments

    def __getitem__(self, name: str) -> float:
        return self.arguments[name]

    def one_of(self, table: Mapping[str, T]) -> T | None:
        """The first row of `table` whose name is one of these faults."""
        return next((row for name, row in table.items() if name in self), None)

    def trailing(self) -> tuple[tuple[str, str | bytes], ...]:
        """The metadata behind a refusal."""
        said: list[tuple[str, str | bytes]] = []
        if "pushback" in self:
            said.append(("grpc-retry-pushback-ms", str(int(self["pushback"]))))
        if "retry_after" in self:
            said.append(("retry-after", str(int(self["retry_after"]))))
        if "retry_info" in self:
            said.append(("grpc-status-details-bin", _details(self["retry_info"])))
        return tuple(said)


def _details(seconds: float) -> bytes:
    """`google.rpc.Status` with a `RetryInfo`, as gRPC's richer error model has it."""
    delay, detail = Duration(), Any()
    delay.FromMilliseconds(int(seconds * 1000))
    detail.Pack(RetryInfo(retry_delay=delay))
    return bytes(Status(code=8, details=[detail]).SerializeToString())
