"""Well-known models, and which files of a repository are brought."""

import pytest

from promptcdn.generators.local.hub import MODELS, wanted
from promptcdn.generators.local.kinds import Library

TEXTS = ["model_index.json", "README.md", "tokenizer/vocab.json", "tokenizer/merges.txt", "tokenizer_2/spiece.model"]
UNSAFE = [
    "unet/diffusion_pytorch_model.bin",
    "v1-5-pruned.ckpt",
    "v1-5-pruned.safetensors",
    "safety_checker/model.safetensors",
    "safety_checker/config.json",
    "pipeline.py",
    "unet/model.py",
    "unet/model.onnx",
    "unet/diffusion_flax_model.msgpack",
    "../../etc/passwd.json",
    "unet/sub/config.json",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
    ".gitattributes",
    "pickle.pkl",
]
FULL = ["unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors"]
HALF = ["unet/diffusion_pytorch_model.fp16.safetensors", "vae/diffusion_pytorch_model.fp16.safetensors"]
SHARDS = [f"transformer/diffusion_pytorch_model-0000{part}-of-00002.safetensors" for part in (1, 2)]
OPENVINO = ["unet/openvino_model.xml", "unet/openvino_model.bin", "tokenizer/openvino_tokenizer.xml"]


@pytest.mark.parametrize(
    ("files", "library", "brought"),
    [
        ([*TEXTS, *UNSAFE, *FULL], "diffusers", [*TEXTS, *FULL]),
        ([*TEXTS, *UNSAFE, *FULL, *HALF], "diffusers", [*TEXTS, *HALF]),
        ([*TEXTS, *FULL, HALF[0]], "diffusers", [*TEXTS, *FULL]),
        ([*TEXTS, *SHARDS], "diffusers", [*TEXTS, *SHARDS]),
        ([*TEXTS, *OPENVINO, *UNSAFE], "diffusers", [*TEXTS]),
        ([*TEXTS, *OPENVINO, *UNSAFE, *FULL], "openvino", [*TEXTS, *OPENVINO]),
    ],
)
def test_only_what_runs_no_code_is_brought(files: list[str], library: Library, brought: list[str]) -> None:
    assert wanted(files, library) == tuple(sorted(brought))


def test_the_names_are_names_of_engines_and_stand_once() -> None:
    names = [each.name for each in MODELS]

    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").isalnum() for name in names)
