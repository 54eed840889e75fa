"""The form that asks for one picture (`POST /v2beta/stable-image/generate/{core,ultra,sd3}` and `…/upscale/fast`).

Source: as in `engines`. The body is multipart/form-data, also without a file; urlencoded forms are refused.
"""

from collections.abc import Mapping

from promptcdn.generators import Sources
from promptcdn.generators.stability.rest.engines import CFG_SCALES, ENDPOINTS, ratio
from promptcdn.url.request import Resolved

# A part of a multipart body: no file name and text, or a file's name, its bytes and its media type.
Part = tuple[None, str] | tuple[str, bytes, str]

# To the API 0 means "any", and 4294967295 is too large.
SEEDS = 4_294_967_294


def seed_on_the_wire(seed: int) -> int:
    """The seed that is sent for `seed`, from 1 to 4294967294. Frozen: another rule would make other pictures for old
    URLs. 0 and 4294967294 are sent as the same seed, and so are 1 and 4294967295: their keys differ all the same."""
    return 1 + seed % SEEDS


def seed_sent(resolved: Resolved) -> int:
    """The seed that goes with an order; 0 where the engine takes none."""
    return 0 if ENDPOINTS[resolved.engine].upscales else seed_on_the_wire(resolved.seed)


def path(engine: str) -> str:
    """The path behind the address of the API."""
    return f"/v2beta/stable-image/{ENDPOINTS[engine].service}"


def form(resolved: Resolved) -> Mapping[str, str]:
    """The fields of the form. What the engine has no field for is left out: steps, samplers, sizes and the like."""
    endpoint = ENDPOINTS[resolved.engine]
    if endpoint.upscales:
        return {"output_format": "png"}
    least, most = CFG_SCALES
    mode = "image-to-image" if resolved.init is not None and endpoint.modes else None
    fields = {
        "prompt": resolved.prompt,
        "negative_prompt": resolved.negative_prompt,
        # In that mode the picture to start from has the shape, and the service refuses another one beside it.
        "aspect_ratio": None if mode else ratio(resolved.size),
        "mode": mode,
        # 0 gives that picture back, 1 leaves nothing of it, as with us.
        "strength": None if resolved.strength is None else f"{resolved.strength:g}",
        "seed": str(seed_on_the_wire(resolved.seed)),
        "style_preset": resolved.style_preset,
        "cfg_scale": f"{min(max(resolved.cfg_scale, least), most):g}" if endpoint.cfg_scale else None,
        # Without it the service chooses the model, and may choose another one tomorrow.
        "model": endpoint.model,
        "output_format": "png",
    }
    return {name: value for name, value in fields.items() if value}


def parts(resolved: Resolved, sources: Sources) -> Mapping[str, Part]:
    """The parts of the body: the fields, and the picture to start from as a file."""
    fields: dict[str, Part] = {name: (None, value) for name, value in form(resolved).items()}
    return fields if sources.init is None else {**fields, "image": ("init.png", sources.init, "image/png")}
