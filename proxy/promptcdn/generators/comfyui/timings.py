"""How long ComfyUI is waited for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """All in seconds.

    picture      for one picture, where the caller names no deadline
    first_look   until the first look whether the picture is ready; each pause after it is half as long again
    longest_look  the longest pause between two looks
    queue_looks  between two looks whether ComfyUI still has a picture in its queue: after a restart it has not
    cancel       for each call that takes a picture out of the queue
    account      for each question that `doctor` asks
    """

    picture: float = 120.0
    first_look: float = 0.2
    longest_look: float = 1.0
    queue_looks: float = 10.0
    cancel: float = 2.0
    account: float = 10.0


TIMINGS = Timings()
