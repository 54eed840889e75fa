"""The request for one picture: the body of `POST /sdapi/v1/txt2img`.

Source: `StableDiffusionTxt2ImgProcessingAPI` in AUTOMATIC1111's `modules/api/models.py`, read in November 2026.
"""

from typing import Any

from promptcdn.generators import prompts
from promptcdn.generators.a1111.engines import checkpoint
from promptcdn.generators.a1111.names import SAMPLERS, SCHEDULERS
from promptcdn.url.request import Resolved


def request(resolved: Resolved, *, restores: bool, syntax: bool) -> dict[str, Any]:
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
    }


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
