"""How Sphinx makes the site of the documentation: `./scripts/site`. Decision 23 has why Sphinx does.

The pages are files of the repository, as GitHub shows them. docs/README.md is their map, and the menu of the site is
made of the links in it, so that no page is listed twice: a page that the map does not name fails the build.
"""

import os
import re
from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

from promptcdn import __version__

ROOT = Path(__file__).parents[2]
# The pages with a menu, and the caption where their links are not below headings.
MENUS = {"docs/README": "", "docs/decisions/README": "Decisions"}

project = author = html_title = "promptcdn"
release = version = __version__
root_doc = "docs/README"
extensions = ["myst_parser", "promptcdn.sites.sphinx"]
include_patterns = ["*.md", "docs/**"]
exclude_patterns = ["docs/site"]
# GitHub gives every heading an anchor; this is how many levels there are.
myst_heading_anchors = 6
# A block that leaves something out, or whose language Pygments does not know, is shown as it stands.
suppress_warnings = ["misc.highlighting_failure"]

html_theme = "furo"  # it loads nothing from elsewhere
html_additional_pages = {"index": "index.html"}
templates_path = ["templates"]
html_show_sourcelink = html_copy_source = html_show_sphinx = html_show_copyright = False

# Our own extension puts the pictures of docs/sketches.md into the site, from what `./scripts/pictures` has kept: no
# service is asked.
promptcdn_public_url = "http://127.0.0.1:8080"
promptcdn_vendor = True
promptcdn_lock = "promptcdn.lock"
promptcdn_cache = "sketches"

_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#:]+\.md)\)")


def menus(text: str, folder: Path, caption: str) -> dict[str, list[str]]:
    """The pages that each section of a map links to, in the order of the links; by heading, or by `caption` alone."""
    start, *sections = _SECTION.split(text)
    texts = dict(zip(sections[::2], sections[1::2], strict=True)) or {caption: start}
    found: dict[str, list[str]] = {}
    listed: set[str] = set()
    for title, body in texts.items():
        pages = dict.fromkeys(os.path.relpath(folder / link, ROOT) for link in _LINK.findall(body))
        found[title] = [page for page in pages if page not in listed]
        listed.update(pages)
    return found


def with_menu(_: Sphinx, name: str, source: list[str]) -> None:
    """Puts the menu behind the text of a map."""
    if name not in MENUS:
        return
    for title, pages in menus(source[0], (ROOT / name).parent, MENUS[name]).items():
        trees = "\n".join(f"/{page}" for page in pages)
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{trees}\n```\n"


def without_dead_ends(app: Sphinx, doctree: nodes.document) -> None:
    """Links to what GitHub shows and the site has not, folders and sources: to the folder's page, or to nothing."""
    for link in list(doctree.findall(addnodes.pending_xref)):
        target = str(link["reftarget"])
        place = ROOT / f"{target}.md" if link["refdomain"] == "doc" else (ROOT / app.env.docname).parent / target
        page = os.path.relpath(place / "README", ROOT)
        if place.is_dir() and page in app.env.found_docs:
            link.attributes.update({"refdomain": "doc", "reftarget": page, "reftargetid": None})
        elif place.exists() and target not in app.env.found_docs:
            link.replace_self(link.children)


def setup(app: Sphinx) -> None:
    """Has Sphinx call both."""
    app.connect("source-read", with_menu)
    app.connect("doctree-read", without_dead_ends)
