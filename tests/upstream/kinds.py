"""The stand-ins by kind: how each is started, and the settings of a service that calls it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.upstream.a1111 import A1111Upstream
from tests.upstream.comfyui import ComfyUpstream
from tests.upstream.openai_images import OpenAiImages
from tests.upstream.over_http import HttpUpstream
from tests.upstream.server import Upstream
from tests.upstream.stability_rest import StabilityRest

StandIn = Upstream | HttpUpstream
Settings = dict[str, str]


@dataclass(frozen=True)
class Kind:
    """One protocol. `start` takes `ledger` and `port`; `service` gives the settings, and may write files to a folder.

    generator  what PROMPTCDN_GENERATOR calls it
    paid       whether its pictures cost money, so that budgets count them
    """

    generator: str
    start: Callable[..., StandIn]
    service: Callable[[Any, Path], Settings]
    paid: bool = True

    def settings(self, upstream: StandIn, folder: Path) -> Settings:
        """What sets a service up that calls `upstream`."""
        return {"PROMPTCDN_GENERATOR": self.generator, **self.service(upstream, folder)}


def _stability(upstream: StandIn, _folder: Path) -> Settings:
    return {"STABILITY_HOST": upstream.url}


def _openai(upstream: OpenAiImages, _folder: Path) -> Settings:
    return {"OPENAI_BASE_URL": upstream.url, "PROMPTCDN_OPENAI_SERVER": upstream.kind, "OPENAI_API_KEY": "canary"}


def _huggingface(upstream: OpenAiImages, _folder: Path) -> Settings:
    return {"HF_INFERENCE_ENDPOINT": upstream.endpoint, "HF_TOKEN": "canary"}


def _a1111(upstream: A1111Upstream, _folder: Path) -> Settings:
    return {"A1111_URL": upstream.url, "A1111_USER": "ann", "A1111_PASSWORD": "canary-password"}


def _comfyui(upstream: ComfyUpstream, folder: Path) -> Settings:
    folder.mkdir(exist_ok=True)
    return {"COMFYUI_URL": upstream.url, "COMFYUI_WORKFLOW": str(upstream.workflow(folder))}


KINDS: Mapping[str, Kind] = {
    "grpc": Kind("stability", Upstream, _stability),
    "rest": Kind("stability", StabilityRest, _stability),
    "openai": Kind("openai", OpenAiImages, _openai),
    # A server on this machine counts as one's own.
    "huggingface": Kind("huggingface", lambda **more: OpenAiImages("huggingface", **more), _huggingface, paid=False),
    "a1111": Kind("a1111", A1111Upstream, _a1111, paid=False),
    "comfyui": Kind("comfyui", ComfyUpstream, _comfyui, paid=False),
}
