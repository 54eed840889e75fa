"""`promptcdn sign`."""

from typing import Annotated

import typer

from promptcdn.cli.signatures import Expires, Key, signed_urls


def sign(
    urls: Annotated[list[str], typer.Argument(help="URLs of pictures, with or without their host.")],
    expires: Expires = None,
    key: Key = None,
) -> None:
    """Sign URLs, so that their pictures may be made where PROMPTCDN_MISSES is signed. Prints each URL, signed."""
    for url in signed_urls(urls, expires, key):
        typer.echo(url)
