"""What the stand-ins of all protocols share: scripted faults, a ledger of paid calls, and calls that can be held."""

import contextlib
import secrets
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.upstream.faults import Faults
from tests.upstream.ledger import Call, Ledger

WAIT_SECONDS = 30


class Control:
    """The part of a stand-in that a test holds in its hands; a ledger in a folder of its own.

    host  where it listens, as HOST:PORT
    url   its address, as the setting of its kind takes it
    """

    host: str
    url: str

    def __init__(self, ledger: Path | None = None, *, repeats: bool = False) -> None:
        """`repeats`: it draws the same pixels whenever it is asked for the same."""
        self._repeats = repeats
        self._folder = tempfile.TemporaryDirectory()
        self.ledger = Ledger(ledger or Path(self._folder.name) / "ledger.jsonl")
        self._changed = threading.Condition()
        self._scripted: deque[str] = deque()
        self._standing: tuple[str, ...] = ()
        self._begun = self._under_way = 0
        self._held = False

    @property
    def folder(self) -> Path:
        """A folder that goes with it."""
        return Path(self._folder.name)

    def script(self, *faults: str) -> None:
        """The next calls take these in turn; `""` is a call without a fault."""
        self._scripted.extend(faults)

    def always(self, *faults: str) -> None:
        """Every call takes these from now on."""
        self._standing = faults

    def clear(self) -> None:
        """No more faults but those in prompts."""
        self._scripted.clear()
        self._standing = ()

    def hold(self) -> None:
        """Calls are accepted and written down, and get their pictures after `release`."""
        self._held = True

    def release(self) -> None:
        with self._changed:
            self._held = False
            self._changed.notify_all()

    def wait_for_calls(self, count: int) -> None:
        """Until so many calls have been accepted since the start."""
        self._wait(lambda: self._begun >= count)

    def wait_until_idle(self) -> None:
        """Until no call is under way."""
        self._wait(lambda: self._under_way == 0)

    def _wait(self, is_so: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(is_so, WAIT_SECONDS), "the upstream waited in vain"

    def call_name(self) -> str:
        """What the colours of the next picture come from."""
        return "" if self._repeats else secrets.token_hex(8)

    def faults(self, prompt: str) -> Faults:
        """What this call meets. One text of a script may hold several, with spaces between."""
        scripted = [self._scripted.popleft()] if self._scripted else []
        texts = [text for said in (*self._standing, *scripted) for text in said.split()]
        return Faults({**Faults.parse(*texts).arguments, **Faults.in_prompt(prompt).arguments})

    @contextlib.contextmanager
    def accepted(self, call: Call) -> Iterator[None]:
        """One accepted call: in the ledger before anything else."""
        self.ledger.write(call)
        with self._changed:
            self._begun += 1
            self._under_way += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._held)
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()
