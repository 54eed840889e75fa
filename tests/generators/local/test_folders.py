"""What a model's folder is, by its JSON files: tables of folders as people have them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from promptcdn.generators.local.folders import Contents, Model, NotAModel, model

PARTS = {
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "scheduler": ["diffusers", "DDIMScheduler"],
}
VAE = {"block_out_channels": [128, 256, 512, 512]}


@dataclass
class Told:
    """A folder of diffusers' format, by what is special in it."""

    pipeline: str
    name: str = "a-model"
    backbone: str = "unet"
    backbone_says: Mapping[str, Any] = field(default_factory=dict)
    scheduler: Mapping[str, Any] = field(default_factory=dict)
    index: Mapping[str, Any] = field(default_factory=dict)
    openvino: bool = False
    encoder: bool = True

    @property
    def contents(self) -> Contents:
        parts = {**PARTS, self.backbone: ["diffusers", "Backbone"]}
        documents = {
            "model_index.json": {"_class_name": self.pipeline, **parts, **self.index},
            "scheduler/scheduler_config.json": self.scheduler,
            f"{self.backbone}/config.json": self.backbone_says,
            ("vae_decoder" if self.openvino else "vae") + "/config.json": VAE,
        }
        files = dict.fromkeys((f"{part}/model.safetensors" for part in (self.backbone, "vae", "text_encoder")), 1000)
        if self.openvino:
            drawn = (self.backbone, "vae_decoder", "text_encoder", *(("vae_encoder",) if self.encoder else ()))
            files = {f"{part}/openvino_model.{end}": 1000 for part in drawn for end in ("xml", "bin")}
            files["tokenizer/openvino_tokenizer.xml"] = 1000
        return Contents(self.name, files, documents)


TRAILING = {"_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing"}
LCM = {"_class_name": "LCMScheduler"}
BOTH = {"init", "mask"}
FULL = {"steps", "cfg_scale", "negative_prompt", "sampler", "scheduler"}


@pytest.mark.parametrize(
    ("told", "side", "steps", "cfg_scale", "understands"),
    [
        (Told("StableDiffusionPipeline", backbone_says={"sample_size": 64}), 512, 150, None, FULL | BOTH),
        (Told("StableDiffusionPipeline", backbone_says={"sample_size": 96}), 768, 150, None, FULL | BOTH),
        (Told("StableDiffusionPipeline"), 512, 150, None, FULL | BOTH),
        (Told("StableDiffusionXLPipeline", backbone_says={"sample_size": 128}), 1024, 150, 5.0, FULL | BOTH),
        (
            Told("StableDiffusionXLPipeline", backbone_says={"sample_size": 64}, scheduler=TRAILING),
            512,
            4,
            5.0,
            {"steps", "sampler", "scheduler"} | BOTH,
        ),
        (
            Told("StableDiffusionXLPipeline", name="SDXL-Lightning", backbone_says={"sample_size": 128}),
            1024,
            8,
            5.0,
            {"steps", "sampler", "scheduler"} | BOTH,
        ),
        (
            Told("StableDiffusionPipeline", index={"_name_or_path": "stabilityai/sd-turbo"}),
            512,
            4,
            None,
            {"steps", "sampler", "scheduler"} | BOTH,
        ),
        (
            Told("LatentConsistencyModelPipeline", backbone_says={"sample_size": 96, "time_cond_proj_dim": 256}),
            768,
            8,
            8.0,
            {"steps", "cfg_scale", "init"},
        ),
        (Told("StableDiffusionPipeline", scheduler=LCM), 512, 8, 8.0, {"steps", "init"}),
        (
            Told("StableDiffusion3Pipeline", backbone="transformer", backbone_says={"sample_size": 128}),
            1024,
            150,
            4.5,
            {"steps", "cfg_scale", "negative_prompt"} | BOTH,
        ),
        (
            Told("FluxPipeline", backbone="transformer", backbone_says={"guidance_embeds": True}),
            1024,
            150,
            3.5,
            {"steps", "cfg_scale"} | BOTH,
        ),
        (
            Told("FluxPipeline", backbone="transformer", backbone_says={"guidance_embeds": False}),
            1024,
            4,
            3.5,
            {"steps"} | BOTH,
        ),
        (Told("OVStableDiffusionPipeline", openvino=True), 512, 150, None, (FULL - {"scheduler"}) | BOTH),
        (Told("StableDiffusionPipeline", openvino=True, encoder=False), 512, 150, None, FULL - {"scheduler"}),
        (
            Told("FluxPipeline", openvino=True, backbone="transformer", backbone_says={"guidance_embeds": False}),
            1024,
            4,
            3.5,
            {"steps", "init"},
        ),
    ],
)
def test_a_folder_says_what_its_model_draws(
    told: Told, side: int, steps: int, cfg_scale: float | None, understands: set[str]
) -> None:
    found = model(told.contents)

    assert found.library == ("openvino" if told.openvino else "diffusers")
    assert found.family.default_size == (side, side)
    assert found.family.steps == (1, steps)
    assert found.family.cfg_scale == cfg_scale
    assert found.family.understands == understands


def test_the_default_size_is_offered_and_none_is_much_larger() -> None:
    for side in (32, 64, 96, 128, 192, 1000):
        family = model(Told("StableDiffusionPipeline", backbone_says={"sample_size": side}).contents).family

        assert family.default_size in family.sizes
        area = family.default_size[0] ** 2
        assert all(area / 4 <= width * height <= area * 9 / 4 for width, height in family.sizes)


@pytest.mark.parametrize("odd", [{"sample_size": -1}, {"sample_size": "64"}, {"sample_size": [64, 64]}, {}])
def test_a_size_that_is_none_leaves_the_usual_one(odd: dict[str, Any]) -> None:
    found = model(Told("StableDiffusionXLPipeline", backbone_says=odd).contents)

    assert found.family.default_size == (1024, 1024)


def without(files: Mapping[str, int], *names: str) -> dict[str, int]:
    return {name: size for name, size in files.items() if name not in names}


GOOD = Told("StableDiffusionPipeline").contents
PICKLED = dict.fromkeys(("unet/diffusion_pytorch_model.bin", "vae/a.safetensors"), 1)
OPENVINO = Told("StableDiffusionPipeline", openvino=True).contents


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        (Contents("a", {}), "no model_index.json"),
        (Contents("a", {"v1-5-pruned.ckpt": 1}), "a checkpoint in one file is converted"),
        (Contents("a", {"sdxl.safetensors": 1}), "a checkpoint in one file is converted"),
        (Contents("a b", GOOD.files, GOOD.documents), "the folder's name is the engine's"),
        (Contents("a/b", GOOD.files, GOOD.documents), "the folder's name is the engine's"),
        (Contents("a", PICKLED, GOOD.documents), "folder unet are pickled"),
        (
            Contents("a", {**without(GOOD.files, "vae/model.safetensors"), "vae/model.bin": 1}, GOOD.documents),
            "folder vae are pickled",
        ),
        (Contents("a", {}, GOOD.documents), "neither openvino_model.xml nor weights"),
        (
            Contents("a", without(OPENVINO.files, "unet/openvino_model.bin"), OPENVINO.documents),
            "unet/openvino_model.bin is missing",
        ),
        (
            Contents("a", without(OPENVINO.files, "tokenizer/openvino_tokenizer.xml"), OPENVINO.documents),
            "optimum-cli export openvino",
        ),
        (Told("KandinskyPipeline").contents, "_class_name KandinskyPipeline; allowed: StableDiffusionPipeline, "),
        (Told("StableDiffusionXLImg2ImgPipeline").contents, "allowed"),
        (Told("StableDiffusionPipeline", index={"_class_name": ["pipeline", "Own"]}).contents, "allowed"),
        (Told("StableDiffusionPipeline", index={"unet": ["my_unet", "Own"]}).contents, "the part unet needs code"),
        (Told("StableDiffusionPipeline", index={"extra": ["os", "system"]}).contents, "the part extra needs code"),
    ],
)
def test_what_cannot_be_drawn_with_is_refused_with_what_to_do(contents: Contents, says: str) -> None:
    with pytest.raises(NotAModel, match=says):
        model(contents)


def weighed(numbers: str, *names: str) -> Model:
    files = {**GOOD.files, **dict.fromkeys(names, 10**9)}
    return model(Contents("a", files, GOOD.documents, dict.fromkeys(names, numbers)))


@pytest.mark.parametrize(("numbers", "half", "full"), [("F16", 1, 2), ("BF16", 1, 2), ("F32", 0.5, 1), ("", 1, 1)])
def test_the_memory_goes_by_the_precision(numbers: str, half: float, full: float) -> None:
    """In half precision on a GPU, in full on a CPU; the rest is what the library and the picture take."""
    heavy, light = weighed(numbers, "unet/model.safetensors"), weighed(numbers)

    for precision, gigabytes in ((True, half), (False, full)):
        assert heavy.memory(half=precision) - light.memory(half=precision) == pytest.approx(gigabytes * 1e9, abs=1e4)
        assert light.memory(half=precision) > 1e9


def test_weights_in_half_precision_alone_are_a_variant() -> None:
    files = {f"{part}/model.fp16.safetensors": 7 for part in ("unet", "vae", "text_encoder")}

    found = model(Contents("a", files, GOOD.documents))

    assert (found.variant, found.weights) == ("fp16", 21)
    assert model(Contents("a", {**files, **GOOD.files}, GOOD.documents)).weights == 3000


def test_the_filter_of_pictures_is_neither_weighed_nor_loaded() -> None:
    said = {"safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]}
    told = Told("StableDiffusionPipeline", index=said).contents

    found = model(Contents("a", {**told.files, "safety_checker/pytorch_model.bin": 10**9}, told.documents))

    assert (found.without, found.weights) == (("safety_checker",), 3000)
