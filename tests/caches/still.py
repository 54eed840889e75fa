"""`promptcdn` in a process whose calendar stands still, half a minute after midnight on the first of a month.

It is the first minute of an hour, a day and a month for ever, and no period ends while a test runs.
"""

import sys
from datetime import UTC, datetime
from functools import partial

from promptcdn import wiring as service
from promptcdn.cli import main
from promptcdn.clock import SYSTEM, Clock

NOW = datetime(2026, 3, 1, 0, 0, 30, tzinfo=UTC)
LAST_MONTH = "2026-02"
PROGRAM = (sys.executable, "-m", __name__)

if __name__ == "__main__":
    still = Clock(lambda: NOW, SYSTEM.monotonic)
    service.opened = partial(service.opened, clock=still)
    main()
