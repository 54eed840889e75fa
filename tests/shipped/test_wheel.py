"""The wheel lives beside other distributions: it shares no file with `proxy.py`, whose package is named `proxy`."""

import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from promptcdn import __version__

ROOT = Path(__file__).parents[2]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


def run(*command: str | Path) -> str:
    """What a command printed; its errors where it failed."""
    ended = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.strip()


def wheel(folder: Path) -> Path:
    """Our wheel, built from a copy of the sources: building leaves files beside them."""
    sources = folder / "sources"
    shutil.copytree(ROOT / "proxy", sources / "proxy", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    run(*PIP, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, sources)
    return next(folder.glob("promptcdn-*.whl"))


def environment(folder: Path) -> Path:
    """A virtual environment that has our dependencies, and neither us nor the sources; gives its Python."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"))
    # A folder that a .pth file names is searched, and .pth files in it (our editable installation) are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python


@pytest.mark.timeout(300)
def test_beside_proxy_py_both_work_and_either_can_go(tmp_path: Path) -> None:
    python = environment(tmp_path / "environment")
    here = (*PIP, "--python", str(python))
    run(*here, "install", "--quiet", "--no-deps", wheel(tmp_path), "proxy.py")
    promptcdn = python.with_name("promptcdn")

    assert run(promptcdn, "--version").endswith(__version__)
    assert run(python, "-m", "proxy", "--version")
    assert "site-packages/promptcdn" in run(python, "-c", "import promptcdn; print(promptcdn.__file__)")

    run(*here, "uninstall", "--quiet", "--yes", "proxy.py")
    assert run(promptcdn, "url", "a lighthouse", "--seed", "7").endswith("/?prompt=a+lighthouse&seed=7")
