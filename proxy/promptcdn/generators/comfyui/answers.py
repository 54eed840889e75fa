"""What ComfyUI's replies mean.

Sources, read in November 2026: ComfyUI's page "Routes", `server.py` (`post_prompt`, `/history`, `/queue`, `/view`) and
`execution.py` (`validate_prompt`, `PromptQueue.task_done`, the messages `execution_error` and `execution_interrupted`).
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from promptcdn.generators.http import Reply, documents, statuses
from promptcdn.problems import UPSTREAM_GARBLED, UPSTREAM_REFUSED, UpstreamFailed

_WHAT = "the workflow"
# An id is a part of URLs. ComfyUI's are UUIDs.
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
# Longer than the name of any file.
_QUERY_LONGEST = 4096
# Of the errors of one workflow these are shown: their text is read by people.
_ERRORS_SHOWN = 3


def accepted(reply: Reply) -> str:
    """The id of a workflow that is in the queue now. Raises `UpstreamFailed`."""
    if reply.status != 200:
        raise refusal(reply)
    id_ = documents.fields(reply.body).get("prompt_id")
    if not isinstance(id_, str) or _ID.fullmatch(id_) is None:
        raise _garbled("the upstream is no ComfyUI: it answered without an id")
    return id_


def refusal(reply: Reply, what: str = _WHAT) -> UpstreamFailed:
    """What an answer that is no success means."""
    wrong = ", ".join(islice(_wrong(documents.fields(reply.body)), _ERRORS_SHOWN))
    if reply.status == 400 and wrong:
        return UpstreamFailed(UPSTREAM_REFUSED, f"ComfyUI refused the workflow: {wrong}", charged=False)
    if reply.status == 404:
        detail = "the upstream answered 404: it is no ComfyUI, or COMFYUI_URL has a wrong path"
        return UpstreamFailed(UPSTREAM_REFUSED, detail, charged=False)
    return statuses.failure(reply.status, reply.headers, what)


def _wrong(answer: Mapping[str, Any]) -> Iterator[str]:
    """Which node is wrong in what, in ComfyUI's own names. Its sentences are left out: they quote prompts and paths."""
    errors = answer.get("node_errors")
    for node in errors.values() if isinstance(errors, dict) else ():
        kind, found = _object(node).get("class_type"), _object(node).get("errors")
        for error in found if isinstance(found, list) else ():
            name = _object(_object(error).get("extra_info")).get("input_name")
            yield f"{_name(kind)}: {_name(_object(error).get('type'))}" + (f" ({_name(name)})" if name else "")
    error = answer.get("error")
    if not errors and isinstance(error, dict):
        yield _name(error.get("type"))


def entry(reply: Reply, id_: str) -> Mapping[str, Any] | None:
    """What the history has of a workflow; `None` while it is not done. Raises `UpstreamFailed`."""
    if reply.status != 200:
        raise refusal(reply, "the history")
    found = documents.fields(reply.body).get(id_)
    return found if isinstance(found, dict) else None


def queued(reply: Reply, id_: str) -> str:
    """Where a workflow is: `running`, `pending`, or nowhere (empty)."""
    answer = documents.fields(reply.body)
    for where in ("running", "pending"):
        items = answer.get(f"queue_{where}")
        # Each is (number, id, workflow …).
        for item in items if isinstance(items, list) else ():
            if isinstance(item, list) and len(item) > 1 and item[1] == id_:
                return where
    return ""


def picture(done: Mapping[str, Any], node: str) -> str:
    """Where the picture of `node` is, as the query of `/view`. Raises `UpstreamFailed`."""
    status = _object(done.get("status"))
    if status.get("status_str") == "error":
        raise _garbled(_failure(status.get("messages")))
    images = _object(_object(done.get("outputs")).get(node)).get("images")
    image = _object(images[0]) if isinstance(images, list) and images else {}
    place = {name: str(image.get(name) or "").encode(errors="replace") for name in ("filename", "subfolder", "type")}
    query = urlencode(place)
    if not place["filename"] or len(query) > _QUERY_LONGEST:
        raise _garbled(f"ComfyUI answered no picture of the node {node}")
    return query


def viewed(reply: Reply) -> bytes:
    """The file of a picture. Raises `UpstreamFailed`."""
    if reply.status == 404:
        raise _garbled("ComfyUI no longer has the picture: was its folder of outputs emptied?")
    if reply.status != 200:
        failed = refusal(reply, "the picture")
        raise UpstreamFailed(failed.kind, failed.detail, charged=True, pause=failed.pause)
    return reply.body


def _failure(messages: object) -> str:
    """The last word on a workflow that failed: the kind of the node and of the error, and nothing that could quote a
    prompt."""
    for message in reversed(messages) if isinstance(messages, list) else ():
        name, said = message if isinstance(message, list) and len(message) == 2 else ("", {})
        if name == "execution_interrupted":
            return "somebody stopped the workflow at ComfyUI"
        if name == "execution_error":
            kind, error = (_name(_object(said).get(field)) for field in ("node_type", "exception_type"))
            return f"the workflow failed in ComfyUI: {error} in a node {kind}"
    return "the workflow failed in ComfyUI"


def _object(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _name(found: object) -> str:
    """A name of ComfyUI's own, at most so long."""
    return str(found)[:80] if isinstance(found, str) and found.isprintable() else "?"


def _garbled(what: str) -> UpstreamFailed:
    return UpstreamFailed(UPSTREAM_GARBLED, what, charged=True)
