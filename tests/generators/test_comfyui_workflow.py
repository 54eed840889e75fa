"""Workflows of ComfyUI: where the places are, what is refused at the start, and how one is filled in."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from promptcdn.generators.comfyui import FILE_MAX, places, read
from promptcdn.generators.comfyui.workflow import Workflow, parse
from promptcdn.url import parameters
from promptcdn.url.request import Resolved
from tests.upstream.comfyui import SAMPLERS, SCHEDULERS, WORKFLOW

ORDER = Resolved("comfyui", "workflow", "a lighthouse", 7, 768, 512, 30, 6.5)

Nodes = dict[str, Any]
Change = Callable[[Nodes], object]


def parsed(*changes: Change) -> Workflow:
    """The usual workflow with these changes."""
    nodes = copy.deepcopy(dict(WORKFLOW))
    for change in changes:
        change(nodes)
    return parse(json.dumps(nodes).encode())


def titled(node: str, title: str) -> Change:
    return lambda nodes: nodes[node].update(_meta={"title": title})


def filled(workflow: Workflow, order: Resolved = ORDER, *, syntax: bool = False) -> Nodes:
    return workflow.filled(order, "a-name", syntax=syntax)


def test_every_place_is_filled_and_nothing_else_changes() -> None:
    order = replace(ORDER, negative_prompt="fog", sampler="k_dpmpp_2m", scheduler="karras")
    nodes = filled(parsed(), order)

    expected = copy.deepcopy(dict(WORKFLOW))
    expected["3"]["inputs"] |= {"seed": 7, "steps": 30, "cfg": 6.5, "sampler_name": "dpmpp_2m", "scheduler": "karras"}
    expected["5"]["inputs"] |= {"width": 768, "height": 512}
    expected["6"]["inputs"]["text"] = "a lighthouse"
    expected["7"]["inputs"]["text"] = "fog"
    expected["9"]["inputs"]["filename_prefix"] = "promptcdn/a-name"
    assert nodes == expected


def test_what_is_unset_stays_as_it_was_exported() -> None:
    nodes = filled(parsed())
    sampling = nodes["3"]["inputs"]

    assert (sampling["sampler_name"], sampling["scheduler"]) == ("euler", "normal")
    assert nodes["7"]["inputs"]["text"] == WORKFLOW["7"]["inputs"]["text"] != ""


def test_filling_in_leaves_the_workflow_as_it_was() -> None:
    workflow = parsed()
    filled(workflow)

    assert workflow.nodes == WORKFLOW


def test_an_engine_understands_what_has_a_place() -> None:
    every = {"negative_prompt", "steps", "cfg_scale", "sampler", "scheduler"}

    assert parsed().understands == every
    assert parsed(titled("3", "promptcdn: seed, steps"), titled("7", "Negative")).understands == {"steps"}


@pytest.mark.parametrize("sampler", parameters.SAMPLERS)
def test_every_sampler_is_one_of_comfyui(sampler: str) -> None:
    assert filled(parsed(), replace(ORDER, sampler=sampler))["3"]["inputs"]["sampler_name"] in SAMPLERS


def test_schedulers_have_the_names_of_comfyui() -> None:
    """ComfyUI refuses those that it does not have."""
    assert {*SCHEDULERS} <= {*parameters.SCHEDULERS}


SDXL = {"text_g": "", "text_l": "", "width": 1024, "clip": ["4", 1]}


@pytest.mark.parametrize(
    ("inputs", "title", "set_"),
    [
        (SDXL, "promptcdn: prompt", {"text_g", "text_l"}),
        ({"clip_l": "", "t5xxl": "", "guidance": 3.5, "clip": ["4", 1]}, "promptcdn: prompt", {"clip_l", "t5xxl"}),
        ({"value": ""}, "PromptCDN: Prompt", {"value"}),
        ({"Wildcard_Text": "", "text": ["1", 0]}, "promptcdn:prompt = Wildcard_Text", {"Wildcard_Text"}),
        ({"text": ["1", 0], "prompt": ""}, "promptcdn: prompt", {"prompt"}),
    ],
    ids=["SDXL", "Flux", "primitive", "named", "linked"],
)
def test_a_place_is_found_by_its_usual_input_or_by_the_named_one(inputs: Nodes, title: str, set_: set[str]) -> None:
    node = {"class_type": "Any", "inputs": dict(inputs), "_meta": {"title": title}}
    done = filled(parsed(lambda nodes: nodes.update({"6": node})))["6"]["inputs"]

    assert {name for name, value in done.items() if value == "a lighthouse"} == set_
    assert {name: done[name] for name in done.keys() - set_} == {name: inputs[name] for name in inputs.keys() - set_}


def test_a_place_may_be_at_several_nodes() -> None:
    second = {"class_type": "RandomNoise", "inputs": {"noise_seed": 0}, "_meta": {"title": "promptcdn: seed"}}
    done = filled(parsed(lambda nodes: nodes.update({"20": second})))

    assert (done["3"]["inputs"]["seed"], done["20"]["inputs"]["noise_seed"]) == (7, 7)


def test_a_named_picture_goes_before_all_others() -> None:
    preview = {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}}
    workflow = parsed(lambda nodes: nodes.update({"20": preview}), titled("20", "promptcdn: picture"))

    assert workflow.picture == "20"
    assert filled(workflow)["20"] == workflow.nodes["20"]


def test_the_syntax_of_prompts_is_plain_text() -> None:
    order = replace(ORDER, prompt="a (cat:1.3) embedding:x", negative_prompt="(fog:2)")
    plain, allowed = filled(parsed(), order), filled(parsed(), order, syntax=True)

    assert plain["6"]["inputs"]["text"] == r"a \(cat:1.3\) embedding :x"
    assert plain["7"]["inputs"]["text"] == r"\(fog:2\)"
    assert allowed["6"]["inputs"]["text"] == "a (cat:1.3) embedding:x"


@pytest.mark.parametrize("place", places.NEEDED)
def test_a_missing_place_is_refused_by_its_title(place: str) -> None:
    others = {"seed": ("3", "steps"), "prompt": ("6", ""), "width": ("5", "height"), "height": ("5", "width")}
    node, other = others[place]

    with pytest.raises(ValueError, match=f'no node has the title "promptcdn: {place}"'):
        parsed(titled(node, f"promptcdn: {other}" if other else "CLIP"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (titled("3", "promptcdn: seed, stpes"), "did you mean steps?"),
        (titled("3", "promptcdn: seed,"), 'names "", which is no place'),
        (titled("6", "promptcdn: prompt, seed"), "6 (CLIPTextEncode, titled"),
        (titled("4", "promptcdn: seed"), "promptcdn: seed=INPUT. Its inputs are ckpt_name"),
        (titled("6", "promptcdn: prompt=clip"), "comes from another node: give that node the title promptcdn: prompt"),
        (lambda nodes: nodes.update({"20": nodes["9"]}), "2 nodes end with a picture"),
        (lambda nodes: nodes.pop("9"), "no node is a SaveImage or a PreviewImage"),
        (lambda nodes: nodes.update({"20": {"inputs": {}}}), "this is no workflow of ComfyUI"),
        (lambda nodes: nodes.update(nodes=[], links=[]), "export it with Workflow > Export (API)"),
        (lambda nodes: nodes.clear(), "this is no workflow of ComfyUI"),
    ],
)
def test_a_mistake_in_a_workflow_is_told(change: Change, words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parsed(change)
    assert words in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 100_000, b"null", b"7", b'{"3": 7}', b"[]"])
def test_a_file_that_is_no_workflow_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "workflow.json"
    file.write_bytes(content)

    with pytest.raises(ValueError, match=f'COMFYUI_WORKFLOW="{file}": .*[Ee]xport'):
        read(str(file))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read(str(tmp_path / "none"))
    (tmp_path / "large").write_bytes(b" " * (FILE_MAX + 1))
    with pytest.raises(ValueError, match="larger than"):
        read(str(tmp_path / "large"))


def test_titles_of_other_kinds_are_left_alone() -> None:
    assert list(places.named("KSampler, seed: my prompt")) == []
    assert list(places.named("")) == []
