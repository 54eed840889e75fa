"""What a reply to `POST /sdapi/v1/txt2img` means: a picture, or why there is none.

Sources, read in November 2026: `TextToImageResponse`, `ExtrasSingleImageResponse` and `handle_exception` in
AUTOMATIC1111's `modules/api`, `Processed.js` in its `modules/processing.py`, an upscaler that it lacks in issue 73 of
mix1009/sdwebuiapi; KoboldCpp's `koboldcpp.py`; stable-diffusion.cpp's `routes_sdapi.cpp`.
"""

from typing import Any

from promptcdn.generators import Made
from promptcdn.generators.a1111.engines import checkpoint, names_checkpoint
from promptcdn.generators.a1111.names import SAMPLERS
from promptcdn.generators.http import Reply, documents, statuses
from promptcdn.problems import UPSTREAM_BUSY, UPSTREAM_GARBLED, UPSTREAM_REFUSED, UpstreamFailed
from promptcdn.url.request import Resolved

NO_API = (
    "the upstream has no image API at /sdapi/v1: start AUTOMATIC1111, Forge or SD.Next with --api,"
    " and check the path of A1111_URL"
)


def made(reply: Reply, resolved: Resolved) -> Made:
    """The picture in `reply`. Raises `UpstreamFailed`; no text of the server is in it, since it may quote a prompt."""
    if reply.status != 200:
        raise refusal(reply, f"engine {resolved.engine}", resolved.sampler)
    answer = documents.fields(reply.body)
    images = answer.get("images")
    if not isinstance(images, list) or not images or not isinstance(images[0], str):
        raise _garbled("the upstream sent no picture")
    info = _info(answer)
    _require_as_asked(info, resolved)
    echo = info.get("seed")
    # -1 and the like are no seeds.
    return Made(_decoded(images[0]), resolved.seed, echo if type(echo) is int and echo > 0 else 0)


def enlarged(reply: Reply, upscaler: str) -> Made:
    """The enlarged picture in `reply`, which `upscaler` was to make. Raises `UpstreamFailed`."""
    if reply.status in (404, 405):
        raise UpstreamFailed(UPSTREAM_REFUSED, "the upstream has no API that enlarges pictures", charged=False)
    # An assertion of AUTOMATIC1111's.
    if reply.status == 500 and "could not find upscaler" in str(documents.error(reply.body).get("errors")):
        raise UpstreamFailed(UPSTREAM_REFUSED, f"the upstream has no upscaler {upscaler}", charged=False)
    if reply.status != 200:
        raise refusal(reply, f"upscaler {upscaler}")
    image = documents.fields(reply.body).get("image")
    if not isinstance(image, str) or not image:
        raise _garbled("the upstream sent no picture")
    return Made(_decoded(image), seed_sent=0)


def refusal(reply: Reply, what: str, sampler: str | None = None) -> UpstreamFailed:
    """What an answer that is no success means; `what` says for what."""
    detail = documents.error(reply.body).get("detail")
    # The status of a sampler that is not there is 404 with AUTOMATIC1111 and SD.Next, and 400 with Forge.
    if reply.status in (400, 404) and detail == "Sampler not found":
        return UpstreamFailed(UPSTREAM_REFUSED, f"the upstream has no sampler {sampler}", charged=False)
    if reply.status in (404, 405):
        return UpstreamFailed(UPSTREAM_REFUSED, NO_API, charged=False)
    # KoboldCpp, while it does something else.
    if reply.status == 503 and isinstance(detail, dict) and detail.get("type") == "service_unavailable":
        return UpstreamFailed(UPSTREAM_BUSY, "the upstream is busy with another request", charged=False)
    return statuses.failure(reply.status, reply.headers, what)


def _info(answer: dict[str, Any]) -> dict[str, Any]:
    """`info`, which is JSON in a text. It is an empty text with sd-server and KoboldCpp: then nothing is said."""
    said = answer.get("info")
    if isinstance(said, str):
        return documents.fields(said.encode(errors="replace"))
    return said if isinstance(said, dict) else {}


def _require_as_asked(info: dict[str, Any], resolved: Resolved) -> None:
    """AUTOMATIC1111 draws with another checkpoint or sampler where it does not have the one that was asked for."""
    wanted, found = checkpoint(resolved.engine), [str(info.get(f"sd_model_{what}") or "") for what in ("name", "hash")]
    if wanted is not None and any(found) and not names_checkpoint(wanted, *found):
        raise _another("checkpoint", wanted)
    sampler = SAMPLERS[resolved.sampler] if resolved.sampler else None
    if sampler is not None and (info.get("sampler_name") or sampler) != sampler:
        raise _another("sampler", str(resolved.sampler))


def _another(what: str, wanted: str) -> UpstreamFailed:
    detail = f"the upstream does not have the {what} {wanted}: it drew with another one"
    return UpstreamFailed(UPSTREAM_REFUSED, detail, charged=True)


def _decoded(text: str) -> bytes:
    picture = documents.file(text)
    if picture is None:
        raise _garbled("the upstream's picture is not Base64")
    return picture


def _garbled(what: str) -> UpstreamFailed:
    return UpstreamFailed(UPSTREAM_GARBLED, what, charged=True)
