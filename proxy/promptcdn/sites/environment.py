"""What the environment says of a build, beside the configuration file of its builder."""

import os
from collections.abc import Mapping
from typing import Any

from promptcdn import settings
from promptcdn.sites.options import Options
from promptcdn.url.signing import SigningKeys


def options_of(values: Mapping[str, Any]) -> Options:
    """The options of a configuration file. Raises `BadSettings`."""
    return Options.of(values, os.environ.get("PROMPTCDN_PUBLIC_URL", ""))


def signing_keys() -> SigningKeys:
    """The keys of the environment. A secret has no place in a configuration file. Raises `BadSettings`."""
    return settings.load().signing_keys
