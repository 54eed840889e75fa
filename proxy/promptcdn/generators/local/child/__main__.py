"""The process of a model. It ends when its standard input is closed, so also when the service has ended in any way."""

import contextlib
import ctypes
import importlib
import io
import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from typing import Any, BinaryIO

from promptcdn.generators.local.child import Backend, Model, Order, Refused
from promptcdn.generators.local.process import frames

Asked = tuple[dict[str, Any], dict[str, bytes]]
# Of what is to be killed where memory runs out, so that the service is not (proc(5), oom_score_adj).
_OOM_SCORE = "900"
_PR_SET_PDEATHSIG = 1


def main(launch: Mapping[str, Any]) -> None:
    answers = _private_output()
    _stay_below(launch["parent"])
    asked: queue.Queue[Asked] = queue.Queue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    backend: Backend = importlib.import_module(f"promptcdn.generators.local.child.{launch['library']}")
    try:
        if not launch["folder"]:
            _say(answers, {"event": "ready", **backend.look(launch["device"])})
            return
        model = backend.load(launch)
    except Exception as error:  # noqa: BLE001 - whatever a library raises, the service hears of it
        traceback.print_exc()
        _say(answers, _broken(error))
        sys.exit(1)
    _say(answers, {"event": "ready"})
    while True:
        said, files = asked.get()
        _say(answers, {"event": "begun"})
        _say(answers, *_drawn(model, said, files))


def _drawn(
    model: Model, said: Mapping[str, Any], files: Mapping[str, bytes]
) -> tuple[dict[str, Any], dict[str, bytes]]:
    try:
        picture, file = model.draw(Order(**{**said, **files})), io.BytesIO()
        picture.save(file, "PNG", compress_level=1)
    except Refused as why:
        return {"event": "refused", "detail": str(why)}, {}
    except Exception as error:  # noqa: BLE001 - as above
        traceback.print_exc()
        return _broken(error), {}
    return {"event": "picture"}, {"picture": file.getvalue()}


def _broken(error: Exception) -> dict[str, Any]:
    memory = isinstance(error, MemoryError) or "out of memory" in str(error).lower()
    return {"event": "broken", "error": type(error).__name__, "memory": memory}


def _private_output() -> BinaryIO:
    """Where answers go. What libraries print goes to the errors from now on."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _stay_below(parent: int) -> None:
    """The service comes first: for the processor, when memory runs out, and when it ends."""
    # A signal to all processes of a terminal or of a unit: the service decides when this one ends.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(5)
    if sys.platform == "linux":
        # Also when a library hangs, and the thread that listens cannot run.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write(_OOM_SCORE)
        if os.getppid() != parent:
            os._exit(0)


def _listen(asked: "queue.Queue[Asked]") -> None:
    """Takes orders until there are no more."""
    orders = sys.stdin.buffer
    try:
        while line := orders.readline(frames.LINE_MAX):
            said, sizes = frames.parsed(line)
            asked.put((said, {name: orders.read(size) for name, size in sizes.items()}))
    finally:
        os._exit(0)


def _say(answers: BinaryIO, said: Mapping[str, Any], files: Mapping[str, bytes] = {}) -> None:
    answers.write(frames.head(said, files))
    for file in files.values():
        answers.write(file)
    answers.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
