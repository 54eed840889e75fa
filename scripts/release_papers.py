"""What a release says of itself, as text: pure, so that tests hold it by tables."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

# What the links in the bill of materials begin with: the machine that builds may ask another index.
INDEX = "https://pypi.org/simple"
# How it was built, and who says so, as SLSA wants it: by names that docs/release.md explains (RFC 4151).
BUILD_TYPE = "tag:promptcdn,2026:release/v1"
BUILDER = "tag:promptcdn,2026:release/by-hand"


def version(module: str) -> str:
    """The version in the text of promptcdn/__init__.py, its one place."""
    (found,) = re.findall(r'(?m)^__version__ = "([^"]+)"$', module)
    return str(found)


def complaints(version: str, tags: Sequence[str], changes: str, *, dirty: bool) -> list[str]:
    """Why the last commit is not that version's release."""
    heading = next(iter(re.findall(r"(?m)^## (.*)$", changes)), "none")
    found = []
    if dirty:
        found.append("the tree has changes that are not committed, and a release has none of them")
    if f"v{version}" not in tags:
        named = ", ".join(tags) or "none"
        found.append(
            f"the last commit has no tag v{version} (its tags: {named}), and promptcdn.__version__ says {version}"
        )
    if not re.fullmatch(rf"\[{re.escape(version)}\] - \d{{4}}-\d{{2}}-\d{{2}}", heading):
        found.append(f"CHANGELOG.md begins with the section {heading}, and not with [{version}] and its date")
    return found


def notes(changes: str, version: str, *, trial: bool) -> str:
    """The section of CHANGELOG.md about `version`; of a trial the topmost one."""
    sections = re.split(r"(?m)^## ", changes)[1:]
    chosen = sections[0] if trial else next(each for each in sections if each.startswith(f"[{version}] "))
    return f"# promptcdn {version}\n\n{chosen.partition(chr(10))[2].strip()}\n"


def bill(made: Mapping[str, Any], version: str, lock: str) -> dict[str, Any]:
    """The bill of materials as the tool has made it, with the version of what it is about, and with who needs what."""
    about = {**made["metadata"]["component"], "version": version, "purl": f"pkg:pypi/promptcdn@{version}"}
    components = [{name: value for name, value in each.items() if name != "description"} for each in made["components"]]
    places = {each["name"]: [] for each in components} | {"promptcdn": [about["bom-ref"]]}
    for each in components:
        places[each["name"]].append(each["bom-ref"])
    needed = needs(lock)
    dependencies = [
        {"ref": place, "dependsOn": sorted(below for each in sorted(needed.get(name, ())) for below in places[each])}
        for name, refs in sorted(places.items())
        for place in refs
    ]
    metadata = {**made["metadata"], "component": about}
    return {**made, "metadata": metadata, "components": components, "dependencies": dependencies}


def needs(lock: str) -> dict[str, set[str]]:
    """What each package of requirements.lock needs, by the remarks in it (`# via`)."""
    found: dict[str, set[str]] = {}
    for pin in re.split(r"(?m)^(?=[a-z0-9])", lock):
        name = pin.partition("==")[0]
        remarks = " ".join(re.findall(r"(?m)^ +#(.*)$", pin)).replace("via", "", 1)
        for above in re.findall(r"[a-z0-9][a-z0-9._-]*(?= |$)", re.sub(r"\(.*?\)", "", remarks)):
            if above != name:
                found.setdefault(above, set()).add(name)
    return found


def statement(
    digests: Mapping[str, str],
    *,
    commit: str,
    tag: str | None,
    made_with: Mapping[str, str],
    times: tuple[datetime, datetime],
) -> dict[str, Any]:
    """An in-toto statement with SLSA's provenance, https://slsa.dev/spec/v1.0/provenance.

    `digests` are the SHA-256 of files by name, `made_with` versions of tools, `times` begin and end. No level is
    claimed: whoever runs the script can write what they like, unless a builder that others trust signs it.
    """
    began, ended = (time.isoformat(timespec="seconds").replace("+00:00", "Z") for time in times)
    tools = [{"name": name, "annotations": {"version": version}} for name, version in sorted(made_with.items())]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": value}} for name, value in sorted(digests.items())],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"tag": tag, "trial": tag is None},
                "resolvedDependencies": [{"name": "source", "digest": {"gitCommit": commit}}, *tools],
            },
            "runDetails": {"builder": {"id": BUILDER}, "metadata": {"startedOn": began, "finishedOn": ended}},
        },
    }
