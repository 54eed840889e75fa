"""Which form of a picture's URL does best in which tool: one row each, which `promptcdn url --for` follows.

`docs/urls.md` has this table. "Tried" means that the tool was run with all three faces and these formats.
"""

from typing import NamedTuple

from promptcdn.url import formats
from promptcdn.url.parse import Face

# The names of formats, the best one for the purpose first.
_WEB = tuple(row.name for row in sorted(formats.FORMATS, key=lambda row: row is not formats.DEFAULT))
_PROXIED = tuple(name for name in _WEB if not formats.BY_NAME[name].by_name)
_SMALL = tuple(row.name for row in formats.FORMATS if row.everywhere)
_LOSSLESS = tuple(reversed(_SMALL))


class Tool(NamedTuple):
    """One row.

    names   what `--for` takes
    what    what the tool is
    face    the form of the URL
    shows   the formats that the tool shows, the best one first
    why     what happens with another form
    source  how that is known: tried, with the version, or whose documentation says so
    """

    names: tuple[str, ...]
    what: str
    face: Face
    shows: tuple[str, ...]
    why: str
    source: str


TOOLS = (
    Tool(
        ("github", "gitlab", "pypi", "readme"),
        "READMEs on GitHub, GitLab, PyPI",
        "query",
        _PROXIED,
        "the image proxy goes by the media type; one of them refuses AVIF",
        "the source of go-camo 2 and atmos/camo 2",
    ),
    Tool(
        ("mkdocs", "material"),
        "MkDocs and Material, with the plugin `privacy`",
        "extension",
        _WEB,
        "of `/?prompt=…` the plugin makes a hidden file like `.f68aa3ee.webp`, which many servers leave out; of"
        " `/i.webp?…` it makes `i.965819cb.webp`",
        "tried: mkdocs-material 9.8",
    ),
    Tool(
        ("hugo",),
        "Hugo, `resources.GetRemote`",
        "extension",
        _PROXIED,
        "it wants an extension and bytes that say the same type, and names the file by the path",
        "tried: Hugo 0.111; github.com/gohugoio/hugo/pull/9307",
    ),
    Tool(
        ("eleventy",),
        "Eleventy, remote pictures",
        "extension",
        _WEB,
        "it takes the pictures in when the site is built",
        "tried: Eleventy 3.1 with Eleventy Image 6.0",
    ),
    Tool(
        ("astro",),
        "Astro, remote pictures",
        "path",
        _WEB,
        "in Markdown it fails at every `&` of a picture that it takes in; with `seed` as the only parameter there is"
        " none in `/prompt/a%20lighthouse.webp?seed=7`",
        "tried: Astro 5.18",
    ),
    Tool(
        ("docusaurus", "vitepress", "jekyll", "html"),
        "HTML pages whose readers' browsers fetch the pictures: Docusaurus, VitePress, Jekyll, Sphinx",
        "query",
        _WEB,
        "any form will do",
        "tried: Docusaurus 3.10, VitePress 1.6, Jekyll 4.3, Sphinx 9.0",
    ),
    Tool(
        ("epub",),
        "EPUB by pandoc, Quarto or Sphinx",
        "extension",
        _SMALL,
        "pandoc puts a WebP into the book as it is, and older readers do not show it; Sphinx leaves it out. Where"
        " pandoc's `default-image-extension` is set, as Quarto does, `/?…&seed=7` becomes `7.png`: another picture",
        "tried: pandoc 2.17; Sphinx 9.0, builder epub. Quarto: github.com/quarto-dev/quarto-cli/issues/14635",
    ),
    Tool(
        ("latex", "pdf", "latex-pdf"),
        "LaTeX by pandoc, Quarto or Sphinx",
        "extension",
        _LOSSLESS,
        "LaTeX reads no WebP and no AVIF: pandoc writes an `\\includegraphics` that fails, Sphinx finds no suitable"
        " picture",
        "tried: pandoc 2.17; Sphinx 9.0, builder latex; the formats by the documentation of graphicx",
    ),
    Tool(
        ("word", "docx", "odt"),
        "Word and LibreOffice by pandoc",
        "extension",
        _LOSSLESS,
        "pandoc puts a WebP into the document as it is, knows no size for it in ODT, and Word does not show it",
        "tried: pandoc 2.17. Word: Office Open XML's advice to store PNG or JPEG",
    ),
    Tool(
        ("asciidoctor",),
        "Asciidoctor, HTML",
        "query",
        _WEB,
        "any form will do, also with `data-uri`",
        "tried: Asciidoctor 2.0.18",
    ),
    Tool(
        ("asciidoctor-pdf",),
        "Asciidoctor PDF",
        "extension",
        _LOSSLESS,
        "it goes by the extension and the bytes: “image file is an unrecognised format” for every WebP",
        "tried: Asciidoctor PDF 2.3.4",
    ),
    Tool(
        ("telegram",),
        "Telegram, pictures that a bot sends by URL",
        "extension",
        _SMALL,
        "photos are JPEG or PNG there; WebP is the format of stickers",
        "core.telegram.org/bots/api; github.com/mast/telegram-bot-api/issues/39",
    ),
    Tool(
        ("slack", "email"),
        "Slack's image blocks, mail",
        "extension",
        _SMALL,
        "Slack names PNG, JPEG and GIF; Outlook on Windows shows no WebP",
        "Slack's documentation of Block Kit; caniemail.com",
    ),
    Tool(
        ("wget", "curl"),
        "files by `wget` and `curl -O`",
        "path",
        _WEB,
        "of `/?prompt=…` `wget` makes `index.html?prompt=…`, and `curl -O` finds no name. `curl -OJ` and `wget"
        " --content-disposition` get a name with every form, like `a-lighthouse-7.webp`",
        "tried: wget 1.21, curl 7.88",
    ),
)
BY_NAME = {name: tool for tool in TOOLS for name in tool.names}
