"""A stand-in as a process, to try the service by hand."""

import argparse
import shlex
import signal
import textwrap
from collections.abc import Iterator
from pathlib import Path

from tests.upstream.faults import OF_EVERY_KIND, OF_KIND, OVER_HTTP
from tests.upstream.kinds import KINDS

_ENDS = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    """Serves until a signal comes."""
    options = argparse.ArgumentParser(
        prog="python -m tests.upstream",
        description="Runs a stand-in for an image server, and writes down each call that a real one would charge.",
        epilog="\n".join(_faults()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("kind", nargs="?", choices=KINDS, default="grpc", help="the protocol that it speaks (grpc)")
    options.add_argument("--port", type=int, default=0, help="on loopback; without it one that is free")
    options.add_argument("--ledger", type=Path, help="the file of paid calls")
    options.add_argument("--latency", type=float, default=0, help="seconds before each picture")
    said = options.parse_args()
    kind = KINDS[said.kind]
    # Before any thread begins, which would be ended by them.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    with kind.start(ledger=said.ledger, port=said.port) as upstream:
        if said.latency:
            upstream.always(f"slow={said.latency}")
        settings = kind.settings(upstream, upstream.folder)
        print(*(f"{name}={shlex.quote(value)}" for name, value in settings.items()), "./scripts/serve")  # noqa: T201
        print(f"ledger: {upstream.ledger.path}", flush=True)  # noqa: T201
        signal.sigwait(_ENDS)


def _faults() -> Iterator[str]:
    """Which faults a prompt may ask for, a paragraph for each kind."""
    yield "A prompt may ask for faults: /?prompt=a+fault:hang&seed=1, fault:slow=2 (seconds). They are:"
    own = {kind: [name for name in names if name not in OF_EVERY_KIND] for kind, names in OF_KIND.items()}
    for kind, names in {"every kind": OF_EVERY_KIND, "all but grpc": OVER_HTTP, **own}.items():
        yield textwrap.fill(f"{kind}: {', '.join(names)}", 100, initial_indent="  ", subsequent_indent="    ")


if __name__ == "__main__":
    main()
