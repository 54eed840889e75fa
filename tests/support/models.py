"""Folders of models without weights that mean anything: what says what a model is, and nothing to draw with."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# In the environment of a model's process: openvino-genai is then the stand-in.
STAND_IN = {"PYTHONPATH": str(ROOT / "tests" / "upstream" / "openvino_stand_in")}

OPENVINO: Mapping[str, Any] = {
    "model_index.json": {
        "_class_name": "StableDiffusionPipeline",
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    },
    "scheduler/scheduler_config.json": {"_class_name": "DDIMScheduler"},
    "unet/config.json": {"sample_size": 32},
    "vae_decoder/config.json": {"block_out_channels": [8, 16, 16, 16]},
    "unet/openvino_model.xml": b"<net/>",
    "unet/openvino_model.bin": bytes(1000),
    "tokenizer/openvino_tokenizer.xml": b"<net/>",
}


def write_folder(folder: Path, files: Mapping[str, Any] = OPENVINO) -> Path:
    """A folder with these files: documents are written as JSON."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return folder


def safetensors(kind: str = "F16", size: int = 64) -> bytes:
    """A file of weights: `size` bytes of numbers of that kind, all nought."""
    head = json.dumps({"a": {"dtype": kind, "shape": [size], "data_offsets": [0, size]}}).encode()
    return struct.pack("<Q", len(head)) + head + bytes(size)
