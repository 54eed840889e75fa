"""What a look at a part of the service found: does it work, and if not, what to do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """`detail` says what was seen, `advice` what to do where it is not `good`."""

    part: str
    good: bool
    detail: str
    advice: str = ""
