"""`promptcdn mcp`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from promptcdn.cli.base import Base, base_url, settings_or_end

if TYPE_CHECKING:
    from promptcdn.documents.client import Client
    from promptcdn.url.signing import SigningKeys


def mcp(base: Base = None) -> None:
    """Offer pictures to an assistant, over the Model Context Protocol on standard input and output.

    Put the command into the configuration of the assistant. Its tools give URLs and Markdown, which takes no network,
    and have the running service make pictures and say what it knows of them.
    """
    import anyio

    from promptcdn.cli.documents.opening import client_of
    from promptcdn.faces.mcp import tools

    keys = settings_or_end().signing_keys
    with client_of(base_url(base)) as client:
        anyio.run(tools.server(_Remote(client, keys)).run_stdio_async)


class _Remote:
    """The running service, asked over HTTP."""

    def __init__(self, client: "Client", keys: "SigningKeys") -> None:
        self._client, self._keys = client, keys

    @property
    def public_url(self) -> str:
        """What the URLs of its pictures begin with."""
        return self._client.base

    async def info(self, target: str) -> Mapping[str, Any]:
        """The members of `/info`."""
        members: Mapping[str, Any] = await _asked(self._client.info, target)
        return members

    async def picture(self, target: str) -> tuple[bytes, str]:
        """The file of a picture, and its media type."""
        file, content = await _asked(self._client.picture, target)
        return content, file.media_type

    def signed(self, url: str) -> str:
        """`url`, signed where the settings have a key."""
        from promptcdn.url.signing.spelled import signed_url

        return signed_url(url, self._keys) if self._keys.ids else url

    def pinned(self, target: str, seed: int) -> str:
        """`target` with a seed, signed anew if it was signed. Raises `ValueError` where there is no key for that."""
        from promptcdn.markdown.pin import pinned

        return pinned(target, seed, self._keys)


async def _asked(ask: Any, target: str) -> Any:
    """What the service answers to a call that blocks. Raises `Refused`."""
    import anyio.to_thread

    from promptcdn.documents.client import NoAnswer
    from promptcdn.faces.mcp.tools import Refused

    try:
        return await anyio.to_thread.run_sync(ask, target, abandon_on_cancel=True)
    except NoAnswer as none:
        raise Refused(none.reason) from None
