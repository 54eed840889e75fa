"""The libraries that models are drawn by: whether they are installed, and the command that installs them."""

from collections.abc import Mapping
from importlib.util import find_spec

from promptcdn.generators.local.kinds import Library

_MODULES: Mapping[Library, tuple[str, ...]] = {
    "openvino": ("openvino_genai",),
    "diffusers": ("diffusers", "torch", "transformers", "safetensors"),
}
# The package and the extra of this project.
_NAMES: Mapping[Library, tuple[str, str]] = {
    "openvino": ("openvino-genai", "local"),
    "diffusers": ("diffusers", "diffusers"),
}


def package(library: Library) -> str:
    """Its name in the package index."""
    return _NAMES[library][0]


def require(library: Library, model: str) -> None:
    """Raises `ImportError`, with the command that helps, where the library of that model is not installed."""
    if any(find_spec(name) is None for name in _MODULES[library]):
        name, extra = _NAMES[library]
        raise ImportError(
            f"the model {model} is drawn by {name}, which is not installed: pip install 'promptcdn[{extra}]'"
        )
