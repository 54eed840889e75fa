"""Commands of ours in what people type: whether they and their options exist."""

import re
from collections.abc import Iterator
from functools import cache

import tables

# The words behind `promptcdn`, as far as the shell goes on with the same command. What `docker exec promptcdn` names is
# a container, `kubectl -n promptcdn` a namespace, and ./promptcdn a folder.
_TYPED = re.compile(
    r"(?<![\w./-])(?<!exec )(?<!-n )(?:[\w./-]*bin/)?promptcdn +([a-z]+(?: [a-z]+)?)((?:[^\n|;&#<>`]|\\\n)*)"
)
_OPTION = re.compile(r"(?<!\S)(--[a-z][a-z-]*)")
_NO_COMMAND = {"seed word"}  # docs/signing.md: what is hashed


@cache
def options() -> dict[str, set[str]]:
    """The options of each command, with every name that they have."""
    return {
        name: {"--help", *(word for each in command.params for word in (*each.opts, *each.secondary_opts))}
        for name, command in tables.commands()
    }


def commands_in(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command with its options. A group's command has two words; an argument is none of them."""
    groups = {name.split()[0] for name in options() if " " in name}
    for found in _TYPED.finditer(text):
        words = found[1].split()
        name = " ".join(words) if words[0] in groups else words[0]
        if found[1] not in _NO_COMMAND:
            yield name, _OPTION.findall(f" {found[2]}")


def unknown_words(text: str) -> list[str]:
    """The commands that do not exist, and the options that their command does not have."""
    wrong = []
    for name, given in commands_in(text):
        if name not in options() and name not in {each.split()[0] for each in options() if " " in each}:
            wrong.append(f"promptcdn {name}")
        else:
            wrong += [f"promptcdn {name} {option}" for option in given if option not in options().get(name, set())]
    return wrong
