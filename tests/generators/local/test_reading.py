"""A model's folder is read: the setting, files that are no JSON, and the heads of weights."""

import re
from pathlib import Path

import pytest

from promptcdn.generators.local import reading
from tests.support.models import OPENVINO, safetensors, write_folder

DIFFUSERS = {
    **{name: said for name, said in OPENVINO.items() if "openvino" not in name},
    "unet/diffusion_pytorch_model.safetensors": safetensors("F16", 4_000),
    "vae/diffusion_pytorch_model.safetensors": safetensors("F32", 4_000),
    "text_encoder/model.safetensors": safetensors("BF16", 4_000),
}


def test_the_setting_names_folders_and_perhaps_their_engines(tmp_path: Path) -> None:
    first, second = write_folder(tmp_path / "tiny"), write_folder(tmp_path / "snapshot-1f2e", DIFFUSERS)

    found = reading.found(f"{first}, sdxl={second}")

    assert [(each.model.name, each.model.library, each.folder) for each in found] == [
        ("tiny", "openvino", first),
        ("sdxl", "diffusers", second),
    ]


def test_weights_are_measured_by_their_own_precision(tmp_path: Path) -> None:
    (found,) = reading.found(str(write_folder(tmp_path / "tiny", DIFFUSERS)))

    about = pytest.approx
    assert found.model.half == about(4_000 + 2_000 + 4_000, rel=0.1)
    assert found.model.full == about(8_000 + 4_000 + 8_000, rel=0.1)


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    one, other = write_folder(tmp_path / "a" / "tiny"), write_folder(tmp_path / "b" / "tiny")

    with pytest.raises(ValueError, match="two models are called tiny: give one another name, like NAME=FOLDER"):
        reading.found(f"{one},{other}")


@pytest.mark.parametrize("setting", [",", " , "])
def test_a_setting_without_a_folder_is_told(setting: str) -> None:
    with pytest.raises(ValueError, match=r"PROMPTCDN_LOCAL_MODEL.*: no folder is named"):
        reading.found(setting)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"model_index.json": b"{"}, "model_index.json is no JSON object"),
        ({"model_index.json": b"[1]"}, "model_index.json is no JSON object"),
        ({"model_index.json": b"[" * 100_000}, "model_index.json is no JSON object"),
        ({"model_index.json": b" " * 1_000_001}, "model_index.json is no JSON object"),
        ({"unet/config.json": b"\xff"}, "unet/config.json is no JSON object"),
    ],
)
def test_a_file_that_is_no_json_is_named(tmp_path: Path, wrong: dict[str, bytes], says: str) -> None:
    folder = write_folder(tmp_path / "tiny", {**OPENVINO, **wrong})

    with pytest.raises(ValueError, match=re.escape(f'PROMPTCDN_LOCAL_MODEL="{folder}"') + f".*{says}"):
        reading.found(str(folder))


@pytest.mark.parametrize("head", [b"", b"\xff" * 8, b"\x02" + bytes(7) + b"{]", b"\x02" + bytes(7) + b"[]", bytes(20)])
def test_a_head_of_weights_that_says_nothing_is_no_fault(tmp_path: Path, head: bytes) -> None:
    folder = write_folder(tmp_path / "tiny", {**DIFFUSERS, "unet/diffusion_pytorch_model.safetensors": head})

    assert reading.found(str(folder))[0].model.library == "diffusers"


def test_what_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file.safetensors").touch()

    with pytest.raises(ValueError, match="there is no such folder"):
        reading.found(str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="this is a file: name the folder"):
        reading.found(str(tmp_path / "file.safetensors"))
