"""Whether a request comes from Slack (https://docs.slack.dev/authentication/verifying-requests-from-slack)."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slack_sdk.signature import SignatureVerifier

# Slack's library raises exceptions for any other text.
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}", re.ASCII)


class SlackSignatures:
    """Checks signatures by Slack's library, which refuses those that are older than five minutes."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def signature(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """The signature of a request, if it is right."""
        timestamp, signature = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
        if not _TIMESTAMP.fullmatch(timestamp) or not _SIGNATURE.fullmatch(signature):
            return None
        try:
            valid = self._verifier.is_valid(body, timestamp, signature)
        except UnicodeDecodeError:  # the library reads the body as UTF-8, and so does Slack write it
            return None
        return signature if valid else None

    @cached_property
    def _verifier(self) -> "SignatureVerifier":
        from slack_sdk.signature import SignatureVerifier  # late: for those who have the app

        return SignatureVerifier(self._secret)
