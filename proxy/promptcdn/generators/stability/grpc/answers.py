"""The stream of answers to one call: whether it has a picture, a refusal or a failure."""

from dataclasses import dataclass
from typing import Any

from grpc import StatusCode
from grpc.aio import AioRpcError

from promptcdn.event_loop import AnswerTimeout
from promptcdn.generators import Made
from promptcdn.generators.stability.grpc import pauses, statuses
from promptcdn.generators.stability.grpc.stubs import messages
from promptcdn.problems import UPSTREAM_GARBLED, UpstreamFailed

Answer = Any  # gooseai.Answer: the SDK has no types
Artifact = Any  # gooseai.Artifact


@dataclass(frozen=True)
class Ending:
    """How a stream ended: its status, the upstream's text, and the seconds for which the upstream wants no call."""

    code: StatusCode = StatusCode.OK
    text: str = ""
    pause: float | None = None


class Reading:
    """The outcome of the answers that came so far."""

    def __init__(self) -> None:
        self.picture = b""
        self.seed_echo = 0
        self.filtered = False
        self.broken = False
        self.artifacts = False

    @property
    def settled(self) -> bool:
        return bool(self.picture) or self.filtered or self.broken

    def take(self, answer: Answer | None) -> None:
        """Reads one answer. One without artifacts is a keepalive; `None` is what grpc.aio makes of broken bytes."""
        if answer is None:
            self.broken = self.artifacts = True
            return
        for artifact in answer.artifacts:
            self.artifacts = True
            self._take(artifact)

    def _take(self, artifact: Artifact) -> None:
        # A filtered picture is an image too, a blurred one, and a rejected prompt is a filtered text (api.py).
        if artifact.finish_reason == messages.FILTER and artifact.type in (
            messages.ARTIFACT_IMAGE,
            messages.ARTIFACT_TEXT,
        ):
            self.filtered = True
        elif artifact.finish_reason == messages.ERROR:
            self.broken = True
        # Any other reason is good: STOP where Stability hosts it, NULL where others do.
        # The picture is read once: each look at the field copies all of it.
        elif artifact.type == messages.ARTIFACT_IMAGE and not self.picture and (picture := artifact.binary):
            self.picture = picture
            self.seed_echo = artifact.seed


async def read(call: Any, *, seed: int, engine: str, linger: float) -> Made:
    """The outcome of `call`, a stream of answers; `seed` and `engine` are what it was asked for.
    Once the outcome is clear the upstream has `linger` seconds to end the stream.

    A picture that has come is kept, however the stream ends. Raises `UpstreamFailed`.
    """
    reading = Reading()
    ending = await _drain(call, reading, linger)
    if reading.filtered or statuses.is_filter(ending.code, ending.text):
        return Made(b"", seed_sent=seed, filtered=True)
    if reading.picture:
        return Made(reading.picture, seed_sent=seed, seed_echo=reading.seed_echo)
    # Raised here and not where the status was caught: that one's text would be in the traceback, and may quote the key.
    if reading.broken:
        raise UpstreamFailed(UPSTREAM_GARBLED, f"the upstream broke off for engine {engine}", charged=True)
    if ending.code is StatusCode.OK:
        raise UpstreamFailed(UPSTREAM_GARBLED, f"the upstream sent no picture for engine {engine}", charged=True)
    raise statuses.failure(ending.code, ending.text, engine, artifacts=reading.artifacts, pause=ending.pause)


async def _drain(call: Any, reading: Reading, linger: float) -> Ending:
    """Reads the stream to its end."""
    try:
        async with AnswerTimeout(None) as patience:
            async for answer in call:
                reading.take(answer)
                if reading.settled and not patience.begun:
                    patience.begin(linger)
    except TimeoutError:
        pass  # settled, and the upstream keeps its stream open: the cancelled read has hung up
    except AioRpcError as error:
        return Ending(error.code(), error.details() or "", pauses.named(error.trailing_metadata()))
    return Ending()
