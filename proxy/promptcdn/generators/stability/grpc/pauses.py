"""For how long the upstream wants no further call, as the trailing metadata of its answer says."""

import math
import re
from collections.abc import Iterable

from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

LONGEST = 3600.0  # seconds: whoever asks for more is not believed


def named(metadata: Iterable[tuple[str, str | bytes]] | None) -> float | None:
    """The seconds that the trailing `metadata` names, an hour at most; `None` where it names none.

    `grpc-retry-pushback-ms` (gRPC proposal A6; one that is negative or no number forbids the same call: infinite),
    `google.rpc.RetryInfo` in `grpc-status-details-bin` (the richer error model), `retry-after` in seconds (what HTTP
    gateways leave). Where several say something, the longest holds.
    """
    pauses = [pause for name, value in metadata or () if (pause := _pause(name, value)) is not None]
    return max(pauses, default=None)


def _pause(name: str, value: str | bytes) -> float | None:
    if name == "grpc-retry-pushback-ms":
        milliseconds = _whole(value)
        return math.inf if milliseconds is None else min(milliseconds / 1000, LONGEST)
    if name == "retry-after":
        seconds = _whole(value)
        return None if seconds is None else min(float(seconds), LONGEST)
    if name == "grpc-status-details-bin" and isinstance(value, bytes):
        return _retry_info(value)
    return None


def _whole(value: str | bytes) -> int | None:
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value) else None


def _retry_info(value: bytes) -> float | None:
    try:
        for detail in Status.FromString(value).details:
            info = RetryInfo()
            if detail.Unpack(info):
                seconds: float = info.retry_delay.seconds + info.retry_delay.nanos / 1e9
                return min(max(0.0, seconds), LONGEST)
    except DecodeError:
        pass  # broken, or somebody else's: it says nothing
    return None
