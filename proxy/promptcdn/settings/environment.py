"""The variables that settings are read from: those of the environment, and of the file `.env`."""

import os
from collections.abc import Mapping

from dotenv import dotenv_values

from promptcdn.problems import BadSettings


def variables() -> Mapping[str, str | None]:
    """The variables of `.env` and of the environment, which goes first. Raises `BadSettings`.

    boto3 looks for its own in the environment alone, so those of the file are put there. Empty ones are taken away:
    boto3 takes them for values.
    """
    try:
        file = dotenv_values(".env")
    except UnicodeDecodeError as error:
        raise BadSettings(".env: it is not UTF-8") from error
    for name in [name for name, value in os.environ.items() if name.startswith("AWS_") and not value]:
        del os.environ[name]
    for name, value in file.items():
        if name.startswith("AWS_") and value:
            os.environ.setdefault(name, value)
    return {**file, **os.environ}
