"""Stands in for openvino-genai in a model's process: the same calls, pictures of a hash, and faults by the prompt.

It is found by PYTHONPATH, so that all else in that process is the service's own. Faults are words of the prompt, and
while the model is loaded words of its folder's name.
"""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

__version__ = "stand-in"
FLOOD = 10_000


class Data(bytes):
    shape: tuple[int, ...]


class Tensor:
    def __init__(self, data: Data) -> None:
        self.data = data


class Scheduler:
    class Type:
        AUTO = "AUTO"
        DDIM = "DDIM"
        EULER_DISCRETE = "EULER_DISCRETE"
        EULER_ANCESTRAL_DISCRETE = "EULER_ANCESTRAL_DISCRETE"

    @staticmethod
    def from_config(path: Path, kind: str) -> str:
        assert path.name == "scheduler_config.json"
        return kind


class Text2ImagePipeline:
    def __init__(self, folder: str, device: str) -> None:
        self._scheduler = "AUTO"
        assert device in ("CPU", "GPU.1")
        name = Path(folder).name
        print("a library prints while it loads")
        if "missing" in name:
            raise RuntimeError("a file of the model is missing")
        fault(name)

    def set_scheduler(self, scheduler: str) -> None:
        self._scheduler = scheduler

    def generate(self, prompt: str, **asked: Any) -> Tensor:
        print("a library prints")
        assert "negative_prompt" not in asked or asked["guidance_scale"] > 1
        if "daemon" in prompt:  # it holds the pipe of the messages
            print("left behind:", subprocess.Popen(["sleep", "60"], start_new_session=True).pid, flush=True)
        fault(prompt)
        said = repr((prompt, sorted(asked.items()), self._scheduler)).encode()
        height, width = asked["height"], asked["width"]
        data = Data(hashlib.shake_256(said).digest(1024) * (height * width * 3 // 1024))
        data.shape = (1, height, width, 3)
        return Tensor(data)


def fault(text: str) -> None:
    """What the words of the text want to go wrong."""
    if "crash" in text:
        os.abort()
    if "leave" in text:
        os._exit(3)
    if "hang" in text:
        Path(f"/proc/{os.getpid()}/comm").write_text("hangs")
        while True:
            time.sleep(60)
    if "garbage" in text:
        for each in _pipes():
            os.write(each, b"\x00\xff" * 400_000)
    if "flood" in text:
        sys.stderr.write(f"{text} is what a library quotes\n" * FLOOD)
        sys.stderr.flush()
    if "memory" in text:
        raise RuntimeError(f"out of memory for {text}")
    if "broken" in text:
        raise ValueError(f"broken: {text}")


def _pipes() -> list[int]:
    """Where the answers go: what is neither the input nor the errors. uvloop has sockets for pipes."""
    errors = os.fstat(2).st_ino
    found = []
    for each in range(3, 32):
        try:
            here = os.fstat(each)
            if os.readlink(f"/proc/self/fd/{each}").startswith(("pipe:", "socket:")) and here.st_ino != errors:
                found.append(each)
        except OSError:
            continue
    return found
