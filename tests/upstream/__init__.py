"""Stand-ins for image servers on loopback, one for each protocol: scripted faults, and a ledger of every call that
would be paid for. This one speaks Stability's gRPC; `kinds` has them all.

with Upstream() as upstream:
    upstream.url                      # grpc://127.0.0.1:PORT, for STABILITY_HOST
    upstream.ledger.calls()           # what was paid for, in order
    upstream.seen                     # the seconds to the deadline of every call, also of those refused
    upstream.script("slow=1", "html")     # the next calls take these in turn
    upstream.always("slow=0.2")           # every call without a fault of its own takes these
    upstream.clear()
    upstream.hold(); upstream.wait_for_calls(8); upstream.release()
    upstream.wait_until_idle()

A prompt may hold faults too: `fault:hang`, `fault:slow=2` (tests/upstream/faults.py has them all).
By hand: python -m tests.upstream rest --port 50051 --ledger ledger.jsonl; `--help` has the kinds and the faults.
"""

from tests.upstream.ledger import Call, Ledger
from tests.upstream.server import Upstream

__all__ = ["Call", "Ledger", "Upstream"]
