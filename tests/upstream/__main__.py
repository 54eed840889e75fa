"""The upstream as a process, to try the service by hand."""

import argparse
import signal
from pathlib import Path

from tests.upstream import Upstream
from tests.upstream.stability_rest import StabilityRest


def main() -> None:
    """Serves until a signal comes."""
    options = argparse.ArgumentParser(prog="python -m tests.upstream")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--ledger", type=Path, help="the file of paid calls")
    options.add_argument("--latency", type=float, default=0, help="seconds before each picture")
    options.add_argument("--rest", action="store_true", help="speak the REST API, not gRPC")
    said = options.parse_args()
    with (StabilityRest if said.rest else Upstream)(said.ledger, said.port) as upstream:
        if said.latency:
            upstream.always(f"slow={said.latency}")
        print(f"STABILITY_HOST={upstream.url}  ledger: {upstream.ledger.path}", flush=True)  # noqa: T201
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
