"""Writes a Stable Diffusion of random weights, a few hundred kB, to the folder that is named: it draws noise, quickly.

The environment of hf-serve runs this. Its tokens are single characters, so that no vocabulary is needed.
"""

import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

WIDTH, WORDS = 32, 77


def write_model(folder: Path) -> None:
    torch.manual_seed(0)
    characters = [chr(code) for code in range(33, 127)]
    ends = ("<|startoftext|>", "<|endoftext|>")
    vocabulary = {
        token: number for number, token in enumerate([*characters, *(f"{each}</w>" for each in characters), *ends])
    }
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[])
    tokenizer.model_max_length = tokenizer.init_kwargs["model_max_length"] = WORDS
    pipeline = StableDiffusionPipeline(
        vae=_autoencoder(),
        text_encoder=_text_encoder(len(vocabulary), *(vocabulary[end] for end in ends)),
        tokenizer=tokenizer,
        unet=_unet(),
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)


def _autoencoder() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=[8] * 4,
        norm_num_groups=4,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        latent_channels=4,
    )


def _text_encoder(words: int, start: int, end: int) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=words,
            hidden_size=WIDTH,
            intermediate_size=WIDTH,
            num_attention_heads=4,
            num_hidden_layers=2,
            projection_dim=WIDTH,
            bos_token_id=start,
            eos_token_id=end,
        )
    )


def _unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=8,
    )


if __name__ == "__main__":
    write_model(Path(sys.argv[1]))
