"""The pictures of one build: each is made, pinned, signed or kept as the options say, once for all pages."""

import hashlib
import io
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from promptcdn import problems
from promptcdn.documents.client import Client, NoAnswer
from promptcdn.markdown.lock import Entry
from promptcdn.markdown.pin import chosen_seed, is_lasting, is_seedless, pinned, request_of
from promptcdn.markdown.vendor import file_name
from promptcdn.pictures import sizing
from promptcdn.sites import syntax
from promptcdn.sites.kept import Kept, put
from promptcdn.sites.options import Options
from promptcdn.sites.pages import Shown
from promptcdn.url import formats
from promptcdn.url.dialects import given
from promptcdn.url.engines import Size
from promptcdn.url.signing import SigningKeys
from promptcdn.url.signing.spelled import signed_url

_T = TypeVar("_T")

# How much the service is asked at once. It makes no more than PROMPTCDN_CONCURRENCY pictures at once (8 by default).
_AT_ONCE = 8


@dataclass(frozen=True)
class Timings:
    """In seconds.

    again  how long a problem of a picture is taken for what it still is: some builders run for as long as somebody
           writes
    """

    again: float = 10.0


class Build:
    """The pictures of a site, over one lock file and one cache. It may be used by several threads.

    `report` is told of each problem. `keys` sign what is not signed.
    """

    def __init__(
        self,
        options: Options,
        report: Callable[[str], None],
        keys: SigningKeys = SigningKeys(),
        timings: Timings = Timings(),
    ) -> None:
        """Raises `BadSettings` where the lock file is none, or a proxy of the environment cannot be used."""
        self.options = options
        self.report, self._keys, self._timings = report, keys, timings
        self._kept = Kept(options.lock, options.cache)
        self._open = ExitStack()
        self._client = self._open.enter_context(Client(options.public_url))
        self._mutex = threading.Lock()
        self._shown: dict[str, tuple[float, Future[Shown]]] = {}
        self._unreachable = (-1.0, "")

    def close(self) -> None:
        """Writes the lock file where anything in it changed, and lets go of the service."""
        with self._open:
            self.save()

    def save(self) -> None:
        """Writes the lock file where anything in it changed. Raises `BadSettings` where that is impossible."""
        self._kept.save()

    def prepare(self, targets: Iterable[str]) -> None:
        """Looks after many URLs, several at once, and remembers them for the next build: it may have paid for them.

        `shown` then answers from memory. Raises `BadSettings` where nothing can be remembered.
        """
        try:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                try:
                    list(pool.map(self.shown, dict.fromkeys(targets)))
                except BaseException:  # Ctrl-C: nothing more is waited for
                    self._client.stop()
                    raise
        finally:
            self.save()

    def shown(self, target: str) -> Shown:
        """What is shown for a URL, from its first slash on and without a fragment.

        Nothing is raised for a problem of the picture or the service: it is reported, and the URL is shown as it is.
        """
        with self._mutex:
            at, known = self._shown.get(target, (0.0, None))
            if known is not None and not (known.done() and known.result().problem and self._is_over(at)):
                future, is_ours = known, False
            else:
                future, is_ours = Future[Shown](), True
                self._shown[target] = (time.monotonic(), future)
        if is_ours:
            try:
                future.set_result(self._looked_after(target))
            except BaseException as wrong:
                future.set_exception(wrong)
                raise
        return future.result()

    def linked(self, target: str) -> str:
        """The URL of a link to a picture: signed, and nothing is made."""
        try:
            return self.options.public_url + self._signed(target)
        except (ValueError, problems.Problem) as wrong:
            self.report(f"{self.options.public_url}{target}: {syntax.told(wrong)}")
            return self.options.public_url + target

    def put(self, shown: Shown, site: Path) -> str | None:
        """Has a vendored picture lie in the folder of a site; gives its path from there. `None` for any other."""
        if not shown.sha256:
            return None
        path = f"{self.options.folder}/{shown.name}"
        try:
            put(self._kept.place(shown.sha256).read_bytes(), site / path)
        except (OSError, ValueError) as wrong:
            self.report(f"{shown.url}: {wrong}")
            return None
        return path

    def _is_over(self, at: float) -> bool:
        return time.monotonic() - at > self._timings.again

    def _looked_after(self, target: str) -> Shown:
        url = self.options.public_url + target
        request = request_of(target)
        plain = Shown(url, alt="" if request is None else request.asked.prompt, size=_size(target))
        try:
            return self._wanted(target, plain)
        except (NoAnswer, ValueError, problems.Problem) as wrong:
            problem = f"{url}: {syntax.told(wrong)}"
            self.report(problem)
            return replace(plain, problem=problem)

    def _wanted(self, target: str, plain: Shown) -> Shown:
        """What is shown, with what the lock file is to say of it remembered. Raises what is wrong."""
        url, options = plain.url, self.options
        if given.content_key(given.parts(target)) is None:
            given.request(given.parts(target))  # raises what is wrong with it
        known = self._kept.entry(url)
        seed = self._seed(target, known)
        asked = self._signed(target if seed is None else pinned(target, seed, self._keys))
        entry = known if known is not None and (not options.vendor or self._kept.has(known.sha256)) else None
        if entry is None and (options.vendor or options.warm):
            entry = replace(self._made(asked, known), seed=seed)
        elif entry is None and seed is not None:
            entry = self._looked_up(asked, seed)
        if entry is not None and entry != known and (seed is not None or is_lasting(target)):
            self._kept.remember(url, entry)  # `seed=day` and the like show another picture each day
        written = asked if options.seedless == "pin" else self._signed(target)
        shown = replace(plain, url=options.public_url + written)
        if entry is not None and entry.width and entry.height and _is_whole(target):
            shown = replace(shown, size=(entry.width, entry.height))
        if entry is None or not options.vendor:
            return shown
        return replace(shown, sha256=entry.sha256, name=file_name(url, target, formats.extension_of(entry.media_type)))

    def _seed(self, target: str, known: Entry | None) -> int | None:
        """The seed that the build takes for a URL without one; `None` where it takes none. Raises what is wrong."""
        if not is_seedless(target):
            return None
        if self.options.seedless == "refuse":
            raise ValueError("the URL has no seed, and the option seedless refuses that: promptcdn pin writes one")
        if self.options.seedless == "keep" and not (self.options.vendor or self.options.warm):
            return None
        if known is not None and known.seed is not None:
            return known.seed
        # A request without a seed would have the service begin the next picture of the pool.
        seed = chosen_seed(self._asked(lambda: self._client.info(target)))
        if seed is None:
            raise ValueError("all its pictures were refused or taken down")
        return seed.number

    def _looked_up(self, target: str, seed: int) -> Entry | None:
        """The entry of a picture without a seed, where the picture is made already."""
        look = self._asked(lambda: self._client.look(target))
        if look.content_key is None or look.sha256 is None:
            return None
        return Entry(look.content_key, look.sha256, look.size, look.media_type, seed=seed, site=True)

    def _signed(self, target: str) -> str:
        request = request_of(target)
        if not self._keys.ids or request is None or request.control.sig is not None:
            return target
        return signed_url(target, self._keys)

    def _made(self, target: str, known: Entry | None) -> Entry:
        """The entry of a picture that the service has given now; its file is in the cache. Raises what is wrong."""
        file, content = self._asked(lambda: self._client.picture(target))
        if known is not None and known.content_key != file.content_key:
            where = self._kept.path
            raise ValueError(f"this is another picture than {where} has: take its entry out where that is right")
        sha256 = hashlib.sha256(content).hexdigest()
        if self.options.vendor:
            self._kept.keep(content, sha256)
        width, height = _sides(content)
        entry = Entry(file.content_key or "", sha256, len(content), file.media_type, width=width, height=height)
        return replace(entry, site=True) if known is None else replace(entry, site=known.site, file=known.file)

    def _asked(self, ask: Callable[[], _T]) -> _T:
        """The service's answer. Once nobody answers nobody is asked for a while: each picture would be waited for."""
        at, reason = self._unreachable
        if reason and not self._is_over(at):
            raise NoAnswer("unreachable", reason)
        try:
            return ask()
        except NoAnswer as none:
            if none.code == "unreachable":
                self._unreachable = (time.monotonic(), none.reason)
            raise


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
