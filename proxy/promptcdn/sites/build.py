"""The pictures of one build: each is made, pinned, signed or kept as the options say, once for all pages."""

import hashlib
import io
import re
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from promptcdn import problems
from promptcdn.documents import writing
from promptcdn.documents.client import Client, NoAnswer
from promptcdn.documents.files import Unusable
from promptcdn.markdown import lock as locks
from promptcdn.markdown.lock import Entry, Lock
from promptcdn.markdown.pin import is_seedless, pinned, request_of
from promptcdn.markdown.vendor import file_name
from promptcdn.pictures import sizing
from promptcdn.sites.options import Options
from promptcdn.url import formats
from promptcdn.url.dialects import given
from promptcdn.url.engines import Size
from promptcdn.url.signing import SigningKeys
from promptcdn.url.signing.spelled import signed_url

_T = TypeVar("_T")

_AT_ONCE = 8
_CACHED = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Shown:
    """What a page shows for one URL.

    url   the URL to write, with its host
    file  the picture on this machine, where it is to be put into the site; else `None`
    name  what that file is called in the site
    alt   what the picture shows, for pages that do not say
    size  in CSS pixels, where it is known
    """

    url: str
    file: Path | None = None
    name: str = ""
    alt: str = ""
    size: Size | None = None


class Build:
    """The pictures of a site, over one lock file and one cache. It may be used by several threads.

    `report` is told of each problem, once. `keys` sign what is not signed.
    """

    def __init__(
        self,
        options: Options,
        report: Callable[[str], None],
        keys: SigningKeys = SigningKeys(),
        client: Client | None = None,
    ) -> None:
        self.options = options
        self._report, self._keys = report, keys
        self._cache = Path(options.cache)
        self._lock_path = Path(options.lock) if options.lock else self._cache / locks.NAME
        self._lock, self._lock_content = _read(self._lock_path)
        self._entries = dict(self._lock.pictures)
        self._client = client or Client(options.public_url)
        self._shown: dict[str, Shown] = {}
        self._mutex = threading.Lock()
        self._unreachable = ""
        self._problems: list[str] = []

    def close(self) -> None:
        """Writes the lock file where anything in it changed, and lets go of the service."""
        self.save()
        self._client.stop()

    def save(self) -> None:
        """Writes the lock file where anything in it changed. Raises `BadSettings` where that is impossible."""
        with self._mutex:
            content = locks.printed(replace(self._lock, pictures=self._entries)).encode()
            if not self._entries or content == self._lock_content:
                return
            try:
                self._lock_path.parent.mkdir(parents=True, exist_ok=True)
                writing.replace(self._lock_path, content, self._lock_content)
            except (OSError, Unusable) as wrong:
                raise problems.BadSettings(f"promptcdn: {wrong}") from None
            self._lock_content = content

    def prepare(self, targets: Iterable[str]) -> None:
        """Looks after many URLs, several at once; `shown` then answers from memory."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self.shown, dict.fromkeys(targets)))

    def shown(self, target: str) -> Shown:
        """What is shown for a URL, from its first slash on and without a fragment. Never raises for a problem of the
        picture or the service: that is reported, and the URL is shown as it is."""
        with self._mutex:
            known = self._shown.get(target)
        if known is None:
            known = self._looked_after(target)
            with self._mutex:
                self._shown[target] = known
        return known

    def _looked_after(self, target: str) -> Shown:
        url = self.options.public_url + target
        try:
            shown, entry = self._wanted(target)
        except (NoAnswer, ValueError, problems.Problem) as wrong:
            reason = given.told(wrong) if isinstance(wrong, problems.Problem) else str(wrong)
            self.tell(f"{url}: {reason}")
            return Shown(url, alt=_alt(target), size=_size(target))
        if entry is not None:
            with self._mutex:
                self._entries[url] = entry
        return shown

    def _wanted(self, target: str) -> tuple[Shown, Entry | None]:
        """What is shown, and what the lock file is to say of it. Raises what is wrong."""
        url = self.options.public_url + target
        entry = self._entries.get(url)
        if given.content_key(given.parts(target)) is None:
            given.request(given.parts(target))  # raises what is wrong with it
        seed = self._seed(target, entry)
        asked = self._signed(target if seed is None else pinned(target, seed, self._keys))
        if self.options.vendor or (self.options.warm and not is_seedless(asked)):
            if entry is None or (self.options.vendor and not self._is_cached(entry)):
                entry = replace(self._made(asked, entry), seed=seed)
        elif seed is not None and entry is None:
            entry = self._looked_up(asked, seed)
        shown = Shown(self.options.public_url + asked, alt=_alt(target), size=_size(target))
        if entry is not None and entry.width and entry.height and _is_whole(target):
            shown = replace(shown, size=(entry.width, entry.height))
        if entry is None or not self.options.vendor:
            return shown, entry
        name = file_name(url, target, _extension(entry.media_type))
        return replace(shown, file=self._cache / entry.sha256, name=name), entry

    def _seed(self, target: str, entry: Entry | None) -> int | None:
        """The seed that the build chooses for a URL without one; `None` where it chooses none. Raises what is wrong."""
        if not is_seedless(target) or self.options.seedless == "keep":
            return None
        if self.options.seedless == "refuse":
            raise ValueError("the URL has no seed, and the option seedless refuses that: promptcdn pin writes one")
        if entry is not None and entry.seed is not None:
            return entry.seed
        pool = self._asked(lambda: self._client.info(target)).get("pool") or ()
        for state in ("stored", "generating", "absent"):
            for variant in pool:
                if variant["state"] == state:
                    return int(variant["seed"])
        raise ValueError("all its pictures were refused or taken down")

    def _looked_up(self, target: str, seed: int) -> Entry | None:
        """The entry of a picture that is made already."""
        look = self._asked(lambda: self._client.look(target))
        if look.content_key is None or look.sha256 is None:
            return None
        return Entry(look.content_key, look.sha256, look.size, look.media_type, seed=seed)

    def _signed(self, target: str) -> str:
        request = request_of(target)
        if not self._keys.ids or request is None or request.control.sig is not None:
            return target
        return signed_url(target, self._keys)

    def _made(self, target: str, known: Entry | None) -> Entry:
        """The entry of a picture that the service has given now; its file is in the cache. Raises what is wrong."""
        file, content = self._asked(lambda: self._client.picture(target))
        sha256 = hashlib.sha256(content).hexdigest()
        if known is not None and known.sha256 != sha256 and not is_seedless(target):
            raise ValueError("this is another picture than the lock file has: promptcdn lock accepts that")
        width, height = _sides(content)
        entry = Entry(file.content_key or "", sha256, len(content), file.media_type, width=width, height=height)
        if self.options.vendor:
            self._keep(content, sha256)
        return entry

    def _keep(self, content: bytes, sha256: str) -> None:
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
            place = self._cache / sha256
            writing.replace(place, content, place.read_bytes() if place.exists() else None)
        except (OSError, Unusable) as wrong:
            raise ValueError(f"the picture cannot be kept in the cache: {wrong}") from None

    def _is_cached(self, entry: Entry) -> bool:
        if _CACHED.fullmatch(entry.sha256) is None:
            return False
        try:
            return hashlib.sha256((self._cache / entry.sha256).read_bytes()).hexdigest() == entry.sha256
        except OSError:
            return False

    def _asked(self, ask: Callable[[], _T]) -> _T:
        """The service's answer. Once nobody answers nobody is asked any more: a build would wait for each picture."""
        if self._unreachable:
            raise NoAnswer("unreachable", self._unreachable)
        try:
            return ask()
        except NoAnswer as none:
            if none.code == "unreachable":
                self._unreachable = none.reason
            raise

    def tell(self, problem: str) -> None:
        """Reports a problem."""
        with self._mutex:
            self._problems.append(problem)
            self._report(problem)

    def require_good(self) -> None:
        """Raises `BadSettings` with a line for each problem so far, where the option `strict` is set."""
        if self.options.strict and self._problems:
            raise problems.BadSettings("\n".join(self._problems))

    def put(self, shown: Shown, site: Path) -> str | None:
        """Has a vendored picture lie in the folder of a site; gives its path from there. `None` for any other."""
        if shown.file is None:
            return None
        path = f"{self.options.folder}/{shown.name}"
        place = site / path
        try:
            content = shown.file.read_bytes()
            if not place.exists() or place.read_bytes() != content:
                place.parent.mkdir(parents=True, exist_ok=True)
                writing.replace(place, content, place.read_bytes() if place.exists() else None)
        except (OSError, Unusable) as wrong:
            self.tell(f"{shown.url}: the picture cannot be put into the site: {wrong}")
            return None
        return path


def _read(path: Path) -> tuple[Lock, bytes | None]:
    """Raises `BadSettings` for a file that is no lock file."""
    try:
        content = path.read_bytes()
        return locks.parsed(content.decode("utf-8")), content
    except FileNotFoundError:
        return Lock(), None
    except (OSError, ValueError) as wrong:
        raise problems.BadSettings(f"promptcdn: {path}: {wrong}") from None


def _alt(target: str) -> str:
    request = request_of(target)
    return "" if request is None else request.asked.prompt


def _size(target: str) -> Size | None:
    """The size in CSS pixels, where the URL alone says it."""
    request = request_of(target)
    if request is None or not (request.asked.width and request.asked.height) or request.nearest:
        return None
    return sizing.laid_out(request.delivery, (request.asked.width, request.asked.height))


def _is_whole(target: str) -> bool:
    """Whether the file has the pixels that a page gives to the picture: it is not made for dense screens."""
    request = request_of(target)
    return request is not None and request.delivery.dpr is None


def _sides(content: bytes) -> Size | tuple[None, None]:
    """The sides of a picture, in pixels."""
    from PIL import Image  # late: only where pictures are downloaded

    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.size
    except OSError:
        return None, None


def _extension(media_type: str) -> str:
    return next((row.extension for row in formats.FORMATS if row.media_type == media_type), "img")
