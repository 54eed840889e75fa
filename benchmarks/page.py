"""Runs the benchmarks, twice over a socket, and writes what they found into `docs/performance.md`."""

import os
import re
from pathlib import Path

import uvloop
from benchmarks import cold_start, in_process, misses, over_a_socket, store_hits

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
SIZES = {"30 kB": 30_000, "150 kB": 150_000, "1.5 MB": 1_500_000}
# A bar of a plot in text: a tenth of the base is one block.
_BLOCK = "█"
_LAG_SECONDS = 20.0
_HEADS = "| way | µs | first run | second run | a second | p99, ms | |", "| --- " * 7 + "|"


def in_python(rounds: int) -> str:
    table = in_process.ratios(uvloop.run(in_process.measured(150_000, rounds, 400)))
    rows = (f"| {name} | {took:.1f} | {ratio:.2f} | ± {spread:.2f} |" for name, (took, ratio, spread) in table.items())
    return "\n".join(("| way | µs | ratio | spread |", "| --- | --- | --- | --- |", *rows))


def over_socket(size: int, rounds: int) -> str:
    runs = [over_a_socket.measured(size, rounds) for _ in range(2)]
    rows = (
        f"| {name} | {runs[0][name]['µs']:.0f} | {runs[0][name]['ratio']:.2f} ± {runs[0][name]['spread']:.2f}"
        f" | {runs[1][name]['ratio']:.2f} ± {runs[1][name]['spread']:.2f} | {runs[0][name]['rate']:.0f}"
        f" | {runs[0][name]['p99']:.1f} | {bar(runs[0][name]['ratio'])} |"
        for name in runs[0]
    )
    return "\n".join((*_HEADS, *rows))


def of_starts(rounds: int) -> str:
    table = cold_start.rows(cold_start.measured(rounds))
    rows = (
        f"| {name} | {took:.0f} | {ratio:.2f} | ± {spread:.2f} | {wall:.2f} | {bar(ratio)} |"
        for name, (took, ratio, spread, wall) in table.items()
    )
    heads = "| until | CPU, ms | ratio | spread | ratio of the clock | |", "| --- " * 6 + "|"
    return "\n".join((*heads, *rows))


def in_milliseconds(table: dict[str, tuple[float, float, float]]) -> str:
    rows = (
        f"| {name} | {took:.2f} | {ratio:.2f} | ± {spread:.2f} | {bar(ratio)} |"
        for name, (took, ratio, spread) in table.items()
    )
    return "\n".join(("| way | CPU, ms | ratio | spread | |", "| --- " * 5 + "|", *rows))


def of_new_pictures(rounds: int) -> str:
    late = uvloop.run(misses.lags(_LAG_SECONDS))
    idle, busy = late.values()
    lag = f"| lag of the event loop at 99 %: busy {busy:.1f} ms, idle {idle:.1f} ms |  | {busy / idle:.1f} |  |  |"
    return f"{in_milliseconds(misses.rows(rounds))}\n{lag}"


def bar(ratio: float) -> str:
    return _BLOCK * max(1, min(40, round(10 * ratio)))


def written(page: str, name: str, table: str) -> str:
    mark = re.compile(rf"(<!-- figures {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    return mark.sub(lambda found: f"{found[1]}{table}\n{found[2]}", page)


def main() -> None:
    rounds = int(os.environ.get("ROUNDS", "9"))
    page = written(PAGE.read_text(), "in Python", in_python(2 * rounds))
    page = written(page, "starts", of_starts(2 * rounds))
    page = written(page, "stored pictures", in_milliseconds(store_hits.rows(rounds=2 * rounds)))
    page = written(page, "new pictures", of_new_pictures(2 * rounds))
    for name, size in SIZES.items():
        page = written(page, name, over_socket(size, rounds))
        PAGE.write_text(page)
        print(f"{name}: written")


if __name__ == "__main__":
    main()
