"""How often the tests under faults do what they do: a little by default, more where TEST_ROUNDS says so."""

import os


def rounds(usual: int) -> int:
    """`usual` times TEST_ROUNDS, at least one."""
    return max(1, round(usual * float(os.environ.get("TEST_ROUNDS", "1"))))
