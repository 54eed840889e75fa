"""URLs of ours in notebooks: in their Markdown cells, and only the bytes of the URL change."""

import json
from typing import Any

import pytest

from promptcdn.markdown import Kind, Ours, find, rewritten

OURS = Ours.of("https://pics.example.org")
URL = "https://pics.example.org/?prompt=a&seed=7"


def notebook(*sources: Any, cell_type: str = "markdown") -> dict[str, Any]:
    cells = [{"cell_type": cell_type, "metadata": {"source": URL}, "source": source} for source in sources]
    return {"cells": cells, "metadata": {"source": [f"![a]({URL})"]}, "nbformat": 4}


@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize("ascii_", [True, False])
@pytest.mark.parametrize(
    "source",
    [
        ["# Ü 🦊 \"quoted\"\n", f" text \\\\ ![ü \"b\"]({URL} \"title\")\n", "\n", "end"],
        f"# Ü 🦊\r\n text\\\\ ![ü \"b\"]({URL} \"title\")\r\nend",
        [f"<img alt='ü \"b\"' src=\"{URL.replace('&', '&amp;')}\">"],
        ["[a][l]\n\n", f"[l]: {URL}"],
    ],
)  # fmt: skip
def test_a_url_is_found_in_markdown_cells(source: Any, ascii_: bool, indent: int | None) -> None:
    text = json.dumps(notebook(source), indent=indent, ensure_ascii=ascii_)

    (found,) = find(text, Kind.NOTEBOOK, OURS)

    assert found.url == URL
    assert text[slice(*found.span)].replace("&amp;", "&") == URL
    after = rewritten(text, {found: f'{URL}"\\ü'})
    assert after[: found.span.start] == text[: found.span.start]
    assert after.endswith(text[found.span.end :])
    joined = json.loads(after)["cells"][0]["source"]
    before = source if isinstance(source, str) else "".join(source)
    new = before.replace("seed=7", "seed=7%22%5C%C3%BC")
    assert (joined if isinstance(joined, str) else "".join(joined)) == new


def test_only_urls_spelled_with_escapes_change() -> None:
    text = json.dumps(notebook([f"![a]({URL})"])).replace("https://", "https:\\/\\u002f", 3)

    (found,) = find(text, Kind.NOTEBOOK, OURS)

    assert text[slice(*found.span)].startswith("https:\\/\\u002fpics")
    assert json.loads(rewritten(text, {found: "a.png"}))["cells"][0]["source"] == ["![a](a.png)"]


@pytest.mark.parametrize("cell_type", ["code", "raw"])
def test_code_cells_outputs_and_metadata_are_left_alone(cell_type: str) -> None:
    document = notebook([f"![a]({URL})"], cell_type=cell_type)
    document["cells"][0]["outputs"] = [{"data": {"text/markdown": [f"![a]({URL})"]}}]

    assert find(json.dumps(document), Kind.NOTEBOOK, OURS) == ()


def test_the_type_may_stand_behind_the_source() -> None:
    cell = {"source": [f"![a]({URL})"], "cell_type": "markdown"}

    assert len(find(json.dumps({"cells": [cell]}), Kind.NOTEBOOK, OURS)) == 1
    assert len(find(json.dumps({"worksheets": [{"cells": [cell]}]}), Kind.NOTEBOOK, OURS)) == 1


def test_each_cell_is_a_document_of_its_own() -> None:
    text = json.dumps(notebook(["```\n"], [f"![a][l] ![b]({URL})"], [f"[l]: {URL}"]))

    assert [one.syntax for one in find(text, Kind.NOTEBOOK, OURS)] == ["image", "definition"]


def test_lines_are_those_of_the_file() -> None:
    text = json.dumps(notebook(["# a\n", f"![a]({URL})"]), indent=1)

    (found,) = find(text, Kind.NOTEBOOK, OURS)

    line = text.splitlines()[found.line - 1]
    assert line[found.column - 1 :].startswith(URL)


@pytest.mark.parametrize("text", [f"![a]({URL})", f'{{"cells": ["{URL}"', ""])
def test_what_is_no_json_is_told(text: str) -> None:
    if text:
        with pytest.raises(ValueError, match="this is no notebook"):
            find(text, Kind.NOTEBOOK, OURS)
    else:
        assert find(text, Kind.NOTEBOOK, OURS) == ()


@pytest.mark.parametrize("text", ["[]", "1", f'"{URL}"', f'{{"cells": {{"a": "{URL}"}}}}', f'[[["{URL}"]]]'])
def test_json_that_is_no_notebook_has_no_pictures(text: str) -> None:
    assert find(text, Kind.NOTEBOOK, OURS) == ()
