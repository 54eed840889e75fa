"""What an author chooses for the pictures of a site. Policy."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self, get_type_hints

from promptcdn import problems
from promptcdn.markdown import Ours

SEEDLESS = ("keep", "pin", "refuse")


@dataclass(frozen=True)
class Options:
    """The options, by the names that they have in each builder's own configuration.

    public_url  what the URLs of the pictures begin with; by default PROMPTCDN_PUBLIC_URL
    seedless    what becomes of a picture without a seed: `keep` it, `pin` it to the seed that its readers see, which
                the lock file remembers, or `refuse` it
    warm        have pictures made at the build that are not made yet: what that costs is not asked
    vendor      put the pictures into the site, so that it stands alone
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
        kinds = get_type_hints(cls)
        known = {"public_url": public_url} | {name: value for name, value in values.items() if value is not None}
        for name, value in known.items():
            if name not in kinds:
                names = ", ".join(field.name for field in fields(cls))
                raise problems.BadSettings(f"promptcdn: there is no option {name}; allowed: {names}")
            if not isinstance(value, kinds[name]):
                allowed = "true or false" if kinds[name] is bool else "a text"
                raise problems.BadSettings(f"promptcdn: {name}={value!r}: allowed: {allowed}")
        if known.get("seedless", "keep") not in SEEDLESS:
            allowed = ", ".join(SEEDLESS)
            raise problems.BadSettings(f"promptcdn: seedless={known['seedless']!r}: allowed: {allowed}")
        if not known["public_url"]:
            example = "the address of your service, like https://pictures.example.org"
            raise problems.BadSettings(f"promptcdn: public_url is not set, and no PROMPTCDN_PUBLIC_URL is: {example}")
        return cls(**{**known, "public_url": known["public_url"].rstrip("/")})

    @property
    def ours(self) -> Ours:
        """Which URLs are the service's. Raises `ValueError` where `public_url` is no URL."""
        return Ours.of(self.public_url)
