"""What the service is asked and told, over HTTP. All connections go out from here."""

import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2

from promptcdn import __version__
from promptcdn.misconfiguration import is_sendable

# What an order with its files has at most: two pictures in base64, and room to spare.
_DOCUMENT_MOST = 128 * 1024 * 1024


@dataclass(frozen=True)
class Timings:
    """How long the service is waited for, in seconds.

    connect  for a connection
    order    for an order, which the service keeps the worker waiting for
    answer   for any other answer
    """

    connect: float = 10.0
    order: float = 45.0
    answer: float = 60.0


class Refused(Exception):
    """The service refuses this worker, and waiting does not help. Says what to do."""


class Unreachable(Exception):
    """The service cannot be asked now. `pause` is how many seconds it wants to be left alone, if it says so."""

    def __init__(self, reason: str, pause: float | None = None) -> None:
        super().__init__(reason)
        self.pause = pause


# Whether the service took what it was told: `lost` is an order that is another worker's by now, or done.
Told = Literal["taken", "late", "lost", "refused"]


class Client:
    """The service at `url`, asked by a worker with this secret. No error quotes the secret."""

    def __init__(self, url: str, secret: str, timings: Timings = Timings()) -> None:
        self.where = urlsplit(url).netloc
        self._base = url.rstrip("/")
        self._timings = timings
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        if not secret or not is_sendable(secret):  # the library's error would quote it
            raise Refused("a token is visible ASCII characters, without blanks and line breaks")
        self._http = httpx2.AsyncClient(
            headers={"authorization": f"Bearer {secret}", "user-agent": f"promptcdn-worker/{__version__}"},
            timeout=httpx2.Timeout(timings.answer, connect=timings.connect),
        )

    async def next(self, can: Mapping[str, Any]) -> dict[str, Any] | None:
        """An order; `None` where there is none now. Raises `Refused` and `Unreachable`."""
        said = {**can, "instance": self._name}
        answer = await self._answer("POST", "next", json.dumps(said).encode(), self._timings.order)
        if answer.status_code == 204:
            return None
        document = _document(answer)
        if answer.status_code != 200 or not isinstance(document.get("order"), str):
            raise self._stranger(answer)
        return document

    async def alive(self, order: str) -> Told:
        """Says that the order is being drawn. Raises `Refused` and `Unreachable`."""
        return self._told(await self._answer("POST", f"{order}/alive"))

    async def deliver(self, order: str, picture: bytes) -> tuple[Told, str]:
        """Brings a picture; why it was refused, where it was. Raises `Refused` and `Unreachable`."""
        answer = await self._answer("PUT", order, picture)
        document = _document(answer)
        return ("late" if document.get("late") else self._told(answer)), str(document.get("detail", ""))

    async def fail(self, order: str, **why: object) -> Told:
        """Says that there is no picture. Raises `Refused` and `Unreachable`."""
        return self._told(await self._answer("POST", f"{order}/failed", json.dumps(why).encode()))

    async def close(self) -> None:
        await self._http.aclose()

    async def _answer(self, method: str, path: str, body: bytes = b"", seconds: float | None = None) -> httpx2.Response:
        timeout = httpx2.Timeout(seconds or self._timings.answer, connect=self._timings.connect)
        try:
            answer = await self._http.request(method, f"{self._base}/work/{path}", content=body, timeout=timeout)
        except httpx2.InvalidURL as wrong:
            raise Refused(f"--url is no address: {wrong}") from None
        except httpx2.HTTPError as error:
            raise Unreachable(f"{self.where} cannot be reached: {error or type(error).__name__}") from None
        if answer.status_code == 401:
            raise Refused(f"{self.where} does not know this token: it has to be one of its PROMPTCDN_WORKER_TOKENS")
        if answer.status_code == 404 and path == "next":
            raise Refused(
                f"{self.where} has no orders for workers: it needs PROMPTCDN_WORKER_TOKENS, and worker in its"
                " PROMPTCDN_GENERATOR"
            )
        if answer.status_code in (408, 429) or answer.status_code >= 500:
            later = answer.headers.get("retry-after", "")
            detail = _document(answer).get("detail") or f"status {answer.status_code}"
            raise Unreachable(f"{self.where} answers: {detail}", float(later) if later.isdecimal() else None)
        return answer

    def _told(self, answer: httpx2.Response) -> Told:
        match answer.status_code:
            case 201 | 204:
                return "taken"
            case 403 | 404 | 409:
                return "lost"
            case 413 | 422:
                return "refused"
        raise self._stranger(answer)

    def _stranger(self, answer: httpx2.Response) -> Exception:
        detail = _document(answer).get("detail")
        if answer.status_code == 400 and detail:
            return Refused(f"{self.where} does not understand this worker: {detail}")
        return Unreachable(f"{self.where} does not answer as promptcdn does: status {answer.status_code}")


def _document(answer: httpx2.Response) -> dict[str, Any]:
    """The members of a JSON object; none where the answer is something else."""
    if len(answer.content) > _DOCUMENT_MOST:
        return {}
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
