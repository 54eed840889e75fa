"""`promptcdn model`, with the real huggingface_hub and a hub on loopback."""

import json
import subprocess
from pathlib import Path

from promptcdn.generators.local import reading
from tests.support.models import OPENVINO, safetensors
from tests.support.service import PROMPTCDN, environment
from tests.upstream.hub import Hub

TOKEN = "canary-of-the-hub"  # noqa: S105
FILES = {
    **{name: json.dumps(said).encode() for name, said in OPENVINO.items() if name.endswith(".json")},
    "unet/diffusion_pytorch_model.safetensors": safetensors(size=300_000),
    "vae/diffusion_pytorch_model.safetensors": safetensors(),
    "text_encoder/model.safetensors": safetensors(),
    "unet/diffusion_pytorch_model.bin": b"a pickle",
    "v1-5-pruned.ckpt": b"a pickle",
    "unet/model.py": b"code",
}


def fetch(
    folder: Path, hub: str, *options: str, answer: str = "", name: str = "sd15", **settings: object
) -> subprocess.CompletedProcess[str]:
    usual = {"HF_ENDPOINT": hub, "HF_HOME": folder / "cache", "PROMPTCDN_DATA_DIR": folder / "data", **settings}
    return subprocess.run(
        [PROMPTCDN, "model", "fetch", name, "--to", "models", *options],
        cwd=folder,
        env=environment(**usual),
        input=answer,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_model_is_brought_without_what_runs_code(tmp_path: Path) -> None:
    with Hub(FILES) as hub:
        ended = fetch(tmp_path, hub.url, answer="y\n")

    assert ended.returncode == 0, ended.stderr
    folder = tmp_path / "models" / "sd15"
    assert ended.stdout.strip() == f"PROMPTCDN_LOCAL_MODEL={folder}"
    assert "licence: CreativeML Open RAIL-M" in ended.stderr
    assert "7 files, 0.0 GB, into" in ended.stderr
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {each for each in there if not each.startswith(".cache/")} == {
        name for name in FILES if name.endswith((".json", ".safetensors"))
    }
    assert reading.found(str(folder))[0].model.library == "diffusers"


def test_a_setting_may_name_the_folder_that_is_to_be_brought(tmp_path: Path) -> None:
    with Hub(FILES) as hub:
        ended = fetch(tmp_path, hub.url, "--yes", PROMPTCDN_LOCAL_MODEL=tmp_path / "models" / "sd15")

    assert ended.returncode == 0, ended.stderr


def test_nothing_is_brought_unless_somebody_agrees(tmp_path: Path) -> None:
    with Hub(FILES) as hub:
        ended = fetch(tmp_path, hub.url, answer="n\n")

        assert ended.returncode == 1
        assert not any("/resolve/" in each for each in hub.asked)
    assert not (tmp_path / "models").exists()


def test_what_was_cut_off_is_brought_on(tmp_path: Path) -> None:
    """And what is there is not asked for again."""
    with Hub(FILES, cut="unet/diffusion_pytorch_model.safetensors") as hub:
        fetch(tmp_path, hub.url, "--yes")
        ended = fetch(tmp_path, hub.url, "--yes")
        assert ended.returncode == 0, ended.stderr
        hub.asked.clear()
        again = fetch(tmp_path, hub.url, "--yes")

        assert again.returncode == 0
        assert not any(each.startswith("GET") and "/resolve/" in each for each in hub.asked)
    brought = tmp_path / "models" / "sd15" / "unet" / "diffusion_pytorch_model.safetensors"
    assert brought.read_bytes() == FILES["unet/diffusion_pytorch_model.safetensors"]


def test_a_gated_model_says_where_its_licence_is_accepted(tmp_path: Path) -> None:
    with Hub(FILES, token=TOKEN) as hub:
        refused = fetch(tmp_path, hub.url, "--yes", name="sd35-medium")
        wrong = fetch(tmp_path, hub.url, "--yes", name="sd35-medium", HF_TOKEN=f"{TOKEN}-of-another")
        good = fetch(tmp_path, hub.url, "--yes", name="sd35-medium", HF_TOKEN=TOKEN)

    for ended in (refused, wrong):
        assert ended.returncode == 1
        assert "accept it at https://huggingface.co/stabilityai/stable-diffusion-3.5-medium" in ended.stderr
        assert "set HF_TOKEN" in ended.stderr
        assert "canary" not in ended.stderr
    assert good.returncode == 0


def test_a_hub_that_is_not_there_is_told_without_a_traceback(tmp_path: Path) -> None:
    ended = fetch(tmp_path, "http://127.0.0.1:9", "--yes")

    assert ended.returncode == 1
    assert "the hub cannot be reached" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_name_that_is_none_is_told_with_a_guess(tmp_path: Path) -> None:
    ended = fetch(tmp_path, "http://127.0.0.1:9", name="sdxl-turbbo")

    assert ended.returncode == 2
    assert 'NAME="sdxl-turbbo": did you mean sdxl-turbo?' in ended.stderr


def test_the_list_needs_no_network(tmp_path: Path) -> None:
    ended = subprocess.run(
        [PROMPTCDN, "model", "list", "--json"], cwd=tmp_path, env=environment(), capture_output=True, timeout=60
    )

    models = json.loads(ended.stdout)
    assert {"sd15", "sdxl-turbo", "flux-schnell", "lcm-openvino"} <= {each["name"] for each in models}
    assert all(each["licence"] and each["size"] > 0 for each in models)
