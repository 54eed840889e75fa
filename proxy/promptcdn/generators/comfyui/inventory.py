"""What `doctor` asks ComfyUI, without drawing: whether it is there, and has every kind of node of the workflow."""

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from promptcdn.checks import Check
from promptcdn.generators.comfyui import answers
from promptcdn.generators.comfyui.workflow import Workflow
from promptcdn.generators.http import documents
from promptcdn.problems import UpstreamFailed

if TYPE_CHECKING:
    from promptcdn.generators.http.client import Http

# A kind of node is described with all files that may be chosen in it.
KIND_MAX = 8_000_000
# ComfyUI itself denies nobody access.
ACCESS = "COMFYUI_URL: a proxy that wants a password, or another server, may answer there"


async def checks(http: "Http", workflow: Workflow, patience: float) -> tuple[Check, ...]:
    """Whether ComfyUI answers and knows the workflow's nodes; `patience` in seconds for each question."""
    try:
        stats = await _asked(http, "/system_stats", patience)
        missing = [kind for kind in workflow.kinds if not await _known(http, kind, patience)]
    except UpstreamFailed as failure:
        advice = "check COMFYUI_URL, and whether ComfyUI runs and listens there (--listen)"
        return (Check("generator", False, f"comfyui at {http.where}: {failure.detail}", advice),)
    system = stats.get("system") if isinstance(stats, dict) else None
    version = system.get("comfyui_version") if isinstance(system, dict) else None
    reached = Check("generator", True, f"comfyui at {http.where}" + (f", version {version}" if version else ""))
    return reached, _workflow(missing)


def _workflow(missing: list[str]) -> Check:
    if missing:
        advice = "install the custom nodes that have them, or export a workflow without them"
        return Check("workflow", False, f"ComfyUI has no nodes {', '.join(missing)}", advice)
    return Check("workflow", True, "ComfyUI has all its nodes")


async def _known(http: "Http", kind: str, patience: float) -> bool:
    # An object with the kind as its only name, and an empty one where there is none.
    found = await _asked(http, f"/object_info/{quote(kind, safe='')}", patience)
    return isinstance(found, dict) and kind in found


async def _asked(http: "Http", path: str, patience: float) -> Any:
    reply = await http.get(path, seconds=patience, most=KIND_MAX)
    if reply.status != 200:
        raise answers.refusal(reply, path)
    return documents.document(reply.body)
