"""Calls to one upstream over HTTP."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from promptcdn.generators.http.address import Address
from promptcdn.generators.http.exchange import Bounds, exchange
from promptcdn.generators.http.fetching import USER_AGENT, fetch, unlocated
from promptcdn.generators.http.locations import Hosts
from promptcdn.generators.http.reply import Reply
from promptcdn.generators.http.timings import TIMINGS, Timings
from promptcdn.problems import UPSTREAM_UNREACHABLE, UpstreamFailed

if TYPE_CHECKING:
    import httpx2

HOSTS_SETTING = "PROMPTCDN_FETCH_HOSTS"


class Http:
    """Calls one upstream. `headers` go with every call, and never to another host.

    Each call has a connection of its own: a server may close one that is kept at any moment, and then nobody can tell
    whether it has begun a picture. Redirects are not followed, cookies not kept.
    The proxies of the environment (`HTTPS_PROXY`, `NO_PROXY` …) are used, but for this machine.
    """

    def __init__(
        self,
        where: Address,
        headers: Mapping[str, str] | None = None,
        timings: Timings = TIMINGS,
        hosts: Hosts | None = None,
    ) -> None:
        self.where = where
        self.timings = timings
        self._headers = dict(headers or {})
        self._hosts = hosts or Hosts()
        self._transport: httpx2.AsyncHTTPTransport | None = None
        self._proxied = False

    async def post(
        self,
        path: str,
        *,
        json: Any = None,
        files: Any = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float,
        most: int,
    ) -> Reply:
        """What the upstream answers within `seconds` and in `most` bytes, whatever the status; `json`, `files` and
        `data` are httpx2's. `path` comes behind the base URL's. Raises `UpstreamFailed`."""
        return await self._call("POST", path, headers, seconds, most, json=json, files=files, data=data)

    async def patch(
        self, path: str, *, json: Any = None, files: Any = None, data: Any = None, seconds: float, most: int
    ) -> Reply:
        """The same as `post`, for a change to what is there."""
        return await self._call("PATCH", path, None, seconds, most, json=json, files=files, data=data)

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None, seconds: float, most: int) -> Reply:
        """The same for a question."""
        return await self._call("GET", path, headers, seconds, most)

    async def fetch(self, url: str, peer: str, *, seconds: float, most: int) -> Reply:
        """The picture at `url`, which the upstream at the address `peer` answered with (`Reply.peer`).

        It is fetched from the upstream itself or from the hosts that the operator named, without any header of ours.
        Raises `UpstreamFailed`, charged.
        """
        location = self._hosts.locate(url, self.where)
        transport = self._opened()
        # A proxy would look the name up once more, and reach what we may not.
        if location is None or self._proxied or (location.own and not peer):
            raise unlocated(url, HOSTS_SETTING)
        bounds = Bounds(seconds, self.timings.connect, most, paid=True)
        return await fetch(transport, location, peer, bounds, self.timings.between_fetches)

    async def close(self) -> None:
        """Closes what is open."""
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()

    async def _call(
        self, method: str, path: str, headers: Mapping[str, str] | None, seconds: float, most: int, **body: Any
    ) -> Reply:
        import httpx2  # late: for those who call

        request = httpx2.Request(
            method,
            f"{self.where}{path}",
            headers={
                "User-Agent": USER_AGENT,
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                "Connection": "close",
                **self._headers,
                **(headers or {}),
            },
            **body,
        )
        return await exchange(self._opened(), request, Bounds(seconds, self.timings.connect, most))

    def _opened(self) -> "httpx2.AsyncHTTPTransport":
        """The transport, which the first call opens: it belongs to that call's event loop."""
        if self._transport is None:
            import httpx2  # late: for those who call

            proxy = _proxy(self.where)
            self._proxied = proxy is not None
            limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
            # The text of such an error may show the proxy's password.
            with suppress(ValueError, ImportError, httpx2.InvalidURL):
                self._transport = httpx2.AsyncHTTPTransport(proxy=proxy, limits=limits)
        if self._transport is None:
            raise UpstreamFailed(UPSTREAM_UNREACHABLE, "the proxy of the environment cannot be used", charged=False)
        return self._transport


def _proxy(where: Address) -> str | None:
    """The proxy of the environment for that address, if there is one."""
    import urllib.request as standard  # late: for those who call

    proxies: dict[str, str] = standard.getproxies_environment()
    bypassed = standard.proxy_bypass_environment(where.host, proxies)  # type: ignore[attr-defined]
    if where.loopback or bypassed:
        return None
    found = proxies.get(where.scheme) or proxies.get("all")
    return f"http://{found}" if found and "://" not in found else found
