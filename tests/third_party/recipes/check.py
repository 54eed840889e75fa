"""The files of `deploy/` that start workers, held to Google's descriptions of its APIs: `./scripts/recipes-test`.

`RECIPES` is the environment with the descriptions.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support.topology import ROOT

ENVIRONMENT = Path(os.environ["RECIPES"])
(DOCUMENTS,) = ENVIRONMENT.glob("lib/python*/site-packages/googleapiclient/discovery_cache/documents")
FOLDER = ROOT / "deploy" / "workers"
PAGES = "\n".join(path.read_text() for path in (*FOLDER.iterdir(), ROOT / "docs" / "deploy" / "own-gpu.md"))


def api(name: str) -> dict[str, Any]:
    """Google's description of an API."""
    described: dict[str, Any] = json.loads((DOCUMENTS / f"{name}.json").read_text())
    return described


def schema(name: str, of: str) -> dict[str, Any]:
    """A JSON schema of one of its messages, in which no member is allowed that the API does not name."""

    def strict(node: Any) -> Any:
        if isinstance(node, list):
            return [strict(each) for each in node]
        if not isinstance(node, dict):
            return node
        found = {key: strict(value) for key, value in node.items() if key not in ("id", "default", "description")}
        if found.get("type") == "any":
            return {}
        if found.get("format") in ("int64", "uint64"):
            found["type"] = ["string", "integer"]  # both are read, since JSON's own numbers are not sure to hold it
        if isinstance(found.get("$ref"), str):
            return {"$ref": f"#/$defs/{found['$ref']}"}
        if isinstance(node.get("properties"), dict) and isinstance(node.get("type"), str):
            found["properties"] = {key: strict(value) for key, value in node["properties"].items()}
            found.setdefault("additionalProperties", False)
        return found

    return {"$ref": f"#/$defs/{of}", "$defs": {key: strict(value) for key, value in api(name)["schemas"].items()}}


@pytest.mark.parametrize(
    ("file", "name", "of"),
    [
        (FOLDER / "cloud-run-job.yaml", "run.v1", "Job"),
        (ROOT / "deploy" / "cloud-run" / "warm-job.yaml", "run.v1", "Job"),
        (ROOT / "deploy" / "cloud-run" / "service.yaml", "run.v1", "Service"),
        (FOLDER / "google-batch.json", "batch.v1", "Job"),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else value,
)
def test_google_takes_a_file(file: Path, name: str, of: str) -> None:
    document = yaml.safe_load(file.read_text())

    jsonschema.validate(document, schema(name, of))
    broken = {**document, "spek": 1}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema(name, of))


@pytest.mark.parametrize(("name", "method"), [("run.v2", "run"), ("batch.v1", "create")])
def test_google_has_the_address_of_a_start(name: str, method: str) -> None:
    described = api(name)
    jobs = described["resources"]["projects"]["resources"]["locations"]["resources"]["jobs"]["methods"]
    pattern = described["rootUrl"] + re.sub(r"\{\w+\}", "X", jobs[method]["flatPath"])
    starts = re.findall(r"https://(?:run|batch)\.googleapis\.com/\S+", PAGES)

    written = {re.sub(r"(?<=/)(PROJECT|REGION|promptcdn-worker)(?=[/:]|$)", "X", start) for start in starts}
    assert (pattern in written, jobs[method]["httpMethod"]) == (True, "POST"), (pattern, written)
