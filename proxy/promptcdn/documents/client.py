"""Asks a running service over HTTP, as any reader's program does: what a URL shows, and for the picture itself."""

import hashlib
import json
import os
import re
import threading
import time
from base64 import b64decode
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2

from promptcdn import __version__, problems
from promptcdn.url.dialects import given

# A file in the largest size and in PNG, with room to spare.
_PICTURE_MAX = 64 * 1024 * 1024
_DOCUMENT_MAX = 4 * 1024 * 1024
# What passes by itself. All else is said at once: a wrong parameter does not become right.
_PASSING = frozenset(("too_slow", "waiting_for_worker", "rate_limited", "overloaded", "draining", "store_unavailable"))
# Of a picture in these states /info has no problem to tell, and its URL has.
_SHUT = {"removed": problems.REMOVED, "blocked": problems.FILTERED}
_CANONICAL = re.compile(r'<[^<>]*/i/([0-9a-f]{64})[^<>]*>; rel="canonical"')
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_SHA256 = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")


@dataclass(frozen=True)
class Timings:
    """How long a service is waited for, in seconds."""

    connect: float = 10.0
    answer: float = 130.0  # the service waits for a new picture for as long as PROMPTCDN_WAIT says, 120 at most
    picture: float = 900.0  # over all answers that say "later"
    pause: float = 2.0  # where such an answer does not say how much later
    longest_pause: float = 60.0


@dataclass(frozen=True)
class File:
    """What a URL answers with, without its bytes.

    content_key   names the picture
    sha256        of the bytes, in hex; `None` where the picture is not made yet
    content_location  the URL of a seedless picture with the seed that was drawn, from the first slash on
    is_stored  whether the service keeps the picture, so that it is the same one the next time
    """

    media_type: str
    size: int
    content_key: str | None = None
    sha256: str | None = None
    content_location: str | None = None
    is_made: bool = field(default=True)
    is_stored: bool = True


class NoAnswer(Exception):
    """The service gave no picture, with the reason: its own words, or why it could not be asked.

    `code` is that of docs/problems.md; `unreachable` where nobody or somebody else answered.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class BadEnvironment(problems.BadSettings):
    """What the environment says of proxies or certificates cannot be used. A proxy's address may have a password in it,
    so the message names the variables and no value."""

    def __init__(self, wrong: Exception) -> None:
        is_of_certificates = isinstance(wrong, OSError)  # ssl.SSLError too
        names = _CERTIFICATES if is_of_certificates else _PROXIES
        allowed = "a file of certificates in PEM" if is_of_certificates else "an address like http://proxy.example:3128"
        variables = [name for name, value in os.environ.items() if value and name.upper() in names]
        super().__init__(f"{', '.join(sorted(variables)) or names[0]}: this cannot be used; allowed: {allowed}")


class Client:
    """The service under one public URL. It may be used by several threads.

    The proxies of the environment (`HTTPS_PROXY`, `NO_PROXY` …) are used. Redirects are not followed: a URL in a
    document has to answer by itself, since image proxies remember what they were led to.
    """

    def __init__(self, base: str, timings: Timings = Timings(), *, patient: bool = False) -> None:
        """`patient`: what is only asked about is waited for, too, where the service says "later".

        Raises `BadEnvironment`.
        """
        self.base = base.rstrip("/")
        self._timings = timings
        self._patience = timings.answer if patient else 0.0
        self._stopped = threading.Event()
        try:
            self._http = httpx2.Client(
                timeout=httpx2.Timeout(timings.answer, connect=timings.connect),
                headers={"user-agent": f"promptcdn/{__version__}", "accept": "*/*"},
                limits=httpx2.Limits(max_connections=64),
            )
        except (httpx2.InvalidURL, ImportError, ValueError, OSError) as wrong:
            raise BadEnvironment(wrong) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._http.close()

    def stop(self) -> None:
        """Has those who wait for a picture give up at their next pause."""
        self._stopped.set()

    def info(self, target: str) -> dict[str, Any]:
        """The members of `/info` for a picture's URL, from its first slash on. Raises `NoAnswer`."""
        answer, content = self._waited_for(f"/info{target}", _DOCUMENT_MAX, self._patience)
        self._require_good(answer, content)
        try:
            members = json.loads(content)
        except ValueError:
            members = None
        if not isinstance(members, dict) or "state" not in members:
            raise self._stranger()
        return members

    def look(self, target: str, accept: str = "*/*") -> File:
        """What a URL answers with, by HEAD: nothing is made or paid for. Raises `NoAnswer`."""
        answer, _ = self._answer("HEAD", target, 0, accept)
        if answer.status_code >= 400:  # a HEAD has no body to say why
            if given.content_key(given.parts(target)) is not None:
                self._require_good(*self._waited_for(target, _PICTURE_MAX, self._patience))
            elif (problem := _SHUT.get(str(self.info(target)["state"]))) is not None:
                raise NoAnswer(problem.code, problem.title)
            answer, _ = self._answer("HEAD", target, 0, accept)  # what was wrong may be over
        self._require_good(answer, b"")
        return self._file(answer)

    def identity(self, target: str) -> File:
        """The same, where the answer has to say which picture it is and how long its file is. Raises `NoAnswer`."""
        file = self.look(target)
        if file.is_made and (file.content_key is None or file.sha256 is None):
            raise self._anonymous()
        # A proxy that sends in chunks leaves the length out. What is made costs nothing to fetch.
        return file if file.size or not file.is_made else self.shown(target)[0]

    def shown(self, target: str) -> tuple[File, bytes]:
        """The picture that readers of a URL are shown now; made if there is none. Raises `NoAnswer`.

        A view of a URL with many pictures has the next one made. So where it has one, its URL with a seed is asked for.
        """
        located = self.look(target).content_location
        return self.picture(target if located is None else located.removeprefix(urlsplit(self.base).path))

    def picture(self, target: str, accept: str = "*/*") -> tuple[File, bytes]:
        """The picture of a URL, made if it has to be: waits for it. Raises `NoAnswer`."""
        answer, content = self._waited_for(target, _PICTURE_MAX, self._timings.picture, accept)
        self._require_good(answer, content)
        file = replace(self._file(answer), size=len(content))
        if file.sha256 is None:
            raise self._anonymous()
        if file.sha256 != hashlib.sha256(content).hexdigest():
            raise NoAnswer("corrupt", "what came is not what the service says it sent: its SHA-256 differs")
        return file, content

    def _waited_for(
        self, target: str, most: int, patience: float, accept: str = "*/*"
    ) -> tuple[httpx2.Response, bytes]:
        """The answer, once the service no longer says "later", or the last one within `patience` seconds."""
        end = time.monotonic() + patience
        while True:
            answer, content = self._answer("GET", target, most, accept)
            pause = self._pause(answer, content)
            if pause is None or time.monotonic() + pause > end or self._stopped.wait(pause):
                return answer, content

    def _answer(self, method: str, target: str, most: int, accept: str = "*/*") -> tuple[httpx2.Response, bytes]:
        """The answer and its body, of at most so many bytes."""
        url = self.base + target.partition("#")[0]
        try:
            try:
                return self._once(method, url, most, accept)
            except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
                return self._once(
                    method, url, most, accept
                )  # a server may close a connection that was kept at any moment
        except UnicodeError:
            raise NoAnswer("bad_request", "this is no URL: it has half of a character in it") from None
        except httpx2.InvalidURL as wrong:
            raise NoAnswer("bad_request", f"this is no URL: {wrong}") from None
        except httpx2.HTTPError as wrong:
            where = urlsplit(self.base).netloc
            reason = "no answer in time" if isinstance(wrong, httpx2.TimeoutException) else _said(wrong)
            raise NoAnswer("unreachable", f"{where} cannot be asked: {reason or type(wrong).__name__}") from None

    def _once(self, method: str, url: str, most: int, accept: str) -> tuple[httpx2.Response, bytes]:
        content = bytearray()
        with self._http.stream(method, url, headers={"accept": accept}) as answer:
            end = time.monotonic() + self._timings.picture
            for chunk in answer.iter_bytes():
                content += chunk
                if time.monotonic() > end:
                    raise NoAnswer("unreachable", f"{urlsplit(self.base).netloc} sends its answer too slowly")
                if len(content) > most:
                    raise NoAnswer("unreachable", f"the answer has more than {most} bytes")
        return answer, bytes(content)

    def _pause(self, answer: httpx2.Response, content: bytes) -> float | None:
        """How long to wait before the next try; `None` where there is none."""
        gateway = answer.status_code in (502, 503, 504) and not _is_problem(answer)
        if not gateway and _problem(answer, content).get("code") not in _PASSING:
            return None
        later = answer.headers.get("retry-after", "")
        pause = float(later) if later.isdecimal() else self._timings.pause
        return min(max(pause, 0.1), self._timings.longest_pause)

    def _require_good(self, answer: httpx2.Response, content: bytes) -> None:
        """Raises what an answer says is wrong."""
        problem = _problem(answer, content)
        if problem:
            code = problem.get("code")
            detail = str(problem.get("detail") or problem.get("title") or f"status {answer.status_code}")
            if "did you mean" in detail:
                detail = detail.partition("; allowed: ")[0]
            raise NoAnswer(str(code or "unreachable"), detail)
        if answer.is_redirect:
            where = answer.headers.get("location", "")[:200]
            reason = f"the service answers with a redirect to {where}: use the URL that it leads to"
            raise NoAnswer("unreachable", reason)
        if answer.status_code != 200:
            raise NoAnswer("unreachable", f"{urlsplit(self.base).netloc} answered with status {answer.status_code}")

    def _file(self, answer: httpx2.Response) -> File:
        headers = answer.headers
        if not headers.get("cache-status", "").startswith("promptcdn"):
            raise self._stranger()
        key, digest = _CANONICAL.search(headers.get("link", "")), _SHA256.search(headers.get("repr-digest", ""))
        size = headers.get("content-length", "")
        return File(
            media_type=headers.get("content-type", ""),
            size=int(size) if size.isdecimal() else 0,
            content_key=key and key[1],
            sha256=b64decode(digest[1]).hex() if digest else None,
            content_location=headers.get("content-location"),
            is_made=key is not None or digest is not None or "etag" in headers,
            is_stored="stored=?0" not in headers.get("cache-status", ""),
        )

    def _anonymous(self) -> NoAnswer:
        what = "does not say which picture it sends: a proxy in front has to let the headers Link and Repr-Digest pass"
        return NoAnswer("unreachable", f"{urlsplit(self.base).netloc} {what}")

    def _stranger(self) -> NoAnswer:
        return NoAnswer("unreachable", f"{urlsplit(self.base).netloc} does not answer as promptcdn does")


def _is_problem(answer: httpx2.Response) -> bool:
    return answer.headers.get("content-type", "").startswith("application/problem+json")


def _problem(answer: httpx2.Response, content: bytes) -> dict[str, Any]:
    """The members of a problem document (RFC 9457); none where the answer is another."""
    if not _is_problem(answer):
        return {}
    try:
        members = json.loads(content)
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}


def _said(wrong: Exception) -> str:
    """What an error says, without the number that the system has for it."""
    return re.sub(r"\[Errno -?\d+\] ", "", str(wrong))
