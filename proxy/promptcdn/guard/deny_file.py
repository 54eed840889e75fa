"""The operator's deny-list as a file: read at the start, and again on SIGHUP."""

import logging
import threading
from pathlib import Path

from promptcdn.guard.denylist import DenyList
from promptcdn.problems import BadSettings

log = logging.getLogger("promptcdn")


class DenyFile:
    """The list in the operator's file, as it was when it was last read without an error."""

    def __init__(self, path: Path) -> None:
        """Raises `BadSettings` where the file cannot be read, or has a line that is not a rule."""
        self._path = path
        self._one_reader = threading.Lock()
        self._list = self._read()

    @property
    def rules(self) -> int:
        """How many rules there are."""
        return self._list.rules

    def denied(self, *texts: str) -> str | None:
        """The rule that one of the texts breaks, `None` where all are allowed. The log has the rule and no text."""
        rule = self._list.denied(*texts)
        if rule is not None:
            log.info("a prompt was refused by the deny-list's rule %s", rule)
        return rule

    def read_again(self) -> None:
        """Reads the file again. Blocks; any thread may call it. A file with an error changes nothing."""
        with self._one_reader:
            try:
                self._list = self._read()
            except BadSettings as wrong:
                # Without a traceback, which would be of our code: the error is in the file.
                log.error("%s; the rules read before stay in use", wrong)  # noqa: TRY400
            else:
                log.info("the deny-list %s was read again and has %d rules", self._path, self._list.rules)

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
