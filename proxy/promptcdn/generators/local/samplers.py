"""Our samplers and schedulers, as the libraries name them.

Sources, read in November 2026: diffusers 0.42 (`schedulers/`, and its table of names in `api/schedulers/overview`) and
openvino-genai 2026.4 (`Scheduler.Type`). LMS and `beta` need SciPy, and DPM++ SDE torchsde, which do not come along.
"""

from collections.abc import Mapping
from typing import Any

from promptcdn.generators.local.kinds import Library

SAMPLERS: Mapping[Library, Mapping[str, str]] = {
    "openvino": {"ddim": "DDIM", "k_euler": "EULER_DISCRETE", "k_euler_ancestral": "EULER_ANCESTRAL_DISCRETE"},
    "diffusers": {
        "ddim": "DDIMScheduler",
        "ddpm": "DDPMScheduler",
        "k_euler": "EulerDiscreteScheduler",
        "k_euler_ancestral": "EulerAncestralDiscreteScheduler",
        "k_heun": "HeunDiscreteScheduler",
        "k_dpm_2": "KDPM2DiscreteScheduler",
        "k_dpm_2_ancestral": "KDPM2AncestralDiscreteScheduler",
        "k_dpmpp_2m": "DPMSolverMultistepScheduler",
    },
}
# What a scheduler of diffusers is configured with.
SCHEDULERS: Mapping[str, Mapping[str, Any]] = {
    "automatic": {},
    "normal": {"use_karras_sigmas": False, "use_exponential_sigmas": False},
    "karras": {"use_karras_sigmas": True},
    "exponential": {"use_exponential_sigmas": True},
    "sgm_uniform": {"timestep_spacing": "trailing"},
    "ddim_uniform": {"timestep_spacing": "leading"},
    "uniform": {"timestep_spacing": "linspace"},
}


def lacks(library: Library, sampler: str | None, scheduler: str | None) -> str:
    """Why the library cannot draw so, with what it can; empty where it can."""
    if sampler is not None and sampler not in SAMPLERS[library]:
        return f"this model has no sampler {sampler}; allowed: {', '.join(SAMPLERS[library])}"
    if library == "diffusers" and scheduler is not None and scheduler not in SCHEDULERS:
        return f"this model has no scheduler {scheduler}; allowed: {', '.join(SCHEDULERS)}"
    return ""
