"""Servers with OpenAI's images API, and what each has of its own.

Sources, read in November 2026; "measured" is what was seen of the real server (docs/generators.md).
- OpenAI: its reference "Create image" and its guide "Error codes": `response_format` is refused for GPT image models,
  which always answer `b64_json`; no seed, no steps, no negative prompt.
- xAI: its page "Image generation" and the request schema of Comfy Router: `aspect_ratio` and `resolution`, `size` is
  refused; what was moderated comes with status 200 and no picture, or with `respect_moderation` false.
- Together: its reference "images/generations" and its page of parameters: width, height, seed, `response_format` is
  `base64`; FLUX.1 schnell and Kontext take `aspect_ratio`. Its files are not given to clients without a User-Agent.
- DeepInfra: the API page of its models: `response_format` is `b64_json`, no seed.
- LocalAI: its page on images and `core/http/endpoints/openai/image.go`: `step`, a seed of 32 bits with a sign, of
  which a negative one is random, and the negative prompt behind `|`.
- stable-diffusion.cpp: `examples/server/api.md`, measured: a seed beside the prompt is ignored (each picture has seed
  42), and one in the tag `<sd_cpp_extra_args>` is obeyed.
- hf-serve 0.2.0, measured: without `response_format` it answers 400; `size` is HEIGHTxWIDTH; the seed is dropped.
- vLLM-Omni: its page "Image Generation API".  SGLang: `multimodal_gen/runtime/entrypoints/openai/protocol.py`, where
  the seed is 1024 unless one is sent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from promptcdn.generators.declaration import LOADED
from promptcdn.generators.prompts import LOCALAI, PLAIN, SD_CPP, Syntax
from promptcdn.url.seeds import SEED_MAX

SizeForm = Literal["size", "size-height-first", "width-and-height", "aspect_ratio"]
SeedForm = Literal["top", "tag", "none"]

# OpenAI's own models, which also gateways have: they know none of the fields that others added.
GPT_IMAGE = r"(.*/)?(gpt-image|chatgpt-image)-.*"


@dataclass(frozen=True, kw_only=True)
class Server:
    """One kind of server.

    name             as `PROMPTCDN_OPENAI_SERVER` says it
    host             the host by which it is recognised, a pattern; none: by the setting alone
    self_hosted      whether it is software that one runs oneself, so that a picture costs nothing
    engine           the default engine
    model            whether the engine's name is sent; `LOADED` is not, unless the server wants some name always
    response_format  the field's value where it is sent
    size             how a size is said; `shapes`: engines that are told an aspect ratio instead, a pattern
    seed             where the seed stands: beside the prompt, in stable-diffusion.cpp's tag, or nowhere
    seed_max         the largest seed that it takes; seeds beyond that are folded into 1 to `seed_max`
    seeded           whether the seed decides the picture, as far as is known
    fields           our parameters that it understands, and what it calls them
    extra            fields that every request has
    syntax           what it would read out of a prompt
    silent_filter    whether an answer without a picture says that the content filter took it
    known_from       where all this was seen
    """

    name: str
    host: str = ""
    self_hosted: bool = False
    engine: str = LOADED
    model: Literal["named", "always"] = "named"
    response_format: str | None = "b64_json"
    size: SizeForm = "size"
    shapes: str = ""
    seed: SeedForm = "top"
    seed_max: int = SEED_MAX
    seeded: bool = True
    fields: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    syntax: Syntax = PLAIN
    silent_filter: bool = False
    known_from: str = "its documentation"

    def by_shape(self, engine: str) -> bool:
        """Whether that engine is told an aspect ratio, and answers in a size of its own."""
        return self.size == "aspect_ratio" or bool(self.shapes and re.fullmatch(self.shapes, engine))


_DIFFUSERS = {"negative_prompt": "negative_prompt", "steps": "num_inference_steps", "cfg_scale": "guidance_scale"}

SERVERS = (
    Server(
        name="openai",
        host=r"api\.openai\.com",
        engine="gpt-image-2",
        response_format=None,
        seed="none",
        seeded=False,
        extra={"output_format": "png"},
    ),
    Server(
        name="xai",
        host=r"api\.x\.ai",
        engine="grok-imagine-image",
        size="aspect_ratio",
        seed="none",
        seeded=False,
        extra={"resolution": "1k"},
        silent_filter=True,
    ),
    Server(
        name="together",
        host=r"api\.together\.(xyz|ai)",
        engine="black-forest-labs/FLUX.1-schnell",
        response_format="base64",
        size="width-and-height",
        shapes=r".*(schnell|kontext).*",
        fields={"negative_prompt": "negative_prompt", "steps": "steps", "cfg_scale": "guidance_scale"},
        extra={"output_format": "png"},
    ),
    Server(
        name="deepinfra",
        host=r"api\.deepinfra\.com",
        engine="black-forest-labs/FLUX-1-schnell",
        seed="none",
        seeded=False,
    ),
    Server(
        name="localai",
        self_hosted=True,
        seed_max=2147483647,
        fields={"negative_prompt": "|", "steps": "step"},
        syntax=LOCALAI,
    ),
    Server(
        name="sd-cpp",
        self_hosted=True,
        response_format=None,
        seed="tag",
        fields={"negative_prompt": "negative_prompt", "steps": "sample_steps", "cfg_scale": "txt_cfg"},
        extra={"output_format": "png"},
        syntax=SD_CPP,
        known_from="tried on the real server",
    ),
    Server(
        name="hf-serve",
        self_hosted=True,
        model="always",
        size="size-height-first",
        seed="none",
        seeded=False,
        known_from="tried on the real server",
    ),
    Server(name="vllm-omni", self_hosted=True, fields=_DIFFUSERS),
    Server(name="sglang", self_hosted=True, fields=_DIFFUSERS),
    # Any other one: the fields that most know. A seed is sent, and nobody knows whether it is obeyed.
    Server(name="other", seeded=False, known_from="nothing: any other server"),
)
BY_NAME = {server.name: server for server in SERVERS}
OTHER = BY_NAME["other"]


def server(name: str, host: str) -> Server:
    """The server that the operator named, or else the one that `host` is known for."""
    if name:
        return BY_NAME[name]
    return next((each for each in SERVERS if each.host and re.fullmatch(each.host, host)), OTHER)
