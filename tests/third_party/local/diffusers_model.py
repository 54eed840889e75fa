"""Writes a tiny model of random weights in diffusers' format, of the kind that is named, to the folder that is named.

It draws noise, quickly. The environment of the test runs this. Its tokens are single characters, so that no vocabulary
is needed.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
)

WIDTH, WORDS = 32, 77
_UNFILTERED = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}


def write_model(kind: str, folder: Path) -> None:
    torch.manual_seed(0)
    KINDS[kind]().save_pretrained(folder)


def _stable_diffusion() -> Any:
    return diffusers.StableDiffusionPipeline(
        vae=_autoencoder(4),
        text_encoder=_text_encoder(CLIPTextModel),
        tokenizer=_tokenizer(),
        unet=_unet(),
        scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False),
        **_UNFILTERED,
    )


def _turbo() -> Any:
    """SDXL, with a scheduler as sdxl-turbo has it."""
    return diffusers.StableDiffusionXLPipeline(
        vae=_autoencoder(4),
        text_encoder=_text_encoder(CLIPTextModel),
        text_encoder_2=_text_encoder(CLIPTextModelWithProjection),
        tokenizer=_tokenizer(),
        tokenizer_2=_tokenizer(),
        unet=_unet(
            cross_attention_dim=2 * WIDTH,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=WIDTH + 6 * 8,
        ),
        scheduler=diffusers.EulerAncestralDiscreteScheduler(timestep_spacing="trailing"),
    )


def _lcm() -> Any:
    return diffusers.LatentConsistencyModelPipeline(
        vae=_autoencoder(4),
        text_encoder=_text_encoder(CLIPTextModel),
        tokenizer=_tokenizer(),
        unet=_unet(time_cond_proj_dim=WIDTH),
        scheduler=diffusers.LCMScheduler(),
        **_UNFILTERED,
    )


def _stable_diffusion_3() -> Any:
    """Without its third text encoder, which may be left out."""
    return diffusers.StableDiffusion3Pipeline(
        transformer=diffusers.SD3Transformer2DModel(
            sample_size=32,
            patch_size=1,
            in_channels=4,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_projection_dim=32,
            joint_attention_dim=2 * WIDTH,
            pooled_projection_dim=2 * WIDTH,
            out_channels=4,
            pos_embed_max_size=96,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=_autoencoder(
            4, shift_factor=0.0609, scaling_factor=1.5305, use_quant_conv=False, use_post_quant_conv=False
        ),
        text_encoder=_text_encoder(CLIPTextModelWithProjection),
        tokenizer=_tokenizer(),
        text_encoder_2=_text_encoder(CLIPTextModelWithProjection),
        tokenizer_2=_tokenizer(),
        text_encoder_3=None,
        tokenizer_3=None,
    )


def _flux() -> Any:
    """As FLUX.1 schnell has it: without a number for guidance."""
    return diffusers.FluxPipeline(
        transformer=diffusers.FluxTransformer2DModel(
            patch_size=1,
            in_channels=4,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            pooled_projection_dim=WIDTH,
            axes_dims_rope=[4, 4, 8],
            guidance_embeds=False,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=_autoencoder(
            1, shift_factor=0.0609, scaling_factor=1.5305, use_quant_conv=False, use_post_quant_conv=False
        ),
        text_encoder=_text_encoder(CLIPTextModel),
        tokenizer=_tokenizer(),
        text_encoder_2=T5EncoderModel(
            T5Config(vocab_size=1000, d_model=WIDTH, d_kv=8, d_ff=WIDTH, num_layers=1, num_heads=4)
        ),
        tokenizer_2=_tokenizer(),
    )


KINDS: Mapping[str, Callable[[], Any]] = {
    "sd": _stable_diffusion,
    "turbo": _turbo,
    "lcm": _lcm,
    "sd3": _stable_diffusion_3,
    "flux": _flux,
}


def _tokenizer() -> Any:
    characters = [chr(code) for code in range(33, 127)]
    ends = ("<|startoftext|>", "<|endoftext|>")
    tokens = [*characters, *(f"{each}</w>" for each in characters), *ends]
    tokenizer = CLIPTokenizer(vocab={token: number for number, token in enumerate(tokens)}, merges=[])
    tokenizer.model_max_length = tokenizer.init_kwargs["model_max_length"] = WORDS
    return tokenizer


def _text_encoder(kind: Any) -> Any:
    words = len(_tokenizer())
    return kind(
        CLIPTextConfig(
            vocab_size=words,
            hidden_size=WIDTH,
            intermediate_size=WIDTH,
            num_attention_heads=4,
            num_hidden_layers=2,
            projection_dim=WIDTH,
            bos_token_id=words - 2,
            eos_token_id=words - 1,
        )
    )


def _autoencoder(channels: int, **changed: Any) -> Any:
    return diffusers.AutoencoderKL(
        block_out_channels=[8] * 4,
        norm_num_groups=4,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        latent_channels=channels,
        **changed,
    )


def _unet(**changed: Any) -> Any:
    usual = {"cross_attention_dim": WIDTH}
    return diffusers.UNet2DConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=8,
        **{**usual, **changed},
    )


if __name__ == "__main__":
    write_model(sys.argv[1], Path(sys.argv[2]))
