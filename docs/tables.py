"""Writes the tables between `<!-- table NAME -->` and `<!-- end -->` in the pages of this folder."""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

from headers import OF_ANSWERS, OF_REQUESTS, Header
from limits import BOUNDS, FIRST_VIEW, WAITS, Row
from promptcdn import problems
from promptcdn.cli import application
from promptcdn.generators.care.breaker import FIRST_PAUSES, LONGEST_PAUSE
from promptcdn.generators.openai.servers import SERVERS
from promptcdn.readers.cache_policies import POLICIES, Outcome, cache_control
from promptcdn.readers.user_agents import IMAGE_PROXIES, PREVIEWERS, Fetcher
from promptcdn.settings import Settings, allowed, shown_name
from promptcdn.telemetry.metrics import METRICS
from promptcdn.url import formats
from promptcdn.url.dialects.appended import APPENDED
from promptcdn.url.parameters import OF_INFO, PARAMETERS, Group
from promptcdn.url.parse import Face
from promptcdn.url.signing import SigningKeys
from promptcdn.url.snippets.tools import TOOLS

FOLDER = Path(__file__).parent
TELEMETRY = FOLDER.parent / "deploy" / "telemetry"
_ALERT = re.compile(
    r"- alert: (?P<name>\w+)\n +expr:.*?(?:\n +for: (?P<wait>\w+))?\n +labels: {severity: (?P<severity>\w+)}\n"
    r' +annotations:\n +summary: "(?P<summary>[^"]*)"',
    re.DOTALL,
)


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def parameters(group: Group) -> str:
    """The rows of the grammar."""
    return table(
        ("parameter", "what it is", "allowed"),
        (
            (
                " or ".join(f"`{name}`" for name in (row.name, *row.aliases)),
                row.meaning,
                row.allowed,
            )
            for row in (*PARAMETERS, *OF_INFO)
            if row.group == group
        ),
    )


def image_servers() -> str:
    """The servers with OpenAI's images API, and what each has of its own."""
    sizes = {"size-height-first": "`size`, HEIGHTxWIDTH", "width-and-height": "`width` and `height`"}
    seeds = {"top": "beside the prompt", "tag": "in a tag behind the prompt", "none": "none"}
    return table(
        ("`PROMPTCDN_OPENAI_SERVER`", "host", "default engine", "size", "seed", "understands", "known from"),
        (
            (
                f"`{each.name}`",
                each.host.replace("\\", "").replace("(xyz|ai)", "xyz, .ai"),
                f"`{each.engine}`",
                sizes.get(each.size, f"`{each.size}`") + ("; some engines `aspect_ratio`" if each.shapes else ""),
                seeds[each.seed] + ("" if each.seeded or each.seed == "none" else ", counts as ignored"),
                ", ".join(f"`{name}`" for name in each.fields),
                each.known_from,
            )
            for each in SERVERS
        ),
    )


def settings() -> str:
    """The fields of the settings, under the names people set."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, "", (), SigningKeys()) else f"`{_as_set(field.default)}`"
        rows.append((f"`{shown_name(name)}`", default, allowed(name), field.description))
    return table(("setting", "default", "allowed", "what it is"), rows)


def _as_set(value: object) -> str:
    """A default as people would set it."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def codes() -> str:
    """The kinds of problems."""
    rows = (
        (f"`{kind.code}`", kind.status, kind.title, f"`{kind.cache_control}`", kind.retry_after or "", kind.advice)
        for kind in problems.KINDS
    )
    return table(("code", "status", "title", "Cache-Control", "Retry-After", "what to do"), rows)


def upstream_failures() -> str:
    """When clients may try again, by what an upstream failed with."""
    kinds = [kind for kind in problems.KINDS if kind.code.startswith("upstream_")]
    rows = (
        (
            f"`{kind.code}`",
            f"{kind.retry_after} s",
            *((f"{FIRST_PAUSES[kind]:g} s", f"{LONGEST_PAUSE:g} s") if kind in FIRST_PAUSES else ("never", "")),
        )
        for kind in kinds
    )
    return table(("failure", "Retry-After", "the upstream rests at first", "at most"), rows)


def outcomes() -> str:
    """Pictures by outcome."""
    rows = (
        (outcome.value, f"`{cache_control(outcome, 3600)}`", "yes" if POLICIES[outcome].validators else "no")
        for outcome in Outcome
    )
    return table(("outcome", "Cache-Control", "ETag and Last-Modified"), rows)


def fetchers(known: Iterable[Fetcher]) -> str:
    """Who fetches pictures to show them to others, by what their User-Agent says."""
    return table(("User-Agent", "who", "source"), ((f"`{row.token}`", row.who, row.source) for row in known))


def appended() -> str:
    """What others append to URLs, and what is ignored of it."""
    rows = (
        (
            row.who,
            ", ".join(f"`{name.replace('*', '…')}`" for name in row.names)
            + (f" with the value {' or '.join(f'`{value}`' for value in row.values)}" if row.values else "")
            + ("" if row.numbers else ", unless the value is a whole number"),
        )
        for row in APPENDED
    )
    return table(("who appends it", "parameters"), rows)


def tools() -> str:
    """Which form of URL does best in which tool."""
    shown: dict[Face, str] = {"query": "/?prompt=…", "extension": "/i.{}?prompt=…", "path": "/prompt/….{}"}
    rows = (
        (
            row.what,
            f"`{shown[row.face].format(formats.BY_NAME[row.shows[0]].extension)}`",
            ", ".join(row.shows),
            row.why,
            row.source,
            ", ".join(f"`{name}`" for name in row.names),
        )
        for row in TOOLS
    )
    return table(("where", "form", "formats", "why", "how that is known", "`--for`"), rows)


def metrics() -> str:
    """What is counted and measured."""
    rows = (
        (f"`{metric.name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.meaning)
        for metric in METRICS
    )
    return table(("metric", "kind", "labels", "what it says"), rows)


def alerts() -> str:
    """The alerts for Prometheus, in the words that whoever is on duty reads."""
    found = _ALERT.finditer((TELEMETRY / "alerts.yml").read_text())
    rows = ((f"`{each['name']}`", each["severity"], each["wait"] or "at once", each["summary"]) for each in found)
    return table(("alert", "severity", "fires after", "what it means, and what to do"), rows)


def panels() -> str:
    """The panels of the dashboard, with the descriptions that it shows itself."""
    shown = json.loads((TELEMETRY / "dashboard.json").read_text())["panels"]
    return table(("panel", "what it shows"), ((each["title"], each["description"]) for each in shown))


def limits(rows: Iterable[Row], what: str) -> str:
    """Waits or bounds, with the values that the code has."""
    cells = (
        (row.meaning, row.shown, f"`{row.setting}`" if row.setting else "", f"`{_file(row.place)}`") for row in rows
    )
    return table((what, "default", "setting", "in the code"), cells)


def headers(rows: Iterable[Header], where: str) -> str:
    """The headers of answers or of requests."""
    return table(("header", where, "what it says", "source"), ((f"`{h.name}`", *_cells(h)) for h in rows))


def _cells(header: Header) -> tuple[str, str, str]:
    return header.where, header.meaning, header.source


def options() -> str:
    """The arguments and options of all commands, as `--help` prints them."""
    rows = (
        (f"`promptcdn {name}`" if first else "", f"`{spelled(each)}`", each.help)
        for name, command in commands()
        for first, each in zip((True, *[False] * len(command.params)), shown_options(command), strict=False)
    )
    return table(("command", "argument or option", "what it is"), rows)


def commands() -> Iterator[tuple[str, Any]]:
    """Every command with its words, those of groups too, in the order of `promptcdn --help`."""
    groups: Any = typer.main.get_command(application())
    for name, command in groups.commands.items():
        for below, inner in getattr(command, "commands", {"": command}).items():
            yield f"{name} {below}".rstrip(), inner


def shown_options(command: Any) -> list[Any]:
    """The arguments, then the options, without `--help`."""
    return [each for each in command.params if not getattr(each, "hidden", False) and each.name != "help"]


def spelled(parameter: Any) -> str:
    """An argument or an option as it is written."""
    if parameter.param_type_name == "argument":
        name = str(parameter.metavar or parameter.name.upper())
        return name + ("..." if parameter.nargs == -1 and not name.endswith("...") else "")
    return " / ".join((*parameter.opts, *parameter.secondary_opts))


def decisions() -> str:
    """The records by number, with their titles."""
    records = sorted((FOLDER / "decisions").glob("[0-9]*.md"))
    titles = (record.read_text().partition("\n")[0].removeprefix("# ") for record in records)
    return "\n".join(f"- [{title}]({record.name})" for title, record in zip(titles, records, strict=True))


def _file(place: str) -> str:
    """A module and what is in it, as a path and what is in it."""
    module, _, name = place.partition(":")
    return f"{module.replace('.', '/')} {name}"


TABLES = {
    "generation": parameters("generation"),
    "delivery": parameters("delivery"),
    "control": parameters("control"),
    "info": parameters("info"),
    "appended": appended(),
    "tools": tools(),
    "settings": settings(),
    "image servers": image_servers(),
    "problems": codes(),
    "headers of answers": headers(OF_ANSWERS, "which answers"),
    "headers of requests": headers(OF_REQUESTS, "read of"),
    "options": options(),
    "decisions": decisions(),
    "upstream failures": upstream_failures(),
    "outcomes": outcomes(),
    "image proxies": fetchers(IMAGE_PROXIES),
    "previewers": fetchers(PREVIEWERS),
    "metrics": metrics(),
    "alerts": alerts(),
    "panels": panels(),
    "first view": table(("what", "default"), ((row.meaning, row.shown) for row in FIRST_VIEW)),
    "waits": limits(WAITS, "time"),
    "bounds": limits(BOUNDS, "bound"),
}


def written(page: str) -> str:
    """The page with its tables as the code has them."""

    def fill(match: re.Match[str]) -> str:
        return f"<!-- table {match[1]} -->\n{TABLES[match[1]]}\n<!-- end -->"

    return re.sub(r"<!-- table ([a-z ]+) -->\n.*?<!-- end -->", fill, page, flags=re.DOTALL)


def main(check: bool) -> int:
    """Writes the pages, or with `check` gives 1 where one differs."""
    stale = [page for page in FOLDER.rglob("*.md") if page.read_text() != written(page.read_text())]
    for page in stale:
        if check:
            print(f"{page.name}: its tables are not the code's; run ./scripts/docs")  # noqa: T201
        else:
            page.write_text(written(page.read_text()))
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
