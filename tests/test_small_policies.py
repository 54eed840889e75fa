"""Small policies: is this picture good, who may cause a picture, what do people paste."""

import pytest

from promptcdn import problems
from promptcdn.guard.authorisation import Authorisation, Misses
from promptcdn.guard.denylist import DenyList
from promptcdn.pictures.validation import Decoded, defect
from promptcdn.url.request import Asked, Control, Resolved
from promptcdn.url.signing import SigningKeys, signed

ORDER = Resolved("stability", "e", "a", 7, 1024, 768, 30, 7.0)
GOOD = Decoded("image/png", 1024, 768)


@pytest.mark.parametrize(
    ("decoded", "sent", "echo", "words"),
    [
        (GOOD, 7, 7, None),
        (GOOD, 7, 0, None),
        (GOOD, 7, 8, "the seed 8 instead of 7"),
        (None, 7, 7, "not a picture"),
        (Decoded("image/png", 768, 1024), 7, 7, "768x1024 instead of 1024x768"),
    ],
)
def test_a_picture_is_kept_only_if_it_is_what_was_ordered(
    decoded: Decoded | None, sent: int, echo: int, words: str | None
) -> None:
    found = defect(ORDER, decoded, sent, echo)

    assert found is None if words is None else words in str(found)


SIGNING_KEYS = SigningKeys.parse("k1:0123456789abcdef")
ASKED = Asked("a lighthouse", seed=7)
UNSIGNED, SIGNED = Control(), signed(ASKED, SIGNING_KEYS)


@pytest.mark.parametrize(
    ("misses", "control", "outcome"),
    [
        ("open", UNSIGNED, None),
        ("open", Control(sig="forged", kid="k1"), None),
        ("open", SIGNED, "k1"),
        ("signed", SIGNED, "k1"),
        ("signed", UNSIGNED, problems.SIGNATURE_REQUIRED),
        ("signed", Control(sig="forged", kid="k1"), problems.BAD_SIGNATURE),
        ("closed", UNSIGNED, problems.MISSES_CLOSED),
        ("closed", SIGNED, problems.MISSES_CLOSED),
    ],
)
def test_who_may_cause_a_picture_is_for_the_operator_to_say(
    misses: Misses, control: Control, outcome: problems.ProblemType | str | None
) -> None:
    found: problems.ProblemType | str | None
    try:
        found = Authorisation(misses, SIGNING_KEYS).require_allowed(ASKED, control, "a lighthouse", 0)
    except problems.Problem as problem:
        found = problem.kind

    assert found == outcome


def test_a_denied_prompt_is_refused_without_saying_why() -> None:
    access = Authorisation(deny=DenyList.parse("/secret(ly)?/"))
    access.require_allowed(ASKED, UNSIGNED, "a cat", 0)
    with pytest.raises(problems.Problem) as caught:
        access.require_allowed(ASKED, UNSIGNED, "secretly a cat", 0)

    assert caught.value.kind is problems.DENIED
    assert "secret" not in str(caught.value.document())
