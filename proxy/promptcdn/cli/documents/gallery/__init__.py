"""`promptcdn gallery`."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from promptcdn.cli.base import Base
from promptcdn.cli.documents import changing, locking, opening
from promptcdn.cli.documents.opening import AsJson, Files, LockFile, Told
from promptcdn.cli.ending import fail

if TYPE_CHECKING:
    from promptcdn.cli.documents.gallery.page import Picture
    from promptcdn.documents.client import Client, File
    from promptcdn.documents.parsing import Parsed

_To = Annotated[Path, typer.Option("--to", metavar="FILE", help="The page to write; - for standard output.")]
_Offline = Annotated[bool, typer.Option("--offline", help="Ask no service: show what the lock file knows.")]


def gallery(
    paths: Files = None,
    to: _To = Path("gallery.html"),
    title: Annotated[str, typer.Option(help="The heading of the page.")] = "Pictures",
    lock_file: LockFile = Path("promptcdn.lock"),
    offline: _Offline = False,
    base: Base = None,
    as_json: AsJson = False,
) -> None:
    """Write one HTML page with all pictures of a tree of documents: prompts, seeds, keys, sizes, and where they stand.

    Nothing is made, neither by the command nor by whoever opens the page: pictures are loaded by their permalinks, or
    from the files that promptcdn vendor keeps. Of a URL without a seed the first picture that is stored is shown.
    """
    from promptcdn.cli.documents.gallery.page import page
    from promptcdn.documents.files import shown as shown_path

    address, ours = opening.ours_of(base)
    before = None if as_json else _before(to)
    told, lock = Told(), locking.opened(lock_file)
    named = locking.all_named(opening.documents_of(paths, told), ours, lock, told)
    places = _places(named, address, lock)
    if not places:
        opening.note_of_nothing(address)
    folder = Path() if str(to) == opening.STDIN else to.parent
    pictures = {url: _locked(url, lock, where, folder) for url, where in places.items()}
    if not offline:
        with opening.client_of(address) as client:
            pictures |= _looked_up(client, pictures, told)
    shown = list(pictures.values())
    whole = page(title, shown).encode(errors="backslashreplace")
    if as_json:
        text = json.dumps([asdict(picture) for picture in shown], ensure_ascii=False, indent=2)
        typer.echo(text.encode(errors="backslashreplace"))
    elif str(to) == opening.STDIN:
        typer.echo(whole, nl=False)
    elif _is_written(to, before, whole, told):
        typer.echo(f"{shown_path(to)}: {opening.counted(len(shown), 'picture')}")
    told.end()


def _before(to: Path) -> bytes | None:
    """The page that is there already. Ends the command for a folder, and for somebody's own file: it would be lost."""
    from promptcdn.documents.files import WRITTEN, Unusable, content_of

    if os.path.isdir(to):
        fail(f'--to="{to}": this is a folder; allowed: a file, like {to / "gallery.html"}')
    if str(to) == opening.STDIN or not os.path.exists(to):
        return None
    try:
        before = content_of(to)
    except Unusable as unusable:
        fail(f"--to: {unusable}")
    if before and not before.startswith(WRITTEN.encode()):
        fail(f'--to="{to}": this file is not from promptcdn gallery, and would be lost: name another one')
    return before


def _is_written(to: Path, before: bytes | None, page: bytes, told: Told) -> bool:
    """Whether the page is in its file now; says why where it is not. Folders that are not there are made."""
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        told(f"{to}: {wrong.strerror}")
        return False
    made = changing.made([changing.Change(to, before, page)], told, dry_run=False)
    return to in made.paths or before == page


def _places(named: "Sequence[Parsed[locking.Named]]", address: str, lock: locking.Opened) -> dict[str, tuple[str, ...]]:
    """Where each URL is shown, in the order of the documents. A vendored file stands for its URL."""
    from promptcdn.markdown.vendor import locked_target

    urls = {entry.file: url for url, entry in lock.lock.pictures.items() if entry.file is not None}
    places: dict[str, list[str]] = {}
    for each in named:
        found = [(one, address + locked_target(one)) for one in each.found.urls]
        found += [(one, urls[one.target]) for one in each.found.files]
        for one, url in sorted(found, key=lambda pair: pair[0].span):
            places.setdefault(url, []).append(f"{each.document}:{one.line}:{one.column}")
    return {url: tuple(where) for url, where in places.items()}


def _locked(url: str, lock: locking.Opened, places: tuple[str, ...], folder: Path) -> "Picture":
    """What the URL itself and the lock file say of a picture."""
    from promptcdn.cli.documents.gallery.page import Picture

    prompt, asked = _asked(url)
    unknown = Picture(url, prompt, asked, None, "not looked up", None, None, None, None, places)
    entry = lock.lock.pictures.get(url)
    if entry is None:
        return unknown
    image = None if entry.file is None else Path(os.path.relpath(lock.place(entry.file), folder)).as_posix()
    known = replace(unknown, key=entry.content_key, size=entry.size, media_type=entry.media_type)
    return replace(known, image=image, state="locked")


def _asked(url: str) -> "tuple[str, tuple[tuple[str, Any], ...]]":
    """The prompt of a URL and its other parameters; none for one that has none, or that the service refuses."""
    from promptcdn.markdown.pin import request_of

    request = request_of(url)
    if request is None:
        return "", ()
    parameters = request.asked.parameters() | ({"seed": request.word} if request.word else {})
    return str(parameters.pop("prompt")), tuple(parameters.items())


def _looked_up(client: "Client", pictures: "Mapping[str, Picture]", told: Told) -> "dict[str, Picture]":
    """The pictures that no file is there for, with what the service says of them."""
    remote = {url.removeprefix(client.base): picture for url, picture in pictures.items() if picture.image is None}

    def ask(target: str) -> "Picture":
        return _from_service(client, target, remote[target])

    targets = [target for target in remote if target.startswith("/")]
    answers = opening.asked(client, targets, ask, "looking", told)
    return {client.base + target: picture for target, picture in answers.items()}


def _from_service(client: "Client", target: str, picture: "Picture") -> "Picture":
    """`picture` with its state, and the permalink where it is stored. Raises `NoAnswer`."""
    from promptcdn.markdown.pin import request_of

    if request_of(target) is None:
        look = client.look(target)
        return replace(picture, image=client.base + target, **_of_file(look), state="stored")
    members = client.info(target)
    permalink = _permalink(members, target)
    known = replace(picture, state=members["state"])
    if permalink is None:
        return known
    look = client.look(permalink)
    resolved = members["resolved"]
    sides = (int(resolved["width"]), int(resolved["height"]))
    return replace(known, image=client.base + permalink, sides=sides, **_of_file(look))


def _of_file(look: "File") -> dict[str, Any]:
    return {"key": look.content_key, "size": look.size, "media_type": look.media_type}


def _permalink(members: Mapping[str, Any], target: str) -> str | None:
    """What shows the picture and makes none; of a pool its first picture that is stored. `None` where there is none."""
    from promptcdn.markdown.pin import request_of
    from promptcdn.url.parse import permalink

    request = request_of(target)
    stored = (each["content_key"] for each in members.get("pool") or () if each["state"] == "stored")
    key = members["content_key"] if members["state"] == "stored" and members["content_key"] else next(stored, None)
    return None if key is None or request is None else permalink(key, request.delivery)
