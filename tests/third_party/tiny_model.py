"""A model of random weights for stable-diffusion.cpp, written on the spot: it draws colourful noise, quickly.

A Flux of one double and one single block, an autoencoder of TAESD's form, and the text encoder CLIP-L in its own size
(the only one that the server accepts), whose weights are one block of noise again and again. 260 MB in a second or two.
Layers and shapes: `src/flux.hpp`, `src/tae.hpp` and `src/clip.hpp` of stable-diffusion.cpp, read in November 2026.
"""

import json
import random
import struct
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path

HIDDEN, HEAD, MLP = 128, 128, 512
LATENT, CHANNELS = 16, 64
WIDTH, FEED_FORWARD, LAYERS, WORDS, POSITIONS = 768, 3072, 12, 49408, 77

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]


def write_model(folder: Path) -> tuple[str, ...]:
    """Writes the three files; gives the options that sd-server takes them with."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "flux.safetensors", dict(_flux()))
    _write(folder / "tae.safetensors", dict(_tae()))
    _write(folder / "clip_l.safetensors", dict(_clip()))
    files = {"diffusion-model": "flux", "tae": "tae", "clip_l": "clip_l"}
    return tuple(text for name, file in files.items() for text in (f"--{name}", str(folder / f"{file}.safetensors")))


def _write(file: Path, shapes: Shapes) -> None:
    """A file of safetensors: the length of the head, the head as JSON, and the tensors, in half precision."""
    head, at = {}, 0
    for name, shape in shapes.items():
        size = 2 * prod(shape)
        head[name] = {"dtype": "F16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    described = json.dumps(head).encode()
    described += b" " * (-len(described) % 8)
    noise = random.Random(file.name)
    with file.open("wb") as out:
        out.write(struct.pack("<Q", len(described)) + described)
        blocks: dict[int, bytes] = {}
        for name, shape in shapes.items():
            out.write(_values(name, shape, noise, blocks))


def _values(name: str, shape: Shape, noise: random.Random, blocks: dict[int, bytes]) -> bytes:
    """Weights whose layer neither grows nor dies away; scales of norms are about 1."""
    fan_in = prod(shape[1:]) if len(shape) > 1 else 0
    if fan_in not in blocks:
        spread, middle = (fan_in**-0.5, 0.0) if fan_in else (0.1, 0.0)
        numbers = [noise.gauss(middle, spread) for _ in range(65536)]
        blocks[fan_in] = struct.pack(f"<{len(numbers)}e", *numbers)
    if "norm" in name and not name.endswith("bias"):
        return struct.pack(f"<{prod(shape)}e", *[1.0] * prod(shape))
    block, size = blocks[fan_in], 2 * prod(shape)
    # From another place in the block each time, or all layers would be the same.
    start = 2 * noise.randrange(len(block) // 2)
    turned = block[start:] + block[:start]
    return (turned * (size // len(turned) + 1))[:size]


def _linear(name: str, out: int, into: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (out, into)
    yield f"{name}.bias", (out,)


def _flux() -> Iterator[tuple[str, Shape]]:
    yield from _linear("img_in", HIDDEN, 64)
    yield from _linear("txt_in", HIDDEN, 4096)
    for name, into in (("time_in", 256), ("vector_in", 768)):
        yield from _linear(f"{name}.in_layer", HIDDEN, into)
        yield from _linear(f"{name}.out_layer", HIDDEN, HIDDEN)
    for side in ("img", "txt"):
        block = f"double_blocks.0.{side}"
        yield from _linear(f"{block}_mod.lin", 6 * HIDDEN, HIDDEN)
        yield from _linear(f"{block}_attn.qkv", 3 * HIDDEN, HIDDEN)
        yield from _linear(f"{block}_attn.proj", HIDDEN, HIDDEN)
        yield from _linear(f"{block}_mlp.0", MLP, HIDDEN)
        yield from _linear(f"{block}_mlp.2", HIDDEN, MLP)
        yield f"{block}_attn.norm.query_norm.scale", (HEAD,)
        yield f"{block}_attn.norm.key_norm.scale", (HEAD,)
    yield from _linear("single_blocks.0.linear1", 3 * HIDDEN + MLP, HIDDEN)
    yield from _linear("single_blocks.0.linear2", HIDDEN, HIDDEN + MLP)
    yield from _linear("single_blocks.0.modulation.lin", 3 * HIDDEN, HIDDEN)
    yield "single_blocks.0.norm.query_norm.scale", (HEAD,)
    yield "single_blocks.0.norm.key_norm.scale", (HEAD,)
    yield from _linear("final_layer.linear", 64, HIDDEN)
    yield from _linear("final_layer.adaLN_modulation.1", 2 * HIDDEN, HIDDEN)


def _conv(name: str, out: int, into: int, *, bias: bool = True) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (out, into, 3, 3)
    if bias:
        yield f"{name}.bias", (out,)


def _tae() -> Iterator[tuple[str, Shape]]:
    """Its layers by number; those that are left out have no weights."""
    encoder = {0: (CHANNELS, 3), 14: (LATENT, CHANNELS)}
    decoder = {0: (CHANNELS, LATENT), 18: (3, CHANNELS)}
    plain = {"encoder": (2, 6, 10), "decoder": (6, 11, 16)}
    residual = {"encoder": (1, 3, 4, 5, 7, 8, 9, 11, 12, 13), "decoder": (2, 3, 4, 7, 8, 9, 12, 13, 14, 17)}
    for half, ends in (("encoder", encoder), ("decoder", decoder)):
        for number, (out, into) in ends.items():
            yield from _conv(f"{half}.layers.{number}", out, into)
        for number in plain[half]:
            yield from _conv(f"{half}.layers.{number}", CHANNELS, CHANNELS, bias=False)
        for number in residual[half]:
            for part in (0, 2, 4):
                yield from _conv(f"{half}.layers.{number}.conv.{part}", CHANNELS, CHANNELS)


def _clip() -> Iterator[tuple[str, Shape]]:
    yield "text_model.embeddings.token_embedding.weight", (WORDS, WIDTH)
    yield "text_model.embeddings.position_embedding.weight", (POSITIONS, WIDTH)
    for number in range(LAYERS):
        layer = f"text_model.encoder.layers.{number}"
        for part in ("q", "k", "v", "out"):
            yield from _linear(f"{layer}.self_attn.{part}_proj", WIDTH, WIDTH)
        yield from _linear(f"{layer}.mlp.fc1", FEED_FORWARD, WIDTH)
        yield from _linear(f"{layer}.mlp.fc2", WIDTH, FEED_FORWARD)
        for norm in ("layer_norm1", "layer_norm2"):
            yield f"{layer}.{norm}.weight", (WIDTH,)
            yield f"{layer}.{norm}.bias", (WIDTH,)
    yield "text_model.final_layer_norm.weight", (WIDTH,)
    yield "text_model.final_layer_norm.bias", (WIDTH,)
