"""The request for one picture: the body of `POST /sdapi/v1/txt2img`, of `img2img` where it starts from another one, or
of `extra-single-image` where that one is enlarged.

Source: `StableDiffusionTxt2ImgProcessingAPI`, `StableDiffusionImg2ImgProcessingAPI` and `ExtrasSingleImageRequest` in
AUTOMATIC1111's `modules/api/models.py`, read in November 2026.
"""

from base64 import b64encode
from typing import Any

from promptcdn.generators import NO_SOURCES, Sources, prompts
from promptcdn.generators.a1111.engines import checkpoint
from promptcdn.generators.a1111.names import SAMPLERS, SCHEDULERS
from promptcdn.url.request import Resolved

EXTRAS = "/sdapi/v1/extra-single-image"


def path(sources: Sources) -> str:
    """Where the request goes."""
    return "/sdapi/v1/txt2img" if sources.init is None else "/sdapi/v1/img2img"


def request(resolved: Resolved, *, restores: bool, syntax: bool, sources: Sources = NO_SOURCES) -> dict[str, Any]:
    """The body that asks for one picture.

    The seed is sent as it is: to these servers 0 is a seed like others, and -1 alone means "any"
    (`get_fixed_seed` in `modules/processing.py`; measured with sd-server).
    """
    return {
        "prompt": prompts.sent(resolved.prompt, prompts.A1111, allowed=syntax),
        "negative_prompt": prompts.sent(resolved.negative_prompt or "", prompts.A1111, allowed=syntax),
        "seed": resolved.seed,
        "steps": resolved.steps,
        "cfg_scale": resolved.cfg_scale,
        "width": resolved.width,
        "height": resolved.height,
        "batch_size": 1,
        "n_iter": 1,
        "send_images": True,
        "save_images": False,
        **_sampling(resolved),
        **_checkpoint(resolved, restores),
        **_sources(resolved, sources),
    }


def enlargement(init: bytes, factor: int, upscaler: str) -> dict[str, Any]:
    """The body that asks for `init` in so many times its size. It has no seed: the upscaler draws nothing new."""
    return {"image": _base64(init), "resize_mode": 0, "upscaling_resize": factor, "upscaler_1": upscaler}


def _sources(resolved: Resolved, sources: Sources) -> dict[str, Any]:
    if sources.init is None:
        return {}
    start = {"init_images": [_base64(sources.init)], "denoising_strength": resolved.strength}
    if sources.mask is None:
        return start
    return {
        **start,
        "mask": _base64(sources.mask),
        # White may change, and begins as it is: `strength` is about the picture that is there.
        "inpainting_mask_invert": 0,
        "inpainting_fill": 1,
        # The whole picture is drawn, and not the surroundings of the mask in full size.
        "inpaint_full_res": False,
    }


def _base64(png: bytes) -> str:
    return b64encode(png).decode()


def _sampling(resolved: Resolved) -> dict[str, str]:
    """What is unset is the server's to choose."""
    chosen = {}
    if resolved.sampler is not None:
        chosen["sampler_name"] = SAMPLERS[resolved.sampler]
    if resolved.scheduler is not None:
        chosen["scheduler"] = SCHEDULERS.get(resolved.scheduler, resolved.scheduler)
    return chosen


def _checkpoint(resolved: Resolved, restores: bool) -> dict[str, Any]:
    """Nothing for the checkpoint that is loaded: to load one takes many seconds."""
    name = checkpoint(resolved.engine)
    if name is None:
        return {}
    return {
        "override_settings": {"sd_model_checkpoint": name},
        "override_settings_restore_afterwards": restores,
    }
