"""Documents beside their lock file: what `check` finds there, in vendored files and in the answers of the service."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from promptcdn.cli.base import settings_or_end
from promptcdn.cli.documents import locking, opening
from promptcdn.cli.ending import fail

if TYPE_CHECKING:
    from promptcdn.documents.client import Client
    from promptcdn.documents.parsing import Parsed
    from promptcdn.markdown import Found, Ours
    from promptcdn.markdown.faults import Checked, Finding
    from promptcdn.markdown.faults.locked import Answer, Locked

DEFAULT = Path("promptcdn.lock")


@dataclass(frozen=True)
class Looked:
    """One document: what it shows by itself, and the vendored files that it names."""

    checked: "Checked"
    files: "tuple[Found, ...]" = ()


def opened(path: Path) -> "locking.Opened | Finding | None":
    """The lock file; what is wrong with it where it cannot be read; `None` where there is none.

    Ends the command where one is named that is not there.
    """
    from promptcdn.documents.files import Unusable
    from promptcdn.markdown.faults.locked import bad_lock

    if not path.exists():
        return None if path == DEFAULT else fail(f'--lock-file="{path}": there is no such file')
    try:
        return locking.read(path)
    except Unusable as unusable:
        return bad_lock("", f"{unusable.reason}: run promptcdn lock, after deleting the file")
    except ValueError as wrong:
        return bad_lock(path.read_text("utf-8"), str(wrong))


@dataclass(frozen=True)
class Comparison:
    """Compares documents with one lock file."""

    lock: locking.Opened
    address: str
    ours: "Ours"
    looked: "Sequence[Parsed[Looked]]"

    def of_documents(self) -> "Iterator[tuple[object, Finding]]":
        """What is wrong in each document."""
        named = {one.target for each in self.looked for one in each.found.files}
        locked = replace(
            self._locked, digests={file: locking.sha256_of(self.lock.place(file)) for file in sorted(named)}
        )
        for each in self.looked:
            for finding in locked.of_document(
                each.found.checked.whole, each.found.files, self.lock.name_of(each.document)
            ):
                yield each.document, finding

    def of_entries(self) -> "Iterator[tuple[object, Finding]]":
        """The entries that no document names, where these are all documents."""
        urls = [one for each in self.looked for one in each.found.checked.urls]
        files = [one for each in self.looked for one in each.found.files]
        text = (self.lock.content or b"").decode()
        for finding in self._locked.unused(text, urls, files, self.ours):
            yield self.lock.path, finding

    def of_answers(self) -> "Iterator[tuple[object, Finding]]":
        """What the service now has for the URLs that the lock file has."""
        from promptcdn.markdown.faults.locked import unreachable

        reasons: list[object] = []
        with opening.client_of(self.address) as client:

            def look(target: str) -> "Answer":
                return _look(client, self._seeded(target))

            looks = opening.asked(client, self.targets, look, "looking", reasons.append)
        for reason in reasons:
            yield self.lock.path, unreachable(str(reason))
        answers = {self.address + target: answer for target, answer in looks.items()}
        for each in self.looked:
            for finding in self._locked.of_answers(each.found.checked.whole, answers):
                yield each.document, finding

    @property
    def targets(self) -> list[str]:
        """What the service is to be asked for."""
        from promptcdn.markdown.vendor import locked_target

        targets = {locked_target(one) for each in self.looked for one in each.found.checked.whole}
        return sorted(target for target in targets if self.address + target in self.lock.lock.pictures)

    def _seeded(self, target: str) -> str:
        """A URL without a seed with the one that a site was built with: else each answer may be another picture."""
        from promptcdn.markdown.pin import pinned

        seed = self.lock.lock.pictures[self.address + target].seed
        return target if seed is None else pinned(target, seed, settings_or_end().signing_keys)

    @property
    def _locked(self) -> "Locked":
        from promptcdn.markdown.faults.locked import Locked

        return Locked(self.lock.lock, self.address)


def _look(client: "Client", target: str) -> "Answer":
    """What the service says. Raises `NoAnswer` where it cannot be asked, or is not well: then no more URLs are."""
    from promptcdn import problems
    from promptcdn.documents.client import NoAnswer
    from promptcdn.markdown.faults.locked import Answer

    try:
        return Answer(locking.entry_of(client.identity(target)))
    except NoAnswer as none:
        passing = {kind.code for kind in problems.KINDS if kind.status >= 500 or kind is problems.RATE_LIMITED}
        if none.code == "unreachable" or none.code in passing:
            raise NoAnswer("unreachable", none.reason) from None
        return Answer(code=none.code, reason=none.reason)
