"""The protocol's message that asks for one picture (generation.proto, package gooseai)."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.struct_pb2 import Struct

from promptcdn.generators.stability.grpc.stubs import messages
from promptcdn.url.request import Resolved

Request = Any  # gooseai.Request: the SDK has no types

# What is sent for seed 0. To the upstream and to the SDK (client.py: `if not seed`) 0 means "any". Frozen: another
# number would make other pictures for old URLs.
SEED_FOR_ZERO = 2_654_435_769
_SCHEDULE_END = 0.01

# The SDK's own tables (utils.py) lack k_dpmpp_sde and ddpm, and the slow presets.
SAMPLERS: dict[str, int] = {
    name.removeprefix("SAMPLER_").lower(): number for name, number in messages.DiffusionSampler.items()
}
GUIDANCE_PRESETS: dict[str, int] = {
    name.removeprefix("GUIDANCE_PRESET_").lower(): number for name, number in messages.GuidancePreset.items()
}


def seed_on_the_wire(seed: int) -> int:
    """The seed that is sent for `seed`: itself, but for 0."""
    return seed or SEED_FOR_ZERO


def generation_request(
    resolved: Resolved, content_key: str, init: bytes | None = None, kept: bytes | None = None
) -> Request:
    """The message that asks for one picture, from text or from the picture `init`.

    `kept` is the protocol's mask: white where `init` stays, black where it changes (api.py).

    `request_id` is the content key: a self-hosted server writes it into the file, and equal calls must give equal
    bytes. `schedule` and `adapter` stay unset: without an init image the first washes pictures out (client.py).
    """
    return messages.Request(
        engine_id=resolved.engine,
        request_id=content_key,
        prompt=[*_prompts(resolved), *_sources(init, kept)],
        image=messages.ImageParameters(
            width=resolved.width,
            height=resolved.height,
            seed=[seed_on_the_wire(resolved.seed)],
            samples=1,
            steps=resolved.steps,
            transform=_transform(resolved),
            parameters=[_step(resolved)],
            # Unset, the masked area may begin as nothing, and `strength` would be about nothing (api.py).
            masked_area_init=messages.MASKED_AREA_INIT_ORIGINAL if kept else None,
        ),
        extras=_extras(resolved),
    )


def upscaling_request(resolved: Resolved, content_key: str, init: bytes) -> Request:
    """The message that asks for `init` in twice its size. ESRGAN engines take no prompt (client.py, `upscale`).

    One side only: the service refuses both (Stability's REST API v1, image-to-image/upscale).
    """
    return messages.Request(
        engine_id=resolved.engine,
        request_id=content_key,
        prompt=[_picture(init)],
        image=messages.ImageParameters(width=resolved.width, seed=[seed_on_the_wire(resolved.seed)]),
    )


def _prompts(resolved: Resolved) -> list[Any]:
    prompts = [messages.Prompt(text=resolved.prompt)]
    if resolved.negative_prompt:
        unwanted = messages.PromptParameters(weight=-1.0)
        prompts.append(messages.Prompt(text=resolved.negative_prompt, parameters=unwanted))
    return prompts


def _sources(init: bytes | None, kept: bytes | None) -> Iterator[Any]:
    if init is not None:
        yield _picture(init)
    if kept is not None:
        yield messages.Prompt(artifact=messages.Artifact(type=messages.ARTIFACT_MASK, binary=kept))


def _picture(init: bytes) -> Any:
    return messages.Prompt(artifact=messages.Artifact(type=messages.ARTIFACT_IMAGE, binary=init))


def _transform(resolved: Resolved) -> Any:
    if resolved.sampler is None:
        return None
    # ddim is 0, which is false in Python: the SDK's `if sampler:` (client.py) drops it. The oneof says that it is set.
    return messages.TransformType(diffusion=SAMPLERS[resolved.sampler])


def _step(resolved: Resolved) -> Any:
    step = messages.StepParameter(scaled_step=0, sampler=messages.SamplerParameters(cfg_scale=resolved.cfg_scale))
    if resolved.strength is not None:
        # 0 gives the init image back, 1 leaves nothing of it: the opposite of `image_strength` in Stability's REST API
        # v1, which says that the start is one minus that. The end is the SDK's (client.py).
        step.schedule.start, step.schedule.end = resolved.strength, _SCHEDULE_END
    if resolved.guidance_preset is not None:
        # Beside the cfg_scale, which the SDK drops here (client.py). The empty instance is what the SDK sends.
        step.guidance.guidance_preset = GUIDANCE_PRESETS[resolved.guidance_preset]
        step.guidance.instances.add()
    return step


def _extras(resolved: Resolved) -> Struct | None:
    if resolved.style_preset is None:
        return None
    extras = Struct()
    extras.update({"$IPC": {"preset": resolved.style_preset}})  # no field of its own (client.py, api.py)
    return extras
