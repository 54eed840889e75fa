"""The workflow: what the operator exported from ComfyUI in the API's format, and the same filled in for one picture.

Source: ComfyUI's page "Workflow JSON" and `script_examples/basic_api_example.py`, read in November 2026: an object of
nodes by id, each with `class_type`, `inputs` and, from the editor, `_meta.title`.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from promptcdn.generators import prompts
from promptcdn.generators.comfyui import places
from promptcdn.url.request import Resolved

Nodes = Mapping[str, Mapping[str, Any]]
# Nodes that end a workflow with a picture (nodes.py).
PICTURE_NODES = ("SaveImage", "PreviewImage")


@dataclass(frozen=True)
class Slot:
    """An input of a node that is set for each picture."""

    node: str
    input: str


@dataclass(frozen=True)
class Workflow:
    """`nodes` by id; `slots` by place; `picture` is the id of the node whose picture is taken."""

    nodes: Nodes = field(repr=False)
    slots: Mapping[str, tuple[Slot, ...]]
    picture: str

    @property
    def understands(self) -> frozenset[str]:
        """Those of our parameters that change a picture by it, beside those that every engine understands."""
        optional = self.slots.keys() - set(places.NEEDED)
        return frozenset(places.PARAMETERS.get(place, place) for place in optional)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its nodes, each once."""
        return tuple(sorted({str(node["class_type"]) for node in self.nodes.values()}))

    def filled(self, resolved: Resolved, file: str, *, syntax: bool) -> dict[str, Any]:
        """The workflow for one picture; `file` is what ComfyUI calls it.

        ComfyUI does not work twice for the same nodes with the same inputs, and may then answer no picture, or one
        that was deleted meanwhile: with another name each time the picture is written anew.
        """
        nodes: dict[str, Any] = copy.deepcopy(dict(self.nodes))
        for place, value in _values(resolved, syntax=syntax):
            for slot in self.slots.get(place, ()):
                nodes[slot.node]["inputs"][slot.input] = value
        last = nodes[self.picture]["inputs"]
        if isinstance(last.get("filename_prefix"), str):
            last["filename_prefix"] = f"promptcdn/{file}"
        return nodes


def _values(resolved: Resolved, *, syntax: bool) -> Iterator[tuple[str, Any]]:
    """The value for each place; what is unset is as the operator exported it."""
    yield "prompt", prompts.sent(resolved.prompt, prompts.COMFYUI, allowed=syntax)
    if resolved.negative_prompt is not None:
        yield "negative_prompt", prompts.sent(resolved.negative_prompt, prompts.COMFYUI, allowed=syntax)
    # 0 is a seed like others (KSampler, "min": 0).
    yield "seed", resolved.seed
    yield "width", resolved.width
    yield "height", resolved.height
    yield "steps", resolved.steps
    yield "cfg", resolved.cfg_scale
    if resolved.sampler is not None:
        # comfy/sampler_names.py has our names without k_.
        yield "sampler", resolved.sampler.removeprefix("k_")
    if resolved.scheduler is not None:
        yield "scheduler", resolved.scheduler


def parse(content: bytes) -> Workflow:
    """The workflow in a file. Raises `ValueError` that says what is missing, and what to do."""
    nodes = _nodes(content)
    slots: dict[str, tuple[Slot, ...]] = {}
    pictures = []
    for id_, node in nodes.items():
        for place, given in places.named(_title(node)):
            if place == places.PICTURE:
                pictures.append(id_)
                continue
            try:
                found = tuple(Slot(id_, name) for name in places.inputs(place, given, node))
            except ValueError as wrong:
                raise ValueError(f"the node {_called(id_, node)}: {wrong}") from None
            slots[place] = slots.get(place, ()) + found
    for place in places.NEEDED:
        if place not in slots:
            raise ValueError(_missing(place))
    return Workflow(nodes, slots, _picture(nodes, pictures))


def _nodes(content: bytes) -> Nodes:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("the file is not JSON: export the workflow from ComfyUI once more") from None
    if isinstance(value, dict) and isinstance(value.get("nodes"), list):
        wrong = "this is a workflow for ComfyUI's editor: export it with Workflow > Export (API)"
        raise ValueError(wrong)  # noqa: TRY004
    if not isinstance(value, dict) or not value or not all(map(_is_node, value.values())):
        raise ValueError("this is no workflow of ComfyUI: export one with Workflow > Export (API)")
    return value


def _is_node(value: object) -> bool:
    return (
        isinstance(value, dict) and isinstance(value.get("class_type"), str) and isinstance(value.get("inputs"), dict)
    )


def _title(node: Mapping[str, Any]) -> str:
    meta = node.get("_meta")
    return str(meta.get("title") or "").strip() if isinstance(meta, dict) else ""


def _called(id_: str, node: Mapping[str, Any]) -> str:
    return f'{id_} ({node["class_type"]}, titled "{_title(node)}")'


def _missing(place: str) -> str:
    own = ", ".join(places.INPUTS[place][:2])
    return (
        f'no node has the title "{places.title(place)}": in ComfyUI, give it to the node whose input ({own} …) is to be'
        " set for each picture, and export the workflow again"
    )


def _picture(nodes: Nodes, titled: list[str]) -> str:
    """The id of the node whose picture is taken: the titled one, or the only one of its kind."""
    known = titled or [id_ for id_, node in nodes.items() if node["class_type"] in PICTURE_NODES]
    if len(known) != 1:
        which = "the node that saves the picture" if known else "the node that ends with the picture"
        count = f"{len(known)} nodes end with a picture" if known else f"no node is a {' or a '.join(PICTURE_NODES)}"
        raise ValueError(f'{count}: give the title "{places.title(places.PICTURE)}" to one of them, {which}')
    return known[0]
