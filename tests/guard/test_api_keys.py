"""API keys: how they are set, and which one a request has."""

import pytest

from promptcdn.guard.api_keys import ApiKeys

KEYS = ApiKeys.parse("team:0123456789abcdef, others:fedcba9876543210")


@pytest.mark.parametrize(
    ("authorization", "found"),
    [
        ("Bearer 0123456789abcdef", "team"),
        ("bearer fedcba9876543210", "others"),
        ("Bearer  0123456789abcdef ", "team"),
        ("Bearer 0123456789abcde", None),
        ("Bearer team:0123456789abcdef", None),
        ("Bearer", None),
        ("Basic 0123456789abcdef", None),
        ("0123456789abcdef", None),
        ("Bearer é", None),
        ("", None),
        (None, None),
    ],
)
def test_a_request_has_the_key_whose_secret_it_sends(authorization: str | None, found: str | None) -> None:
    assert KEYS.id_of(authorization) == found


@pytest.mark.parametrize(
    "text",
    ["canary-without-an-id", "team:canary", "a:canary-0123456789,b:canary-0123456789", "a:canary 0123456789 canary"],
)
def test_a_key_that_would_not_do_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match=r"entry [12]") as refused:
        ApiKeys.parse(text)

    assert "canary" not in str(refused.value)


def test_no_secret_is_in_what_is_printed() -> None:
    assert repr(KEYS) == "ApiKeys(team, others)"
    assert not ApiKeys()
