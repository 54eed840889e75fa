"""Every time-out is decided: for another party it is an `AnswerTimeout`, any other one stands here with why."""

import ast
from collections.abc import Iterator
from pathlib import Path

import promptcdn

PACKAGE = Path(promptcdn.__file__).parent

# Each function that waits by asyncio's own time-outs, and why the lateness of the loop may count there.
DECIDED = {
    "cli/operators/work/shift.py Shift._first_of": "a pause of a worker until the next order: nobody is given up",
    "cli/operators/work/shift.py Shift._paused": "a pause between two calls",
    "cli/operators/work/shift.py Shift._surely": "a pause between two tries: nobody is given up",
    "event_loop/timeouts.py AnswerTimeout.__init__": "what the others are made of",
    "faces/chats/background.py BackgroundTasks.close": "the grace is given by whoever stops the process, in their time",
    "faces/chats/slack/__init__.py Slack._noticed": "a person waits, in their own time; the work goes on",
    "flights/detached.py DetachedTasks.run": "a client waits, in its own time; the work goes on",
    "flights/single.py Flight.outcome": "a client waits, in its own time; the flight goes on",
    "flights/single.py Flights.drain": "the grace is given by whoever stops the process, in their time",
    "generators/local/process/__init__.py ModelProcess._ready": "a picture's own time; the loading goes on",
    "generators/local/process/__init__.py ModelProcess.draw": "a picture's own time, until those before it are drawn",
    "generators/local/process/running.py Running.end": "the grace is given by whoever stops the process, in their time",
    "generators/local/process/running.py Running.ended": "a dead process's pipe, which others hold: nothing is lost",
    "generators/worker/boards.py _Bell.heard": "a pause until the next look at the orders: nobody is given up",
    "generators/worker/orders.py Orders.made": "a flight waits; the order goes on",
    "generators/worker/starting.py Starter._run": "a time in which a command that is wrong ends",
    "replicas/leases.py RedisLeases._take": "a pause between two tries to take a lease: nobody is given up",
}


def waits(node: ast.AST) -> bool:
    """Whether it is a call of a function of asyncio that ends after a time."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    if not isinstance(node.func.value, ast.Name) or node.func.value.id != "asyncio":
        return False
    name = node.func.attr
    return name in ("timeout", "timeout_at", "wait_for") or (
        name == "wait" and any(word.arg == "timeout" for word in node.keywords)
    )


def functions(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Each function of a file with its name, behind that of its class."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            methods = (part for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef))
            yield from ((f"{node.name}.{method.name}", method) for method in methods)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node


def test_every_timeout_of_asyncio_is_one_that_was_decided() -> None:
    found = {
        f"{path.relative_to(PACKAGE)} {name}"
        for path in PACKAGE.rglob("*.py")
        for name, function in functions(path)
        if any(waits(node) for node in ast.walk(function))
    }
    assert found == set(DECIDED)
