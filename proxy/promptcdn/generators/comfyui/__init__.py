"""The `comfyui` generator: pictures by a workflow that the operator exported from ComfyUI.

    places     what nodes of the workflow are there for, as their titles say
    workflow   the workflow, and the same filled in for one picture
    answers    what ComfyUI's replies mean
    client     one call for a picture: into the queue, watched, fetched
    inventory  what `doctor` asks ComfyUI, without drawing
    timings    how long ComfyUI is waited for

Importing this module is cheap: httpx2 comes in with the first call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from promptcdn.checks import Check
from promptcdn.generators import NO_SOURCES, InspectedGenerator, Made, Sources
from promptcdn.generators.comfyui import inventory, workflow
from promptcdn.generators.comfyui.timings import TIMINGS, Timings
from promptcdn.generators.comfyui.workflow import Workflow
from promptcdn.generators.declaration import Declaration, Given
from promptcdn.generators.http import address
from promptcdn.misconfiguration import shown
from promptcdn.url.engines import ANY, Family
from promptcdn.url.request import Resolved

ENGINE = "workflow"
# A workflow of a thousand nodes has 500 kB.
FILE_MAX = 4_000_000


class ComfyUi:
    """Makes pictures by `workflow` at `url`, which is text as in COMFYUI_URL.

    `syntax`: readers may use the syntax of prompts, as `(word:1.3)`.
    Raises `ValueError` where `url` is no address.
    """

    refuses = ""

    def __init__(self, url: str, workflow: Workflow, *, syntax: bool = False, timings: Timings = TIMINGS) -> None:
        from promptcdn.generators.comfyui.client import Client  # late, as httpx2 is: for those who call
        from promptcdn.generators.http.client import Http

        self._where = address(url, "COMFYUI_URL")
        self._http = Http(self._where)
        self._workflow = workflow
        self._client = Client(self._http, workflow, timings, syntax=syntax)
        self._timings = timings

    @property
    def name(self) -> str:
        return DECLARATION.name

    @property
    def paid(self) -> bool:
        return DECLARATION.paid

    def __repr__(self) -> str:
        return f"ComfyUi({str(self._where)!r})"

    async def generate(
        self, resolved: Resolved, content_key: str, seconds: float | None = None, *, sources: Sources = NO_SOURCES
    ) -> Made:
        """One picture, within `seconds`. Raises `UpstreamFailed`; what is given up is taken out of ComfyUI's queue."""
        del sources  # a workflow has no place for pictures to start from
        return await self._client.generate(resolved, content_key, self._timings.picture if seconds is None else seconds)

    async def checks(self, engines: Sequence[str]) -> tuple[Check, ...]:
        """Whether ComfyUI is there and has every kind of node of the workflow."""
        del engines  # the workflow is the only one
        return await inventory.checks(self._http, self._workflow, self._timings.account)

    async def close(self) -> None:
        """Closes what is open."""
        await self._http.close()


def read(path: str) -> Workflow:
    """The workflow in the file that COMFYUI_WORKFLOW names. Raises `ValueError`."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(FILE_MAX + 1)
        if len(content) > FILE_MAX:
            raise ValueError(f"the file is larger than {FILE_MAX} bytes: no workflow is")  # noqa: TRY301
        return workflow.parse(content)
    except OSError as error:
        raise ValueError(f"COMFYUI_WORKFLOW{shown(path)}: the file cannot be read: {error.strerror}") from None
    except ValueError as wrong:
        raise ValueError(f"COMFYUI_WORKFLOW{shown(path)}: {wrong}") from None


def _under(values: Mapping[str, str]) -> Declaration:
    """The declaration as the workflow makes it: an engine understands what has a place in it."""
    address(values["comfyui_url"], "COMFYUI_URL")
    family = replace(FAMILY, understands=read(values["comfyui_workflow"]).understands)
    return replace(DECLARATION, engines=(family,))


def _opened(given: Given) -> InspectedGenerator:
    from promptcdn.generators.care.guarded import Guarded  # late, like the client

    values = given.settings
    upstream = ComfyUi(
        values["comfyui_url"], read(values["comfyui_workflow"]), syntax=values["prompt_syntax"] == "allowed"
    )
    return Guarded(upstream, given.seconds, breaker=given.breaker, access=inventory.ACCESS)


FAMILY = Family(ENGINE, ANY.sizes, ANY.default_size)
DECLARATION = Declaration(
    name="comfyui",
    opened=_opened,
    engine=ENGINE,
    engines=(FAMILY,),
    paid=False,
    settings=("comfyui_url", "comfyui_workflow", "prompt_syntax"),
    needs=("comfyui_url", "comfyui_workflow"),
    auto=True,
    # ComfyUI draws one picture after the other: a second one would only use up its time in the queue.
    concurrency=1,
    by_settings=_under,
)
