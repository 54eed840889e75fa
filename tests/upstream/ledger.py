"""The ledger: one line for each call that a real service would charge, written before the picture is sent."""

import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from tests.upstream.sdk import generation as g


@dataclass(frozen=True)
class Call:
    """What was asked for, when (Unix seconds), and with how many seconds to the deadline (`None`: without one).

    `init` and `mask` are the SHA-256 of the pictures that came along, and `start` is where the schedule begins.
    """

    at: float
    deadline: float | None
    authorization: str
    request_id: str
    engine: str
    prompts: tuple[tuple[str, float], ...]
    seeds: tuple[int, ...]
    samples: int
    width: int
    height: int
    steps: int
    cfg_scale: float
    sampler: str | None
    guidance: str | None
    style: str | None
    extras: tuple[str, ...] = ()
    init: str | None = None
    mask: str | None = None
    start: float | None = None

    @classmethod
    def of(cls, request: Any, context: Any, known_key: str | None) -> Self:
        """The call as it came over the wire; the key itself is never written down."""
        image = request.image
        step = image.parameters[0] if image.parameters else g.StepParameter()
        sent = dict(context.invocation_metadata()).get("authorization")
        right = {None: "none", f"Bearer {known_key}": "right"}.get(sent, "wrong")
        preset = g.GuidancePreset.Name(step.guidance.guidance_preset) if step.HasField("guidance") else None
        transform = image.transform
        named = transform.WhichOneof("type") == "diffusion"
        fields = dict(request.extras)
        return cls(
            at=time.time(),
            deadline=context.time_remaining(),
            authorization=right,
            request_id=request.request_id,
            engine=request.engine_id,
            prompts=tuple((each.text, _weight(each)) for each in request.prompt if each.WhichOneof("prompt") == "text"),
            seeds=tuple(image.seed),
            samples=image.samples,
            width=image.width,
            height=image.height,
            steps=image.steps,
            cfg_scale=round(step.sampler.cfg_scale, 4),
            sampler=g.DiffusionSampler.Name(transform.diffusion) if named else None,
            guidance=preset,
            style=dict(fields["$IPC"]).get("preset") if "$IPC" in fields else None,
            extras=tuple(
                name
                for name, there in (("adapter", image.HasField("adapter")), ("schedule", step.HasField("schedule")))
                if there
            ),
            init=_digest(request, g.ARTIFACT_IMAGE),
            mask=_digest(request, g.ARTIFACT_MASK),
            start=round(step.schedule.start, 4) if step.HasField("schedule") else None,
        )


def _digest(request: Any, kind: int) -> str | None:
    """SHA-256 of the one picture of that kind that the request has; `None` where there is none."""
    files = [prompt.artifact.binary for prompt in request.prompt if prompt.artifact.type == kind]
    assert len(files) < 2
    return hashlib.sha256(files[0]).hexdigest() if files else None


def _weight(prompt: Any) -> float:
    return float(prompt.parameters.weight) if prompt.parameters.HasField("weight") else 1.0


class Ledger:
    """The file of calls. Several processes may write it: each line is one append."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.touch()

    def write(self, call: Call) -> None:
        line = json.dumps(asdict(call)).encode() + b"\n"
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def calls(self) -> list[Call]:
        """Every call, in order."""
        return [_call(json.loads(line)) for line in self.path.read_text().splitlines()]


def _call(said: dict[str, Any]) -> Call:
    prompts = tuple((text, weight) for text, weight in said.pop("prompts"))
    return Call(prompts=prompts, seeds=tuple(said.pop("seeds")), extras=tuple(said.pop("extras")), **said)
