"""Builders of sites that others wrote, each with a small site as docs/sites.md writes it.

`./scripts/sites-test` installs them into `.builders/` and runs `check.py`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
KEPT = ROOT / ".builders"
# What the pages have, by the form of their URLs: `{url}` is the service.
PICTURES = ("prompt=a+cat&seed=7", "prompt=a+dog&seed=8&w=256", "prompt=a+cow&seed=9")
EXTENSION, PNG = "/i.webp?{}", "/i.png?{}"
# Without an ampersand.
PATHS = ("/prompt/a%20cat.webp?seed=7", "/prompt/a%20dog.webp?seed=8", "/prompt/a%20cow.webp?seed=9")


@dataclass(frozen=True)
class Builder:
    """One builder.

    program     what is run; a name is looked for in its folder below `.builders/`, then among the machine's programs
    build       the words behind the program, run in the folder of the site
    files       the site; `{url}` is the service, and `{images}` three pictures in Markdown
    out         the folder or file that is built
    package     the package that has the version, on Python or Node; empty where the program says it
    patient     whether the first build waits for pictures that take 6 s
    takes       whether the built site has the pictures in it; else readers' browsers fetch them
    asks_again  whether a second build asks the service once more
    without     whether the site is built with its pictures while the service is off, after one that was good
    vendors     the folder that `promptcdn vendor` writes to, where the builder takes no pictures in
    urls        the pictures
    ours        whether it runs our extension
    """

    name: str
    program: str
    build: tuple[str, ...]
    files: Mapping[str, str]
    out: str
    package: str = ""
    patient: bool = True
    takes: bool = False
    asks_again: bool = False
    without: bool = True
    vendors: str = ""
    urls: tuple[str, ...] = tuple(EXTENSION.format(query) for query in PICTURES)
    ours: bool = False

    @property
    def folder(self) -> Path:
        """Where it is installed, if it is no program of the machine."""
        return KEPT / self.name.partition(" ")[0]

    def found(self) -> str | None:
        """The path of the program; `None` where it is not installed."""
        places = [self.folder / "bin" / self.program, self.folder / "node_modules" / ".bin" / self.program]
        if self.ours:
            places.append(Path(sys.executable).with_name(self.program))
        return next((str(place) for place in places if place.exists()), None) or shutil.which(self.program)

    def site(self, folder: Path, url: str) -> Path:
        """Writes the site, and gives its folder: a builder on Node looks for its packages in folders above."""
        place = (self.folder.resolve() if (self.folder / "node_modules").exists() else folder) / "site"
        shutil.rmtree(place, ignore_errors=True)
        urls = [url + each for each in self.urls]
        images = "\n\n".join(f"![Picture {number}]({each})" for number, each in enumerate(urls, 1))
        tags = "\n".join(f'<img alt="" src="{each.replace("&", "&amp;")}">' for each in urls)
        rst = "\n\n".join(f".. image:: {each}" for each in urls)
        host = url.partition("://")[2].partition(":")[0]
        words = {"url": url, "host": host, "images": images, "tags": tags, "rst": rst}
        pattern = re.compile("|".join(rf"\{{{word}\}}" for word in words))
        for name, text in self.files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(pattern.sub(lambda found: words[found[0][1:-1]], text))
        return place

    def version(self) -> str:
        """Which one is installed."""
        packages = self.folder / "node_modules" / self.package / "package.json"
        if self.package and packages.exists():
            return str(json.loads(packages.read_text())["version"])
        command = [str(self.found()), "version" if self.name == "hugo" else "--version"]
        if self.package:
            asked = f"import importlib.metadata; print(importlib.metadata.version({self.package!r}))"
            own = self.folder / "bin" / "python"
            command = [str(own) if own.exists() else sys.executable, "-c", asked]
        said = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
        return re.search(r"\d+(\.\d+)+", said)[0]  # type: ignore[index]

    def ran(self, site: Path) -> subprocess.CompletedProcess[str]:
        """One build."""
        program = self.found()
        assert program is not None
        variables = {"HOME": str(site / ".home"), "CI": "true", "NO_COLOR": "1", "ASTRO_TELEMETRY_DISABLED": "1"}
        if self.ours:
            packages = next(each for each in sys.path if each.endswith("site-packages"))
            variables["PYTHONPATH"] = f"{ROOT / 'proxy'}{os.pathsep}{packages}"
        return subprocess.run(
            [program, *self.build],
            cwd=site,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=300,
        )


_MKDOCS = "site_name: A site\nsite_url: https://example.org/below/\n"
_MATERIAL = "theme: {name: material, font: false}\nplugins: [privacy: {assets_exclude: [unpkg.com/*]}]\n"
_OURS = "  - promptcdn:\n      public_url: {url}\n      vendor: true\n"
_HUGO = """baseURL = "https://example.org/"
title = "A site"
[caches.getresource]
dir = ":resourceDir/_gen"
maxAge = -1
"""
_HUGO_HOOK = """{{- with resources.GetRemote .Destination }}{{ with .Err }}{{ errorf "%s" . }}{{ else }}
<img src="{{ .RelPermalink }}" alt="{{ $.Text }}" width="{{ .Width }}" height="{{ .Height }}">
{{- end }}{{ else }}{{ errorf "no picture: %s" .Destination }}{{ end -}}
"""
_ASTRO = """import { defineConfig } from "astro/config";
export default defineConfig({
  image: { remotePatterns: [{ hostname: "{host}" }] },
});
"""
_ASTRO_PAGE = """---
import { Image } from "astro:assets";
const pictures = ["prompt=a+cat&seed=7", "prompt=a+dog&seed=8&w=256", "prompt=a+cow&seed=9"];
---
<html lang="en"><head><title>A site</title></head><body>
{pictures.map((each) => <Image src={`{url}/i.webp?${each}`} alt="" width={512} height={512} />)}
</body></html>
"""
_ELEVENTY = """import { eleventyImageTransformPlugin } from "@11ty/eleventy-img";
export default function (config) {
  config.addPlugin(eleventyImageTransformPlugin, {
    formats: ["webp"],
    cacheOptions: { duration: "*" },
  });
}
"""
_DOCUSAURUS = """export default {
  title: "A site", url: "https://example.org", baseUrl: "/",
  presets: [["classic", { docs: { routeBasePath: "/" }, blog: false }]],
};
"""

_SPHINX = {
    "conf.py": 'extensions = ["promptcdn.sites.sphinx"]\npromptcdn_public_url = "{url}"\npromptcdn_vendor = True\n'
    'copyright = version = "1"\n',
    "index.rst": "A site\n======\n\n{rst}\n",
}

BUILDERS = (
    *(
        Builder(
            *(host, host, ("build", "--strict")),
            {f"{host}.yml": f"{_MKDOCS}theme: {theme}\nplugins:\n{_OURS}", "docs/index.md": "{images}", **own},
            "site",
            package=host,
            takes=True,
            ours=True,
        )
        for host, theme, own in (
            ("mkdocs", "mkdocs", {}),
            ("properdocs", "{name: null, custom_dir: theme}", {"theme/main.html": "{{ page.content }}"}),
        )
    ),
    *(
        Builder(
            *(f"sphinx {kind}", "sphinx-build", ("-W", "-q", "-b", kind, "-d", "built/trees", ".", f"built/{kind}")),
            _SPHINX,
            f"built/{kind}",
            package="sphinx",
            takes=True,
            ours=True,
        )
        for kind in ("html", "epub", "latex")
    ),
    Builder(
        *("material", "mkdocs", ("build",)),
        {
            "mkdocs.yml": f"{_MKDOCS}{_MATERIAL}",
            "docs/index.md": "{images}",
        },
        "site",
        package="mkdocs-material",
        patient=False,
        takes=True,
    ),
    Builder(
        *("zensical", "zensical", ("build",)),
        {
            "mkdocs.yml": f"{_MKDOCS}theme: {{font: false}}\nmarkdown_extensions:\n{_OURS}",
            "docs/deep/page.md": "# A page\n\n{images}",
            "docs/index.md": "# A site",
        },
        "site",
        package="zensical",
        takes=True,
        ours=True,
    ),
    Builder(
        *("pelican", "pelican", ("content", "-o", "output", "-s", "conf.py", "--fatal=errors")),
        {
            "conf.py": 'SITENAME = AUTHOR = "A site"\nTIMEZONE = "UTC"\nMARKDOWN = {"extensions": ["promptcdn"], '
            '"extension_configs": {"promptcdn": {"public_url": "{url}", "vendor": True, "site_dir": "output"}}}\n',
            "content/page.md": "Title: A page\nDate: 2026-01-01\n\n{images}",
        },
        "output",
        takes=True,
        ours=True,
    ),
    Builder(
        *("hugo", "hugo", ()),
        {
            "config.toml": _HUGO,
            "layouts/_default/_markup/render-image.html": _HUGO_HOOK,
            "layouts/index.html": "<!doctype html><title>A site</title>{{ .Content }}",
            "content/_index.md": "{images}",
        },
        "public",
        takes=True,
    ),
    Builder(
        *("jekyll", "jekyll", ("build",)),
        {"_config.yml": "title: A site\n", "index.md": "---\ntitle: A page\n---\n{images}"},
        "_site",
        vendors="assets",
    ),
    Builder(
        *("eleventy", "eleventy", ()),
        {"eleventy.config.js": _ELEVENTY, "package.json": '{"type": "module"}', "index.md": "{images}"},
        "_site",
        package="@11ty/eleventy",
        takes=True,
    ),
    Builder(
        *("astro", "astro", ("build",)),
        {"astro.config.mjs": _ASTRO, "package.json": '{"type": "module"}', "src/pages/index.astro": _ASTRO_PAGE},
        "dist",
        package="astro",
        takes=True,
    ),
    Builder(
        *("astro Markdown", "astro", ("build",)),
        {"astro.config.mjs": _ASTRO, "package.json": '{"type": "module"}', "src/pages/index.md": "{images}"},
        "dist",
        package="astro",
        takes=True,
        asks_again=True,
        without=False,
        urls=PATHS,
    ),
    Builder(
        *("docusaurus", "docusaurus", ("build", "--config", "docusaurus.config.mjs")),
        {"docusaurus.config.mjs": _DOCUSAURUS, "package.json": "{}", "docs/index.md": "# A\n\n{images}"},
        "build",
        package="@docusaurus/core",
        vendors="docs/img",
    ),
    Builder(
        *("vitepress", "vitepress", ("build", ".")),
        {"index.md": "{images}", "package.json": '{"type": "module"}'},
        ".vitepress/dist",
        package="vitepress",
        vendors="img",
    ),
    Builder(
        *("pandoc", "pandoc", ("page.md", "--self-contained", "--metadata", "title=A", "-o", "out/page.html")),
        {"page.md": "{images}", "out/.keep": ""},
        "out",
        takes=True,
        asks_again=True,
        without=False,
    ),
    Builder(
        *("pandoc epub", "pandoc", ("page.md", "--metadata", "title=A", "-o", "out/page.epub")),
        {"page.md": "{images}", "out/.keep": ""},
        "out",
        takes=True,
        asks_again=True,
        without=False,
        urls=tuple(PNG.format(query) for query in PICTURES),
    ),
    Builder(
        *("weasyprint", "weasyprint", ("page.html", "out/page.pdf", "--uncompressed-pdf")),
        {"page.html": "<!doctype html><title>A</title>{tags}", "out/.keep": ""},
        "out",
        takes=True,
        asks_again=True,
        without=False,
        urls=tuple(PNG.format(query) for query in PICTURES),
    ),
)
