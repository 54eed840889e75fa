"""What `doctor` says of models, without loading one: what they are, their device, and whether memory is enough."""

from collections.abc import Sequence
from typing import Any

from promptcdn.checks import Check
from promptcdn.event_loop import AnswerTimeout
from promptcdn.generators.local import extras, memory
from promptcdn.generators.local.folders import Model
from promptcdn.generators.local.kinds import Library
from promptcdn.generators.local.process.frames import Garbled
from promptcdn.generators.local.process.running import Ended, Launch, Running
from promptcdn.generators.local.reading import Found


async def checks(models: Sequence[Found], engines: Sequence[str], device: str, seconds: float) -> tuple[Check, ...]:
    """Whether each library runs here, and whether each model has memory enough; `seconds` for each library."""
    found: list[Check] = []
    looks: dict[Library, dict[str, Any]] = {}
    for library in dict.fromkeys(each.model.library for each in models):
        looks[library] = await _look(library, device, seconds)
        found.append(_of_library(library, looks[library]))
    for name in engines:
        named = (each for each in models if each.model.name == name)
        found += (_of_model(each, looks[each.model.library]) for each in named)
    return tuple(found)


async def _look(library: Library, device: str, seconds: float) -> dict[str, Any]:
    """What the library says of itself, in a process of its own; nothing where that fails."""
    try:
        running = await Running.started(Launch(library, device))
    except OSError:
        return {}
    try:
        async with AnswerTimeout(seconds):
            said, _ = await running.answer()
    except (Ended, Garbled, TimeoutError):
        return {}
    finally:
        await running.end(0.0)
    return said if said.get("event") == "ready" else {}


def _of_library(library: Library, look: dict[str, Any]) -> Check:
    package = extras.package(library)
    if not look:
        advice = f"see the lines above it: pip install --force-reinstall {package} may help"
        return Check("generator", False, f"local: {package} does not start", advice)
    return Check("generator", True, f"local: {package} {look.get('version')} on {look.get('device')}")


def _of_model(found: Found, look: dict[str, Any]) -> Check:
    """Compared with all of the memory, and not with what is free: the running service may have loaded the model."""
    model, own = found.model, look.get("memory")
    device = str(look.get("device", "cpu"))
    needed = _needed(model, device)
    where = f"{device} has" if own else "this machine has"
    has, free = (own, None) if isinstance(own, int) else (memory.total(), memory.free())
    detail = f"{model.title}, in {found.folder}; needs about {_gb(needed)} of memory"
    detail += f", {where} {_gb(has)}" if has else ""
    part = f"engine {model.name}"
    if has and needed > has:
        advice = "take a smaller model (promptcdn model list), a smaller size, or a machine with more memory"
        return Check(part, False, detail, advice)
    if free is not None and needed > free:
        return Check(part, True, f"{detail}, of which {_gb(free)} are free", "end what else uses the memory")
    return Check(part, True, detail)


def _needed(model: Model, device: str) -> int:
    return model.memory(half=model.library == "diffusers" and not device.startswith("cpu"))


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
