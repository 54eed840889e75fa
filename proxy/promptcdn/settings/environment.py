"""The variables that settings are read from: those of the environment, and of the file `.env`."""

import os
from collections.abc import Mapping

from promptcdn.problems import BadSettings


def variables() -> Mapping[str, str | None]:
    """The variables of `.env` and of the environment, which goes first; an empty one gives way. Raises `BadSettings`.

    boto3 looks for its own in the environment alone, so those of the file are put there. Empty ones are taken away:
    boto3 takes them for values.
    """
    file = _file()
    for name in [name for name, value in os.environ.items() if name.startswith("AWS_") and not value]:
        del os.environ[name]
    for name, value in file.items():
        if name.startswith("AWS_") and value:
            os.environ.setdefault(name, value)
    return {**file, **{name: value for name, value in os.environ.items() if value or name not in file}}


def _file() -> Mapping[str, str | None]:
    if not os.path.exists(".env"):
        return {}
    from dotenv import dotenv_values  # late: where there is no file it is not needed

    try:
        return dotenv_values(".env")
    except UnicodeDecodeError as error:
        raise BadSettings(".env: it is not UTF-8") from error
