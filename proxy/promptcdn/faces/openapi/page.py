"""The description for people: a page without scripts, made from the OpenAPI document and the table of problems."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from promptcdn.problems import KINDS

_STYLE = (Path(__file__).parent / "docs.css").read_text("utf-8")
# The page's policy allows this style by its digest (Content Security Policy Level 3, section 2.3.1).
STYLE_DIGEST = "sha256-" + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


_NEEDED = {"[{'operator': []}]": " Needs the operator's token.", "[{'client': []}]": " Needs an API key."}


def html(document: Mapping[str, Any]) -> str:
    """The page about an OpenAPI document that `document.described` gave."""
    info, operations = document["info"], list(_operations(document))
    parameters = {each["name"]: each for *_, each_of in operations for each in each_of["parameters"]}
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>promptcdn: its interface</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{_STYLE}</style></head><body><main>",
            f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
            f"<p><strong>{escape(info['summary'])}</strong> {_marked(info['description'])}</p>",
            '<p class="soft"><a href="./">The playground</a> writes URLs.'
            ' The same for programs: <a href="openapi.json">openapi.json</a>.',
            ' <a href="#parameters">Parameters</a>, <a href="#problems">problems</a>.</p>',
            "<h2>Paths</h2>",
            *(_operation(*each) for each in operations),
            '<h2 id="parameters">Parameters</h2><dl>',
            *(_parameter(each) for each in parameters.values()),
            '</dl><h2 id="problems">Problems</h2>',
            "<p>A problem is a JSON document (RFC 9457), or a small picture that says the same where pictures are",
            " shown. Programs look at its <code>code</code>.</p><dl>",
            *(
                f'<dt id="problem-{kind.code}"><code>{kind.code}</code> {kind.status}</dt>'
                f"<dd>{escape(kind.title)}.<br><span class=soft>To do: {escape(kind.advice)}.</span></dd>"
                for kind in KINDS
            ),
            "</dl></main></body></html>\n",
        )
    )


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    names = "".join(
        f'<li><a href="#parameter-{name}"><code>{name}</code></a></li>'
        for name in (escape(each["name"]) for each in operation["parameters"])
    )
    token = _NEEDED.get(str(operation.get("security")), "")
    return (
        f'<h3 id="{operation["operationId"]}"><b>{method.upper()}</b><code>{escape(path)}</code></h3>'
        f"<p>{escape(operation['summary'])}{token}</p>"
        + (f'<ul class="names">{names}</ul>' if names else "")
        + f'<p class="soft">Answers: {", ".join(operation["responses"])}.</p>'
    )


def _parameter(parameter: Mapping[str, Any]) -> str:
    name, required = escape(parameter["name"]), " (required)" if parameter["required"] else ""
    return f'<dt id="parameter-{name}"><code>{name}</code>{required}</dt><dd>{_marked(parameter["description"])}</dd>'


def _marked(text: str) -> str:
    """Text with its `code` as HTML."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))
