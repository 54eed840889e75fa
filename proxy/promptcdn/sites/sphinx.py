"""The extension for Sphinx: `promptcdn.sites.sphinx` in `extensions` of conf.py.

    extensions = ["promptcdn.sites.sphinx"]
    promptcdn_public_url = "https://pictures.example.org"

It brings a directive and a role, and gives each builder pictures in a format that it shows: LaTeX and EPUB take no
WebP, and get the same picture as PNG. `sphinx-build -W` fails where a picture has a problem.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ConfigError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

from promptcdn import __version__, problems
from promptcdn.markdown.pin import request_of, with_parameter
from promptcdn.sites import syntax
from promptcdn.sites.build import Build
from promptcdn.sites.environment import options_of, signing_keys
from promptcdn.sites.options import Options
from promptcdn.sites.pages import Shown
from promptcdn.url import formats
from promptcdn.url.dialects import given
from promptcdn.url.parameters import PARAMETERS

log = logging.getLogger(__name__)

# What Sphinx takes for itself: its own folder for the output, and -W for strictness.
_OPTIONS = tuple(field for field in fields(Options) if field.name not in ("folder", "site_dir", "strict"))
_TARGETS = "promptcdn_targets"
# Sphinx downloads remote pictures at 100, for builders that cannot show them.
_BEFORE_DOWNLOADS = 50


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the directive, the role, the settings and the transform."""
    for field in _OPTIONS:
        # -D on the command line is read by the kind of the default.
        app.add_config_value(f"promptcdn_{field.name}", False if field.type in (bool, "bool") else "", "env")
    app.add_directive("promptcdn", Picture)
    app.add_role("promptcdn", InlinePicture())
    app.add_post_transform(Pictures)
    app.connect("builder-inited", _open)
    app.connect("env-get-outdated", _outdated)
    app.connect("doctree-read", _note)
    app.connect("env-purge-doc", lambda _app, env, name: _noted(env).pop(name, None))
    app.connect("env-merge-info", lambda _app, env, _names, other: _noted(env).update(_noted(other)))
    app.connect("env-check-consistency", _prepare)
    app.connect("build-finished", _close)
    return {"version": __version__, "parallel_read_safe": True, "parallel_write_safe": True}


class Picture(SphinxDirective):
    """A prompt as a picture; the options are parameters of URLs, and `alt`, `align`, `class`, `name`."""

    required_arguments = 0
    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        **{row.name: directives.unchanged for row in PARAMETERS if row.name != "prompt"},
        "alt": directives.unchanged,
        "align": directives.unchanged,
        "class": directives.class_option,
        "name": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        """The image, or a message about what is wrong."""
        prompt = " ".join([*self.arguments, *self.content]).strip()
        options = dict(self.options)
        kept = {name: options.pop(name) for name in ("align", "class", "name", "alt") if name in options}
        try:
            image = _image(self.env, prompt, {name: str(value) for name, value in options.items()})
        except (ValueError, problems.Problem) as wrong:
            return [self.state.document.reporter.error(f"promptcdn: {syntax.told(wrong)}", line=self.lineno)]
        image["alt"] = kept.get("alt", prompt)
        image["classes"] += kept.get("class", [])
        if "align" in kept:
            image["align"] = kept["align"]
        self.add_name(image)
        self.set_source_info(image)
        return [image]


class InlinePicture(SphinxRole):
    """A small picture in a line: :promptcdn:`a lighthouse <seed=7 w=64>`."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The image, or a message about what is wrong."""
        prompt, _, words = self.text.partition("<")
        try:
            image = _image(self.env, prompt.strip(), syntax.parameters(words.rstrip().removesuffix(">")))
        except (ValueError, problems.Problem) as wrong:
            message = self.inliner.reporter.error(f"promptcdn: {syntax.told(wrong)}", line=self.lineno)
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]
        image["alt"] = prompt.strip()
        return [image], []


class Pictures(SphinxPostTransform):
    """Gives each image of ours the URL or the file that the builder shows, and signs links to pictures."""

    default_priority = _BEFORE_DOWNLOADS

    def run(self, **_: Any) -> None:
        """Looks at each link and image of the document."""
        if not self.app.builder.supported_image_types:
            return
        build = _build(self.app)
        for link in self.document.findall(nodes.reference):
            url, mark, fragment = link.get("refuri", "").partition("#")
            target = build.options.ours.target(url)
            if target is not None:
                link["refuri"] = f"{build.linked(target)}{mark}{fragment}"
        for image in list(self.document.findall(nodes.image)):
            target = build.options.ours.target(image["uri"])
            if target is not None:
                self._finish(image, _suitable(self.app, target.partition("#")[0]))

    def _finish(self, image: nodes.image, target: str) -> None:
        build = _build(self.app)
        shown = build.shown(target)
        if not image.get("alt"):  # Sphinx would take the path of the file
            image["alt"] = shown.alt
        cache = Path(build.options.cache).resolve()
        path = build.put(shown, cache)
        if path is not None:
            image["uri"] = str(cache / path)
            image["candidates"] = {"*": image["uri"]}
            self.env.images.add_file(self.env.docname, image["uri"])
        elif self.app.builder.supported_remote_images:
            image["uri"] = shown.url
        else:  # Sphinx would ask once more, say so once more, and write what LaTeX fails at
            _link(image, shown)


def _link(image: nodes.image, shown: Shown) -> None:
    """Puts a link to a picture in its place."""
    link = nodes.reference("", shown.alt or shown.url, refuri=shown.url)
    is_in_text = isinstance(image.parent, nodes.TextElement)
    image.replace_self(link if is_in_text else nodes.paragraph("", "", link))


def _image(env: BuildEnvironment, prompt: str, parameters: dict[str, str]) -> nodes.image:
    public_url = _build(env.app).options.public_url
    return nodes.image(uri=public_url + syntax.path_of({"prompt": prompt, **parameters}))


def _build(app: Sphinx) -> Build:
    build = app.promptcdn
    assert isinstance(build, Build)
    return build


def _open(app: Sphinx) -> None:
    """Begins the build. A builder that shows no remote pictures has them put into its output, whatever is chosen."""
    values = {field.name: getattr(app.config, f"promptcdn_{field.name}") or None for field in _OPTIONS}
    with _told():
        options = options_of(values)
        home = Path(app.confdir or app.srcdir)
        options = replace(
            options,
            cache=str(home / options.cache),
            lock=str(home / options.lock) if options.lock else "",
            folder="files",
            vendor=options.vendor or _takes_files_only(app),
        )
        app.promptcdn = Build(options, log.warning, signing_keys())


@contextmanager
def _told() -> Iterator[None]:
    """A wrong setting, or a lock file that cannot be written, ends the build with its own words."""
    try:
        yield
    except problems.BadSettings as wrong:
        raise ConfigError(str(wrong)) from None


def _noted(env: BuildEnvironment) -> dict[str, list[str]]:
    if not hasattr(env, _TARGETS):
        setattr(env, _TARGETS, {})
    noted: dict[str, list[str]] = getattr(env, _TARGETS)
    return noted


def _note(app: Sphinx, doctree: nodes.document) -> None:
    """Remembers the pictures of a document, so that a later build need not read it for them."""
    ours = _build(app).options.ours
    found = (ours.target(image["uri"]) for image in doctree.findall(nodes.image))
    _noted(app.env)[app.env.docname] = [target.partition("#")[0] for target in found if target is not None]


def _outdated(_app: Sphinx, env: BuildEnvironment, *_: set[str]) -> list[str]:
    """The documents with pictures. What these show depends on the service, the lock file and the environment, which
    Sphinx does not look at: it would leave a page as it was, and call a build good that says nothing of its pictures.
    """
    return [name for name, targets in _noted(env).items() if targets]


def _prepare(app: Sphinx, env: BuildEnvironment) -> None:
    """Looks after the pictures of all documents at once: a builder would ask for one after the other."""
    if app.builder.supported_image_types:
        with _told():
            _build(app).prepare(_suitable(app, target) for target in _all(env))


def _all(env: BuildEnvironment) -> Iterator[str]:
    for targets in _noted(env).values():
        yield from targets


def _close(app: Sphinx, _: Exception | None) -> None:
    with _told():
        _build(app).close()


def _takes_files_only(app: Sphinx) -> bool:
    return bool(app.builder.supported_image_types) and not app.builder.supported_remote_images


def _suitable(app: Sphinx, target: str) -> str:
    """The URL of the same picture in a format that the builder shows: books and LaTeX know no WebP, browsers do."""
    parts, request = given.parts(target), request_of(target)
    if not _takes_files_only(app) or (request is None and given.content_key(parts) is None):
        return target
    endings = formats.PROMPT_EXTENSIONS if "/prompt/" in parts.path else formats.BY_FILE_EXTENSION
    stem, ending = formats.split_extension(parts.path, endings)
    allowed = [row for row in formats.FORMATS if row.media_type in app.builder.supported_image_types]
    if not allowed or (ending if request is None else request.delivery.format) in {row.name for row in allowed}:
        return target
    if ending is None:
        return with_parameter(target, "format", allowed[-1].name)
    return f"{stem}.{allowed[-1].extension}{with_parameter(target, 'format', None).removeprefix(parts.path)}"
