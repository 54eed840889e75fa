"""One call for a picture: the workflow goes into ComfyUI's queue, is watched until it is done, and its picture is
fetched."""

import asyncio
import contextlib
import secrets
import time
import uuid
from collections.abc import Mapping
from typing import Any

from promptcdn.generators import Made
from promptcdn.generators.comfyui import answers
from promptcdn.generators.comfyui.timings import Timings
from promptcdn.generators.comfyui.workflow import Workflow
from promptcdn.generators.http import Http, Reply
from promptcdn.problems import UPSTREAM_TIMEOUT, UPSTREAM_UNREACHABLE, UpstreamFailed
from promptcdn.url.request import Resolved

# Of a picture; and of a history or a queue, in which each workflow stands whole.
PICTURE_MAX = 32_000_000
DOCUMENT_MAX = 16_000_000
# How often in a row a look may fail, and the fetching of a picture: a proxy that is restarted must not cost a picture.
LOST_LOOKS_MAX = 5


class Client:
    """Asks one ComfyUI for pictures by one workflow."""

    def __init__(self, http: Http, workflow: Workflow, timings: Timings, *, syntax: bool) -> None:
        self._http = http
        self._workflow = workflow
        self._timings = timings
        self._syntax = syntax

    async def generate(self, resolved: Resolved, content_key: str, seconds: float) -> Made:
        """One picture, within `seconds`. Raises `UpstreamFailed`."""
        ends = time.monotonic() + seconds
        file = f"{content_key[:16]}-{secrets.token_hex(4)}"
        # Ours: what was sent can be taken back also where the answer to it was lost.
        id_ = str(uuid.uuid4())
        nodes = self._workflow.filled(resolved, file, syntax=self._syntax)
        try:
            id_ = await self._submit(id_, nodes, ends)
            done = await self._done(id_, ends)
        except UpstreamFailed as failure:
            if failure.charged:
                await self._take_back(id_)
            raise
        except asyncio.CancelledError:
            await self._take_back(id_)
            raise
        reply = await self._view(answers.picture(done, self._workflow.picture), ends)
        return Made(answers.viewed(reply), resolved.seed)

    async def _submit(self, id_: str, nodes: Mapping[str, Any], ends: float) -> str:
        """Puts a workflow into the queue; gives its id, another one where ComfyUI is older than 2025."""
        # Without client_id a ComfyUI older than its pull request 14939 (July 2026) leaves a picture that it has from an
        # earlier run out of the history.
        body = {"prompt": nodes, "client_id": id_, "prompt_id": id_}
        reply = await self._http.post("/prompt", json=body, seconds=_left(ends), most=DOCUMENT_MAX)
        return answers.accepted(reply)

    async def _done(self, id_: str, ends: float) -> Mapping[str, Any]:
        """What the history has of a workflow, as soon as that is done."""
        pause, lost, queue_look = self._timings.first_look, 0, time.monotonic() + self._timings.queue_looks
        while True:
            await asyncio.sleep(min(pause, max(0.0, ends - time.monotonic())))
            if time.monotonic() >= ends:
                raise UpstreamFailed(UPSTREAM_TIMEOUT, "ComfyUI did not finish in time", charged=True)
            pause = min(1.5 * pause, self._timings.longest_look)
            try:
                found = await self._look(id_, ends)
                if found is None and time.monotonic() >= queue_look:
                    found = await self._require_queued(id_, ends)
                    queue_look = time.monotonic() + self._timings.queue_looks
                lost = 0
            except UpstreamFailed as failure:
                lost += 1
                if failure.kind is not UPSTREAM_UNREACHABLE or lost == LOST_LOOKS_MAX:
                    raise UpstreamFailed(failure.kind, failure.detail, charged=True) from None
                found = None
            if found is not None:
                return found

    async def _look(self, id_: str, ends: float) -> Mapping[str, Any] | None:
        reply = await self._http.get(f"/history/{id_}", seconds=self._patience(ends), most=DOCUMENT_MAX)
        return answers.entry(reply, id_)

    async def _require_queued(self, id_: str, ends: float) -> Mapping[str, Any] | None:
        """Nothing while a workflow is in the queue, or what the history has where it is just done."""
        reply = await self._http.get("/queue", seconds=self._patience(ends), most=DOCUMENT_MAX)
        if reply.status != 200 or answers.queued(reply, id_):
            return None
        found = await self._look(id_, ends)
        if found is None:
            raise UpstreamFailed(UPSTREAM_TIMEOUT, "ComfyUI lost the workflow: was it restarted?", charged=True)
        return found

    async def _view(self, where: str, ends: float) -> Reply:
        """The file of a picture that is drawn: whatever fails now is charged, or it would be drawn once more."""
        for number in range(1, LOST_LOOKS_MAX + 1):
            try:
                return await self._http.get(f"/view?{where}", seconds=_left(ends), most=PICTURE_MAX)
            except UpstreamFailed as failure:
                late = time.monotonic() + self._timings.first_look >= ends
                if failure.kind is not UPSTREAM_UNREACHABLE or number == LOST_LOOKS_MAX or late:
                    raise UpstreamFailed(failure.kind, failure.detail, charged=True) from None
            await asyncio.sleep(self._timings.first_look)
        raise AssertionError("the last try returns or raises")

    async def _take_back(self, id_: str) -> None:
        """Ends the work on a workflow that nobody waits for; where ComfyUI does not answer, it goes on.

        A ComfyUI older than its pull request 9607 (August 2025) stops whatever it draws: so it is asked first what that
        is.
        """
        seconds = self._timings.cancel
        with contextlib.suppress(UpstreamFailed):
            where = answers.queued(await self._http.get("/queue", seconds=seconds, most=DOCUMENT_MAX), id_)
            if where == "running":
                await self._http.post("/interrupt", json={"prompt_id": id_}, seconds=seconds, most=DOCUMENT_MAX)
            elif where == "pending":
                await self._http.post("/queue", json={"delete": [id_]}, seconds=seconds, most=DOCUMENT_MAX)

    def _patience(self, ends: float) -> float:
        """The seconds for one look."""
        return min(self._timings.account, _left(ends))


def _left(ends: float) -> float:
    return max(0.1, ends - time.monotonic())
