"""`promptcdn sign`."""

from typing import Annotated

import typer

from promptcdn.cli.signatures import Expires, Key, signed_urls
from promptcdn.url.dialects import given


def sign(
    urls: Annotated[list[str], typer.Argument(help="URLs of pictures, with or without their host.")],
    expires: Expires = None,
    key: Key = None,
) -> None:
    """Sign URLs, so that their pictures may be made where PROMPTCDN_MISSES is signed. Prints each URL, signed."""
    from promptcdn.url.dialects import mistakes

    for url, signed in zip(urls, signed_urls(urls, expires, key), strict=True):
        for warning in mistakes.warnings(given.request(given.parts(signed))):
            typer.echo(f"note: {f'{url}: ' if len(urls) > 1 else ''}{warning}", err=True)
        typer.echo(signed)
