"""A signature put into a URL that stays as somebody spelled it."""

import re
from urllib.parse import unquote

from promptcdn.url import signing
from promptcdn.url.dialects import given
from promptcdn.url.parse import URL_MAX
from promptcdn.url.resolving import require_consistent

_SEPARATED = re.compile(r"(^|&(?:amp;)*)([^&]*)")


def signed_url(url: str, keys: signing.SigningKeys, exp: int | None = None, kid: str | None = None) -> str:
    """`url` as it is spelled, its signature new. Raises `Problem` or `ValueError` with what is wrong."""
    bare = given.parts(url)
    if given.content_key(bare):
        raise ValueError("a permalink needs no signature: it shows what is stored, and makes nothing")
    bare = bare._replace(query=_without_signature(bare.query))
    request = given.request(bare)
    require_consistent(request.asked)
    control = signing.signed(request.asked, keys, exp, kid)
    signature = [f"{name}={value}" for name in ("kid", "exp", "sig") if (value := getattr(control, name)) is not None]
    separator = "&amp;" if "&amp;" in bare.query else "&"
    query = separator.join([*filter(None, [bare.query]), *signature])
    if len(f"{bare.path}?{query}".encode(errors="surrogateescape")) > URL_MAX:
        raise ValueError(f"signed, the URL would be longer than the {URL_MAX} bytes that the service takes")
    return f"{bare.host}{bare.path}?{query}{bare.fragment}"


def _without_signature(query: str) -> str:
    kept = [
        separator + pair
        for separator, pair in _SEPARATED.findall(query)
        if unquote(pair.partition("=")[0]) not in ("kid", "exp", "sig")
    ]
    return re.sub(r"^&(amp;)*", "", "".join(kept))
