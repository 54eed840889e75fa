"""Writes a Stable Diffusion of random weights in OpenVINO's format, 150 kB, to the folder that is named.

It draws noise, quickly. The environment of the test runs this. Its tokens are the bytes of the prompt, so that no
vocabulary is needed.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
import openvino_tokenizers as tokenizers
from openvino import opset13 as op
from openvino.utils.node_factory import NodeFactory

WIDTH, WORDS, BEGIN, END = 16, 514, 512, 513
_random = np.random.default_rng(0)
# It owns the library of which nodes are made, and so has to outlive them.
_factory = NodeFactory()


def write_model(folder: Path) -> None:
    _tokenizer(folder)
    _text_encoder(folder)
    _unet(folder)
    _vae(folder)
    for name, content in CONFIGURATIONS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))


CONFIGURATIONS: dict[str, Any] = {
    "model_index.json": {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.39.0",
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    },
    "scheduler/scheduler_config.json": {
        "_class_name": "DDIMScheduler",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "num_train_timesteps": 1000,
        "clip_sample": False,
        "set_alpha_to_one": False,
        "steps_offset": 1,
        "prediction_type": "epsilon",
        "timestep_spacing": "leading",
    },
    "text_encoder/config.json": {"max_position_embeddings": 77, "hidden_size": WIDTH},
    "unet/config.json": {
        "in_channels": 4,
        "sample_size": 32,
        "time_cond_proj_dim": None,
        "cross_attention_dim": WIDTH,
    },
    **{
        f"{part}/config.json": {
            "in_channels": 3,
            "latent_channels": 4,
            "out_channels": 3,
            "scaling_factor": 0.18215,
            "block_out_channels": [8, 16, 16, 16],
        }
        for part in ("vae_decoder", "vae_encoder")
    },
}


def _tokenizer(folder: Path) -> None:
    text = op.parameter([-1], ov.Type.string)
    text.output(0).set_names({"string_input"})
    _factory.add_extension(str(tokenizers._ext_path))
    words = op.convert(_factory.create("StringTensorUnpack", [text.output(0)]).output(2), "i64")
    words = op.slice(op.reshape(words, _whole([1, -1]), False), _whole([0]), _whole([75]), _whole([1]), _whole([1]))
    words = op.concat([_whole([[BEGIN]]), words, _whole([[END]])], 1)
    mask = op.broadcast(_whole(1), op.shape_of(words, "i64"))
    _save(folder / "tokenizer" / "openvino_tokenizer.xml", [text], input_ids=words, attention_mask=mask)


def _text_encoder(folder: Path) -> None:
    words = _parameter("input_ids", [-1, 77], np.int64)
    hidden = op.add(op.gather(_weights(WORDS, WIDTH, scale=1.0), words, _whole(0)), _weights(1, 77, WIDTH, scale=0.3))
    hidden = op.tanh(op.matmul(hidden, _weights(WIDTH, WIDTH, scale=0.5), False, False))
    pooled = op.reduce_mean(hidden, _whole([1]), False)
    _save(folder / "text_encoder" / "openvino_model.xml", [words], last_hidden_state=hidden, pooler_output=pooled)


def _unet(folder: Path) -> None:
    sample = _parameter("sample", [-1, 4, -1, -1], np.float32)
    step = _parameter("timestep", [-1], np.int64)
    words = _parameter("encoder_hidden_states", [-1, -1, WIDTH], np.float32)
    time = op.divide(op.convert(step, np.float32), _numbers(1000.0))
    time = op.multiply(op.reshape(time, _whole([1, 1, 1, 1]), False), _weights(1, 8, 1, 1))
    said = op.reduce_max(op.multiply(words, _weights(1, 1, WIDTH, scale=1.0)), _whole([1]), False)
    said = op.matmul(said, _weights(WIDTH, 8, scale=0.8), False, False)
    hidden = op.add(_convolved(sample, 4, 8), op.reshape(said, _whole([0, 8, 1, 1]), True))
    hidden = op.tanh(op.add(hidden, time))
    drawn = op.add(_convolved(hidden, 8, 4), op.multiply(sample, _numbers(0.3)))
    _save(folder / "unet" / "openvino_model.xml", [sample, step, words], out_sample=drawn)


def _vae(folder: Path) -> None:
    """Latents of an eighth of the picture's sides, both ways."""
    latents = _parameter("latent_sample", [-1, 4, -1, -1], np.float32)
    hidden = _convolved(latents, 4, 8)
    hidden = op.interpolate(hidden, _sides(hidden, op.multiply, 8), "linear_onnx", "sizes", axes=_whole([2, 3]))
    picture = op.tanh(_convolved(op.tanh(hidden), 8, 3))
    _save(folder / "vae_decoder" / "openvino_model.xml", [latents], sample=picture)

    picture = _parameter("sample", [-1, 3, -1, -1], np.float32)
    small = op.interpolate(picture, _sides(picture, op.divide, 8), "linear_onnx", "sizes", axes=_whole([2, 3]))
    _save(folder / "vae_encoder" / "openvino_model.xml", [picture], latent_parameters=_convolved(small, 3, 8))


def _sides(node: Any, by: Any, factor: int) -> Any:
    return by(op.gather(op.shape_of(node, "i64"), _whole([2, 3]), _whole(0)), _whole([factor, factor]))


def _whole(values: Any) -> Any:
    return op.constant(np.array(values, np.int64))


def _numbers(values: Any) -> Any:
    return op.constant(np.asarray(values, np.float32))


def _weights(*shape: int, scale: float = 0.2) -> Any:
    return _numbers(_random.normal(0, scale, shape))


def _convolved(node: Any, channels: int, into: int) -> Any:
    return op.convolution(node, _weights(into, channels, 3, 3, scale=0.15), [1, 1], [1, 1], [1, 1], [1, 1])


def _parameter(name: str, shape: list[int], kind: Any) -> Any:
    parameter = op.parameter(shape, kind)
    parameter.output(0).set_names({name})
    return parameter


def _save(path: Path, parameters: list[Any], **results: Any) -> None:
    for name, node in results.items():
        node.output(0).set_names({name})
    path.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(ov.Model(list(results.values()), parameters, path.parent.name), path, compress_to_fp16=False)


if __name__ == "__main__":
    write_model(Path(sys.argv[1]))
