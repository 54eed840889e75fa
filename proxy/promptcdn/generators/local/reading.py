"""Reads of a model's folder what says what it is: names, sizes, small JSON files and the heads of safetensors."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptcdn.generators.local.folders import DOCUMENTS, Contents, Model, NotAModel, model
from promptcdn.misconfiguration import shown

# A configuration has a few kB, the head of a file of weights a few hundred.
DOCUMENT_MAX = 1_000_000
HEAD_MAX = 20_000_000
FILES_MAX = 2_000

SETTING = "PROMPTCDN_LOCAL_MODEL"


@dataclass(frozen=True)
class Found:
    """A model, and the folder that it is in."""

    folder: Path
    model: Model


def found(setting: str) -> tuple[Found, ...]:
    """The models of the setting: `FOLDER` or `NAME=FOLDER`, several with commas between them. Raises `ValueError`,
    which names the setting and the folder."""
    each = tuple(_found(item.strip()) for item in setting.split(",") if item.strip())
    if not each:
        raise ValueError(f"{SETTING}{shown(setting)}: no folder is named: write FOLDER or NAME=FOLDER")
    names = [one.model.name for one in each]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{SETTING}: two models are called {name}: give one another name, like NAME=FOLDER")
    return each


def _found(item: str) -> Found:
    name, _, path = item.rpartition("=")
    try:
        folder = Path(path).expanduser().absolute()
        return Found(folder, model(contents(folder, name.strip())))
    except NotAModel as wrong:
        raise ValueError(f"{SETTING}{shown(path)}: {wrong}") from None
    except OSError as error:
        raise ValueError(f"{SETTING}{shown(path)}: the folder cannot be read: {error.strerror}") from None


def contents(folder: Path, name: str = "") -> Contents:
    """What there is to know of a folder, which is called `name`. Raises `OSError` and `NotAModel`."""
    if not folder.exists():
        raise NotAModel("there is no such folder")
    if not folder.is_dir():
        raise NotAModel("this is a file: name the folder of a model in diffusers' or OpenVINO's format")
    files = dict(_files(folder))
    documents = {name: _document(folder / name) for name in DOCUMENTS if name in files}
    numbers = {name: _numbers(folder / name) for name in files if name.endswith(".safetensors")}
    return Contents(name or folder.name, files, documents, numbers)


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """The files in a folder and in its folders, with their sizes: a model's parts lie no deeper."""
    for path in (*_listed(folder), *(below for part in _listed(folder) if part.is_dir() for below in _listed(part))):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.stat().st_size


def _listed(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        found = [Path(entry.path) for _, entry in zip(range(FILES_MAX), entries, strict=False)]
    return sorted(found)


def _document(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        text = file.read(DOCUMENT_MAX + 1)
    try:
        document = json.loads(text) if len(text) <= DOCUMENT_MAX else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise NotAModel(f"{path.parent.name}/{path.name} is no JSON object of {DOCUMENT_MAX} bytes at most")
    return document


def _numbers(path: Path) -> str:
    """The type of most numbers in a file of weights, by its head (github.com/huggingface/safetensors, format); empty
    where it says none."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        head = file.read(length) if length <= HEAD_MAX else b""
    try:
        tensors = json.loads(head)
        sizes: dict[str, int] = {}
        for name, said in tensors.items():
            if name != "__metadata__":
                begin, end = said["data_offsets"]
                sizes[str(said["dtype"])] = sizes.get(str(said["dtype"]), 0) + int(end) - int(begin)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return ""
    return max(sizes, key=lambda each: sizes[each], default="")
