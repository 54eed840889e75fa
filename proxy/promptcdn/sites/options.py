"""What an author chooses for the pictures of a site. Policy."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self, get_type_hints
from urllib.parse import urlsplit

from promptcdn import problems
from promptcdn.markdown import Ours

SEEDLESS = ("keep", "pin", "refuse")


@dataclass(frozen=True)
class Options:
    """The options, by the names that they have in each builder's own configuration.

    public_url  what the URLs of the pictures begin with; by default PROMPTCDN_PUBLIC_URL
    seedless    what becomes of a picture without a seed: `keep` it, `pin` it to a seed that its readers are shown now,
                or `refuse` it
    warm        have pictures made at the build that are not made yet: what that costs is not asked
    vendor      put the pictures into the site, so that it stands alone: those that are not made yet are made
    folder      the folder in the site that they are put into
    site_dir    the folder that the site is built in, for builders that do not say so: MkDocs and Zensical do
    lock        the lock file; without one, builds remember what they know in `cache`
    cache       the folder in which builds keep pictures for the next build
    strict      fail the build where a picture has a problem, and not only say so
    """

    public_url: str
    seedless: str = "keep"
    warm: bool = False
    vendor: bool = False
    folder: str = "assets/promptcdn"
    site_dir: str = ""
    lock: str = ""
    cache: str = ".cache/promptcdn"
    strict: bool = False

    @classmethod
    def of(cls, values: Mapping[str, Any], public_url: str) -> Self:
        """`values` as a configuration file has them; `public_url` is used where they name none.

        Raises `BadSettings` that names the option, its value and what is allowed.
        """
        known = {"public_url": public_url} | {name: value for name, value in values.items() if value is not None}
        for name, value in known.items():
            _require_kind(name, value)
        if known.get("seedless", "keep") not in SEEDLESS:
            raise _wrong("seedless", known["seedless"], ", ".join(SEEDLESS))
        if "folder" in known and not _is_inside(known["folder"]):
            raise _wrong("folder", known["folder"], "a folder inside the site, like assets/promptcdn")
        if known.get("cache", ".") == "":
            raise _wrong("cache", "", "a folder, like .cache/promptcdn")
        _require_url(known["public_url"])
        return cls(**{**known, "public_url": known["public_url"].rstrip("/")})

    @cached_property
    def ours(self) -> Ours:
        """Which URLs are the service's."""
        return Ours.of(self.public_url)


def _require_kind(name: str, value: object) -> None:
    kinds = get_type_hints(Options)
    if name not in kinds:
        names = ", ".join(field.name for field in fields(Options))
        raise problems.BadSettings(f"promptcdn: there is no option {name}; allowed: {names}")
    if not isinstance(value, kinds[name]):
        raise _wrong(name, value, "true or false" if kinds[name] is bool else "a text")


def _is_inside(folder: str) -> bool:
    parts = folder.replace("\\", "/").split("/")
    return bool(parts[0]) and ":" not in parts[0] and ".." not in parts


def _require_url(url: str) -> None:
    example = "the address of your service, like https://pictures.example.org"
    if not url:
        raise problems.BadSettings(
            f"promptcdn: neither the option public_url nor the variable PROMPTCDN_PUBLIC_URL is set: write {example}"
        )
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and "?" not in url and "#" not in url
        if is_good and not parts.username and parts.port != 0:
            return
    except ValueError:  # a port that is no number, or a bracket that is not closed
        pass
    raise _wrong("public_url", url, example)


def _wrong(name: str, value: object, allowed: str) -> problems.BadSettings:
    return problems.BadSettings(f"promptcdn: {name}={value!r}: allowed: {allowed}")
