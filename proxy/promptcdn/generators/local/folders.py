"""What a model's folder is: its kind and library, what it draws and understands, and how much memory it needs.

Policy: it is given the names and sizes of files, and the JSON files that say what they are.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from promptcdn.generators.local.kinds import KINDS, Kind, Library
from promptcdn.generators.local.samplers import SAMPLERS
from promptcdn.misconfiguration import one_of
from promptcdn.url.engines import (
    EVERY_SIZE,
    IMAGE_TO_IMAGE,
    SIDE_MAX,
    SIDE_MIN,
    SIDE_STEP,
    STEPS_MAX,
    Family,
    sizes_of_area,
)

INDEX = "model_index.json"
# The JSON files that are read, where a folder has them.
DOCUMENTS = (
    INDEX,
    "scheduler/scheduler_config.json",
    *(f"{part}/config.json" for part in ("unet", "transformer", "vae", "vae_decoder")),
)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# Whose classes a part may be of: diffusers would look for any other one in the folder. OpenVINO runs no code.
_LIBRARIES = frozenset(("diffusers", "transformers", "stable_diffusion"))
_PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
# What a model that was distilled to few steps is called.
_TURBO, _FEW_STEPS = re.compile("turbo|schnell"), re.compile("lightning|hyper-?sd|lcm")
_BYTES_OF_A_NUMBER = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "I8": 1, "U8": 1}
# What the libraries take beside the weights, and what a picture of a megapixel takes while it is drawn: measured with
# tiny models, and rounded up.
_LIBRARY_BYTES = {"openvino": 300_000_000, "diffusers": 900_000_000}
_PICTURE_BYTES = 1_000_000_000


class NotAModel(ValueError):
    """The folder has no model that can be drawn with. Says what is there, and what to do."""


@dataclass(frozen=True)
class Contents:
    """What was read of a folder.

    files      sizes in bytes, by path within the folder
    documents  those of `DOCUMENTS` that are there
    numbers    the types of the numbers in files of weights (`F16`), by path, of safetensors alone
    """

    name: str
    files: Mapping[str, int]
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """A model that can be drawn with.

    variant   of the weights (`fp16`), as diffusers asks for it; empty where there is one
    without   parts that diffusers is told to do without: a filter of finished pictures, an encoder that is not there
    weights   their size in files; `half` and `full`: with all numbers in half (2 bytes) and in full (4 bytes) precision
    """

    name: str
    kind: Kind
    library: Library
    family: Family
    variant: str = ""
    without: tuple[str, ...] = ()
    weights: int = 0
    half: int = 0
    full: int = 0

    def memory(self, *, half: bool) -> int:
        """Bytes of memory that it needs: on a device that draws in half precision, or in full."""
        return (self.half if half else self.full) + _LIBRARY_BYTES[self.library] + _PICTURE_BYTES

    @property
    def title(self) -> str:
        """What it is, in a few words."""
        most = self.family.steps[1]
        width, height = self.family.default_size
        few = f", {most} steps at most" if most < STEPS_MAX else ""
        return f"{self.kind.title}, {width}x{height}{few}"


def model(contents: Contents) -> Model:
    """The model in a folder. Raises `NotAModel`."""
    if NAME.fullmatch(contents.name) is None:
        raise NotAModel("the folder's name is the engine's: give it one of letters, digits, dots, hyphens and _")
    index = contents.documents.get(INDEX)
    if index is None:
        raise NotAModel(_without_index(contents))
    kind = _kind(index)
    library = _library(contents, kind)
    if library == "diffusers":
        _require_no_code(index)
    variant, files = _weights(contents, library)
    return Model(
        contents.name,
        kind,
        library,
        _family(contents, kind, library),
        variant,
        _without(contents, kind),
        sum(contents.files[name] for name in files),
        _in_memory(contents, files, 2),
        _in_memory(contents, files, 4),
    )


def _without_index(contents: Contents) -> str:
    there = f"the folder has no {INDEX}"
    if any(name.endswith((".safetensors", *_PICKLES)) for name in contents.files):
        return f"{there}: a checkpoint in one file is converted to a folder first (docs/generators.md says how)"
    return f"{there}: name the folder that has this file beside the folders of the model's parts"


def _kind(index: Mapping[str, Any]) -> Kind:
    name = index.get("_class_name")
    kind = KINDS.get(name.removeprefix("OV")) if isinstance(name, str) else None
    if kind is None:
        raise NotAModel(f"{INDEX} says _class_name {str(name)[:80]}; allowed: {one_of(list(KINDS))}")
    return kind


def _require_no_code(index: Mapping[str, Any]) -> None:
    for part, said in index.items():
        library = said[0] if isinstance(said, list) and said else None
        if isinstance(library, str) and library not in _LIBRARIES:
            raise NotAModel(f"the part {part[:80]} needs code that comes with the model, and none is run")


def _library(contents: Contents, kind: Kind) -> Library:
    if f"{kind.backbone}/openvino_model.xml" in contents.files:
        if "tokenizer/openvino_tokenizer.xml" not in contents.files:
            raise NotAModel(
                "tokenizer/openvino_tokenizer.xml is missing: convert the model with optimum-cli export openvino,"
                " which writes it"
            )
        return "openvino"
    if any(each.startswith(f"{kind.backbone}/") and each.endswith(".safetensors") for each in contents.files):
        return "diffusers"
    if any(each.startswith(f"{kind.backbone}/") and each.endswith(_PICKLES) for each in contents.files):
        raise NotAModel(_pickled(kind.backbone))
    raise NotAModel(
        f"the folder {kind.backbone} has neither openvino_model.xml nor weights in a file .safetensors:"
        " bring the missing files"
    )


def _pickled(part: str) -> str:
    return (
        f"the weights in the folder {part} are pickled, and reading them would run whatever code is in them:"
        " take the model's files .safetensors, or convert it"
    )


def _weights(contents: Contents, library: Library) -> tuple[str, tuple[str, ...]]:
    """The variant of the weights, and their files. Raises `NotAModel` where a part has pickled weights alone."""
    if library == "openvino":
        xml = [each for each in contents.files if each.endswith("openvino_model.xml")]
        numbers = tuple(f"{each[:-4]}.bin" for each in xml)
        for each in numbers:
            if each not in contents.files:
                raise NotAModel(f"{each} is missing: bring the model's missing files")
        return "", numbers
    parts = dict(_parts(contents))
    for part, files in parts.items():
        if not any(each.endswith(".safetensors") for each in files):
            raise NotAModel(_pickled(part))
    variant = "" if all(_plain(files) for files in parts.values()) else "fp16"
    chosen = (_plain(files) if not variant else _of_variant(files) or _plain(files) for files in parts.values())
    return variant, tuple(name for names in chosen for name in names)


def _parts(contents: Contents) -> Iterator[tuple[str, list[str]]]:
    """The parts that the index names and that have weights; the filter of finished pictures is not loaded."""
    for part, said in contents.documents[INDEX].items():
        if isinstance(said, list) and said and said[0] and part != "safety_checker":
            files = [each for each in contents.files if each.startswith(f"{part}/")]
            weights = [each for each in files if each.endswith((".safetensors", *_PICKLES))]
            if weights:
                yield part, weights


def _without(contents: Contents, kind: Kind) -> tuple[str, ...]:
    """Stable Diffusion 3 may lack its third encoder of text, the largest."""
    filtered = ("safety_checker",) if "safety_checker" in contents.documents[INDEX] else ()
    lacks = kind is KINDS["StableDiffusion3Pipeline"] and not any(
        each.startswith("text_encoder_3/") for each in contents.files
    )
    return (*filtered, *(("text_encoder_3", "tokenizer_3") if lacks else ()))


def _plain(files: list[str]) -> list[str]:
    return [each for each in files if each.endswith(".safetensors") and "." not in _stem(each)]


def _of_variant(files: list[str]) -> list[str]:
    return [each for each in files if each.endswith(".safetensors") and ".fp16" in _stem(each)]


def _stem(path: str) -> str:
    return path.rpartition("/")[2].removesuffix(".safetensors")


def _in_memory(contents: Contents, files: tuple[str, ...], width: int) -> int:
    """Bytes that the weights take with numbers of `width` bytes. OpenVINO's are taken as they are in their files."""
    sizes = ((contents.files[name], _BYTES_OF_A_NUMBER.get(contents.numbers.get(name, ""), width)) for name in files)
    return sum(size * width // stored for size, stored in sizes)


def _family(contents: Contents, kind: Kind, library: Library) -> Family:
    side = _side(contents, kind)
    area, few = side * side, _most_steps(contents, kind)
    guided = _guidance(contents, kind, few)
    understands = {"steps"}
    if guided != "none":
        understands.add("cfg_scale")
    if guided == "negative":
        understands.add("negative_prompt")
    if not kind.flow and not _is_lcm(contents):
        understands |= {"sampler", "scheduler"} if library == "diffusers" else {"sampler"}
    if library == "diffusers" or "vae_encoder/openvino_model.xml" in contents.files:
        understands |= IMAGE_TO_IMAGE if library in kind.masked_by and not _is_lcm(contents) else {"init"}
    return Family(
        re.escape(contents.name),
        sizes_of_area(area // 4, area * 9 // 4) or EVERY_SIZE,
        (side, side),
        steps=(1, few),
        understands=frozenset(understands),
        cfg_scale=_usual_cfg_scale(contents, kind),
    )


def _side(contents: Contents, kind: Kind) -> int:
    """Of the square that the model was trained for, as a side that URLs may have."""
    said = contents.documents.get(f"{kind.backbone}/config.json", {}).get("sample_size")
    vae = contents.documents.get("vae/config.json") or contents.documents.get("vae_decoder/config.json") or {}
    blocks = vae.get("block_out_channels")
    factor = 2 ** (len(blocks) - 1) if isinstance(blocks, list) and 1 <= len(blocks) <= 8 else 8
    side = said * factor if isinstance(said, int) and said > 0 else kind.side
    return min(max(round(side / SIDE_STEP) * SIDE_STEP, SIDE_MIN), SIDE_MAX)


def _most_steps(contents: Contents, kind: Kind) -> int:
    """How many steps it takes at most: few where it was distilled, as its name and its scheduler say."""
    named = f"{contents.name} {contents.documents[INDEX].get('_name_or_path', '')}".lower()
    if _TURBO.search(named):
        return 4
    if _FEW_STEPS.search(named) or _is_lcm(contents):
        return 8
    if kind is KINDS["FluxPipeline"] and not _guidance_embeds(contents):
        return 4
    return 4 if not kind.flow and _is_trailing(contents) else STEPS_MAX


def _is_lcm(contents: Contents) -> bool:
    named = contents.documents[INDEX].get("_class_name", "")
    return "LatentConsistency" in named or _scheduler(contents).get("_class_name") == "LCMScheduler"


def _is_trailing(contents: Contents) -> bool:
    """Whether the scheduler is as the turbo models of Stability AI have it."""
    scheduler = _scheduler(contents)
    euler = str(scheduler.get("_class_name", "")).startswith("Euler")
    return euler and scheduler.get("timestep_spacing") == "trailing" and not scheduler.get("rescale_betas_zero_snr")


def _guidance(contents: Contents, kind: Kind, most_steps: int) -> str:
    """`negative`: away from a negative prompt, by cfg_scale. `embedded`: a number that the model was taught. `none`."""
    embedded = _guidance_embeds(contents) or contents.documents.get("unet/config.json", {}).get("time_cond_proj_dim")
    if embedded:
        return "embedded"
    if most_steps < STEPS_MAX or kind is KINDS["FluxPipeline"]:
        return "none"
    return "negative"


def _guidance_embeds(contents: Contents) -> bool:
    return contents.documents.get("transformer/config.json", {}).get("guidance_embeds") is True


def _usual_cfg_scale(contents: Contents, kind: Kind) -> float | None:
    return KINDS["LatentConsistencyModelPipeline"].cfg_scale if _is_lcm(contents) else kind.cfg_scale


def _scheduler(contents: Contents) -> Mapping[str, Any]:
    return contents.documents.get("scheduler/scheduler_config.json", {})


def samplers(model: Model) -> tuple[str, ...]:
    """What a URL may name as `sampler` for that model."""
    return tuple(SAMPLERS[model.library]) if "sampler" in model.family.understands else ()


def largest_side(model: Model) -> int:
    """Of the largest square that the model is let draw."""
    return int(sqrt(max(width * height for width, height in model.family.sizes)))
