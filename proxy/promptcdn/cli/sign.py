"""`promptcdn sign`."""

from typing import Annotated

import typer

from promptcdn.cli.signatures import Expires, Key, signed_urls


def sign(
    urls: Annotated[list[str], typer.Argument(help="Pictures' URLs, with or without their host.")],
    expires: Expires = None,
    key: Key = None,
) -> None:
    """Print URLs as they are spelled, with a signature that lets their pictures be made."""
    for url in signed_urls(urls, expires, key):
        typer.echo(url)
