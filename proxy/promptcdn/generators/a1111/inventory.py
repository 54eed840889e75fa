"""What `doctor` asks the server, without drawing: whether it is there, and which checkpoints it has."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from promptcdn.checks import Check
from promptcdn.generators.a1111 import answers
from promptcdn.generators.a1111.engines import names_checkpoint
from promptcdn.generators.declaration import LOADED
from promptcdn.generators.http import documents
from promptcdn.generators.http.statuses import is_page
from promptcdn.problems import UPSTREAM_GARBLED, UPSTREAM_UNAUTHORIZED, UpstreamFailed

if TYPE_CHECKING:
    from promptcdn.generators.http.client import Http

# The options of a server with many extensions, and the titles of a thousand checkpoints.
LIST_MAX = 8_000_000
# A server that nobody asked for, or a proxy in between, denies access as well as the right one.
ACCESS = (
    "A1111_USER and A1111_PASSWORD, which are what the server was given by --api-auth, and A1111_URL: another server"
    " may answer there"
)


async def checks(http: "Http", engines: Sequence[str], upscaler: str, patience: float) -> tuple[Check, ...]:
    """Whether the server answers and has `engines` and, where one is named, `upscaler`; `patience` in seconds for each
    question."""
    try:
        listed = await _asked(http, "/sdapi/v1/sd-models", patience)
        options = await _asked(http, "/sdapi/v1/options", patience) if LOADED in engines else None
        upscalers = await _asked(http, "/sdapi/v1/upscalers", patience) if upscaler else None
    except UpstreamFailed as failure:
        return (Check("generator", False, f"a1111 at {http.where}: {failure.detail}", _advice(failure)),)
    checkpoints = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    loaded = options.get("sd_model_checkpoint") if isinstance(options, dict) else None
    found = Check("generator", True, f"a1111 at {http.where}")
    doubts = (_upscaler(upscaler, upscalers),) if upscaler else ()
    return (found, *(_engine(name, checkpoints, loaded) for name in engines), *doubts)


async def _asked(http: "Http", path: str, patience: float) -> Any:
    reply = await http.get(path, seconds=patience, most=LIST_MAX)
    if reply.status != 200:
        raise answers.refusal(reply, path)
    if is_page(reply):
        raise UpstreamFailed(UPSTREAM_GARBLED, f"the upstream answered with a web page for {path}", charged=False)
    return documents.document(reply.body)


def _advice(failure: UpstreamFailed) -> str:
    if failure.kind is UPSTREAM_UNAUTHORIZED:
        return f"check {ACCESS}"
    return "check A1111_URL, and whether the server runs and was started with --api"


def _engine(name: str, checkpoints: Sequence[dict[str, Any]], loaded: object) -> Check:
    if name == LOADED:
        return Check(f"engine {name}", True, f"the server has loaded {loaded}" if loaded else "the server does not say")
    if any(names_checkpoint(name, *_names(each)) for each in checkpoints):
        return Check(f"engine {name}", True, "the server has this checkpoint")
    has = ", ".join(sorted(str(each.get("model_name")) for each in checkpoints)) or "none"
    return Check(f"engine {name}", False, "the server has no such checkpoint", f"it has: {has}")


def _upscaler(name: str, listed: Any) -> Check:
    names = [str(each.get("name")) for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    if name in names:
        return Check(f"upscaler {name}", True, "the server has this upscaler")
    advice = f"set A1111_UPSCALER to one of: {', '.join(names) or 'none'}"
    return Check(f"upscaler {name}", False, "the server has no such upscaler", advice)


def _names(checkpoint: dict[str, Any]) -> Iterator[str]:
    for field in ("title", "model_name", "filename", "hash", "sha256"):
        yield str(checkpoint.get(field) or "")
