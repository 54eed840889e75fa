"""The operator's file of what is not to be made, read at the start and again when they say so."""

import logging
import threading
from pathlib import Path

from promptcdn.guard.denylist import DenyList
from promptcdn.problems import BadSettings

log = logging.getLogger("promptcdn")


class DenyFile:
    """The list in the operator's file, as it was when it was last read without fault."""

    def __init__(self, path: Path) -> None:
        """Raises `BadSettings` where the file cannot be read, or has a line that is no rule."""
        self._path = path
        self._one_reader = threading.Lock()
        self._list = self._read()

    @property
    def rules(self) -> int:
        """How many rules there are."""
        return self._list.rules

    def denied(self, *texts: str) -> str | None:
        """The rule that one of the texts breaks; it is logged, and the texts are not."""
        rule = self._list.denied(*texts)
        if rule is not None:
            log.info("denied by the rule %s", rule)
        return rule

    def read_again(self) -> None:
        """Takes the file's list as it is now. Blocks; any thread may call it. A broken file changes nothing."""
        with self._one_reader:
            try:
                self._list = self._read()
            except BadSettings as wrong:
                # One line: the file is at fault, and a traceback would be of our code.
                log.error("%s; the rules of before stay", wrong)  # noqa: TRY400
            else:
                log.info("%s: read again, rules: %d", self._path, self._list.rules)

    def _read(self) -> DenyList:
        setting = f'PROMPTCDN_DENY="{self._path}"'
        try:
            return DenyList.parse(self._path.read_text("utf-8-sig"))
        except OSError as error:
            raise BadSettings(f"{setting}: the file cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise BadSettings(f"{setting}: the file is not UTF-8") from error
        except ValueError as wrong:
            raise BadSettings(f"{setting}: {wrong}") from wrong
