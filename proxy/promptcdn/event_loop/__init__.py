"""The event loop, which may be late: how late it is, and time-outs that do not take its lateness for another's silence.

patience    how long a silence must last until it counts (pure)
timeouts    a time-out for the answer of another party: Redis, a store, an upstream
lag         how late the loop is, measured again and again
"""

from promptcdn.event_loop.lag import LagMeter
from promptcdn.event_loop.timeouts import AnswerTimeout

__all__ = ["AnswerTimeout", "LagMeter"]
