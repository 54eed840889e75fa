"""What URLs begin with, by the options and the settings."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

from promptcdn.cli.ending import fail

if TYPE_CHECKING:
    from promptcdn.settings import Settings

Base = Annotated[str | None, typer.Option(help="What the URLs begin with; by default PROMPTCDN_PUBLIC_URL.")]


def settings_or_end() -> "Settings":
    """The settings. Ends the command where one of them is wrong."""
    from promptcdn import settings
    from promptcdn.problems import BadSettings

    try:
        return settings.load()
    except BadSettings as wrong:
        fail(str(wrong))


def base_url(base: str | None) -> str:
    """`--base`, the public URL of the settings, or where the service listens; without a slash at its end."""
    from promptcdn.settings.forms import FORMS, PUBLIC_URL

    if base is not None:
        if re.fullmatch(PUBLIC_URL, base) is None:
            fail(f'--base="{base}": allowed: {FORMS["public_url"]}')
        return base.rstrip("/")
    chosen = settings_or_end()
    return (chosen.public_url or chosen.address(chosen.port)).rstrip("/")
