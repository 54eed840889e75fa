"""Signed URLs: what was signed holds however it is spelled, and nothing else ever does."""

import base64
import hmac
import random
import time
from dataclasses import replace
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn import problems
from promptcdn.url import signing
from promptcdn.url.parse import parse
from promptcdn.url.request import Asked, Control
from promptcdn.url.signing import SigningKeys, objection, signed

KEYS = SigningKeys.parse("k1:0123456789abcdef,k2:fedcba9876543210")
SECRETS = {"k1": b"0123456789abcdef", "k2": b"fedcba9876543210"}
NOW = 1_795_435_200.0
LATER = 1_798_761_600
LIGHTHOUSE = '{"as_asked":1,"prompt":"a lighthouse","seed":7}'


def asked_by(query: str) -> Asked:
    return parse(query.encode()).asked


def refusal(asked: Asked, control: Control, keys: SigningKeys = KEYS, now: float = NOW) -> problems.ProblemType | None:
    """The kind of problem that a signature has, if any."""
    found = objection(asked, control, keys, now)
    return None if found is None else found.kind


# Frozen: whoever signs by their own code relies on every byte.
GOLDEN = [
    ("prompt=a+lighthouse&seed=7", LIGHTHOUSE, "k1", None, "-bY4r9wy8XJuzghEBdWw1Od43MoNdgyvKARaQpj9Oao"),
    ("prompt=a+lighthouse&seed=7", LIGHTHOUSE, "k1", LATER, "e0Rm33iFagANmSCSQnEQMlgcLePMSXAn2wMq8qBql9k"),
    ("prompt=a+lighthouse&seed=7", LIGHTHOUSE, "k2", None, "a5Cr9rz1dIG0EaG_KME96-Zr0vddQ6fgKt-7xDhiNo0"),
    (
        "prompt=a+lighthouse",
        '{"as_asked":1,"prompt":"a lighthouse"}',
        "k1",
        None,
        "jeCkBKOfxHaUFWa8dDocdc5-v3_sluSaIca905fPcYo",
    ),
    (
        "prompt=a+lighthouse&seed=day",
        '{"as_asked":1,"prompt":"a lighthouse","seed":"day"}',
        "k2",
        LATER,
        "EaJA8M2zvbkEl7ofl30JdO-EhUeTV7x7-IsWIchVcP8",
    ),
    (
        "prompt=caf%C3%A9+%22%5C%E2%80%9D&seed=octocat&cfg_scale=7.50&width=1024&negative_prompt=fog&engine=e1",
        '{"as_asked":1,"cfg_scale":7.5,"engine":"e1","negative_prompt":"fog","prompt":"café \\"\\\\”",'
        '"seed":181842428,"width":1024}',
        "k1",
        None,
        "4Ef2ErSHRlvGi7Jc_t5px0LAcHL4gVC9ZR9JNCSkebY",
    ),
]


@pytest.mark.parametrize(("query", "form", "kid", "exp", "sig"), GOLDEN, ids=[f"{row[2]} {row[0]}" for row in GOLDEN])
def test_a_published_signature_stays_good(query: str, form: str, kid: str, exp: int | None, sig: str) -> None:
    message = f"promptcdn-sig-1\n{form}\n{kid}\n{exp or ''}".encode()
    digest = hmac.digest(SECRETS[kid], message, "sha256")

    assert signed(asked_by(query), KEYS, exp, kid) == Control(sig=sig, kid=kid, exp=exp)
    assert base64.urlsafe_b64encode(digest).decode() == f"{sig}="
    assert refusal(asked_by(query), Control(sig=sig, kid=kid, exp=exp)) is None


SPELLINGS = [
    "prompt=a+lighthouse&seed=7",
    "seed=7&prompt=a+lighthouse",
    "prompt=a%20lighthouse&amp;seed=007",
    "prompt=++a%0Alighthouse&amp;amp;seed=7.0&v=2",
    "prompt=a+lighthouse&seed=7&format=png&wait=3&w=100&h=100&dpr=2&q=50",
]


@pytest.mark.parametrize("query", SPELLINGS)
def test_a_signature_is_the_requests_not_the_spellings(query: str) -> None:
    assert refusal(asked_by(query), signed(asked_by(SPELLINGS[0]), KEYS)) is None


_texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"]), min_size=1, max_size=20)
_requests = st.fixed_dictionaries(
    {"prompt": _texts.map("a {}".format)},
    optional={
        "seed": st.sampled_from(["0", "1", "day", "week", "octocat"]),
        "steps": st.integers(10, 12).map(str),
        "cfg_scale": st.sampled_from(["7", "7.5"]),
    },
)


def spelled(said: dict[str, str], chance: random.Random) -> str:
    pairs = [f"{name}={chance.choice([quote_plus, quote])(value)}" for name, value in said.items()]
    chance.shuffle(pairs)
    return chance.choice(["&", "&amp;", "&amp;amp;"]).join([*pairs, chance.choice(["v=2", "format=png", "wait=1"])])


@given(_requests, _requests, st.randoms(use_true_random=False))
def test_a_signature_is_good_for_every_spelling_of_one_request(
    said: dict[str, str], other: dict[str, str], chance: random.Random
) -> None:
    asked, another = asked_by(spelled(said, chance)), asked_by(spelled(other, chance))
    control = signed(asked, KEYS)

    assert refusal(asked_by(spelled(said, chance)), control) is None
    assert (refusal(another, control) is None) == (another == asked)


REFUSED = [
    (Control(), problems.SIGNATURE_REQUIRED, "sig"),
    (Control(kid="k1", exp=LATER), problems.SIGNATURE_REQUIRED, "sig"),
    (Control(sig=GOLDEN[0][4]), problems.BAD_SIGNATURE, "kid"),
    (Control(sig=GOLDEN[0][4], kid="k3"), problems.BAD_SIGNATURE, "kid"),
    (Control(sig=GOLDEN[0][4], kid="k2"), problems.BAD_SIGNATURE, "sig"),
    (Control(sig=GOLDEN[0][4], kid="k1", exp=LATER), problems.BAD_SIGNATURE, "sig"),
    (Control(sig=GOLDEN[1][4], kid="k1"), problems.BAD_SIGNATURE, "sig"),
    (Control(sig=f"{GOLDEN[0][4]}=", kid="k1"), problems.BAD_SIGNATURE, "sig"),
    (Control(sig="ключ", kid="клю́ч"), problems.BAD_SIGNATURE, "kid"),
]


@pytest.mark.parametrize(("control", "kind", "parameter"), REFUSED, ids=[f"{row[1].code} {row[0]}" for row in REFUSED])
def test_what_is_wrong_with_a_signature_is_said(control: Control, kind: problems.ProblemType, parameter: str) -> None:
    problem = objection(asked_by("prompt=a+lighthouse&seed=7"), control, KEYS, NOW)

    assert problem is not None
    assert (problem.kind, problem.parameter) == (kind, parameter)
    assert (problem.kind.status, problem.cache_control) == (403, "no-store")


@pytest.mark.parametrize(
    ("now", "kind"),
    [(LATER - 1, None), (LATER, None), (LATER + 0.5, problems.SIGNATURE_EXPIRED)],
    ids=["before", "at", "after"],
)
def test_a_signature_holds_up_to_its_last_second(now: float, kind: problems.ProblemType | None) -> None:
    asked = asked_by("prompt=a+lighthouse&seed=7")

    assert refusal(asked, signed(asked, KEYS, LATER), now=now) is kind


def test_only_a_true_signature_is_answered_with_its_expiry() -> None:
    asked = asked_by("prompt=a+lighthouse&seed=7")

    assert refusal(asked, Control(sig="A" * 43, kid="k1", exp=1)) is problems.BAD_SIGNATURE


def test_a_rotated_key_holds_until_it_is_taken_out() -> None:
    asked = asked_by("prompt=a+lighthouse&seed=7")
    before = SigningKeys.parse("old:0123456789abcdef")
    between = SigningKeys.parse("new:fedcba9876543210,old:0123456789abcdef")
    after = SigningKeys.parse("new:fedcba9876543210")
    old, new = signed(asked, before), signed(asked, between)

    assert (old.kid, new.kid) == ("old", "new")
    assert [refusal(asked, control, between) for control in (old, new)] == [None, None]
    assert [refusal(asked, control, after) for control in (old, new)] == [problems.BAD_SIGNATURE, None]


ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def attack(kind: str, chance: random.Random, asked: Asked, true: Control) -> tuple[Asked, Control]:
    """One try of somebody who has seen the true signature of `asked`."""
    sig, place = str(true.sig), chance.randrange(43)
    flipped = bytearray(base64.urlsafe_b64decode(f"{sig}="))
    flipped[chance.randrange(32)] ^= 1 << chance.randrange(8)
    twin = ALPHABET[ALPHABET.index(sig[-1]) ^ chance.randint(1, 3)]
    changed: dict[str, Control] = {
        "forged": replace(true, sig="".join(chance.choices(ALPHABET, k=43))),
        "truncated": replace(true, sig=sig[:place] or "A"),
        "lengthened": replace(true, sig=sig + chance.choice(["=", "A", "AA", sig])),
        "flipped": replace(true, sig=base64.urlsafe_b64encode(flipped).decode().rstrip("=")),
        "other case": replace(true, sig=sig.swapcase()),
        "same bytes in other text": replace(true, sig=sig[:-1] + twin),
        "replayed": true,
        "later": replace(true, exp=LATER + chance.randint(1, 10**6)),
        "for ever": replace(true, exp=None),
        "expired": signed(asked, KEYS, int(NOW) - chance.randint(1, 10**6), true.kid),
        "other kid": replace(true, kid="k2" if true.kid == "k1" else "k1"),
        "no kid": replace(true, kid=None),
        "own key": signed(asked, SigningKeys.parse("k1:a secret of my own"), LATER),
        "own kid": signed(asked, SigningKeys.parse("k9:a secret of my own"), LATER),
        "the key of nobody": signed(asked, SigningKeys((("k9", signing._NOBODYS),)), LATER),
    }
    others = [
        asked.seeded(8),
        asked.seeded(None),
        replace(asked, seed="day"),
        replace(asked, rev=1),
        Asked("b", seed=7),
    ]
    return (chance.choice(others) if kind == "replayed" else asked), changed[kind]


ATTACKS = [
    *("forged", "truncated", "lengthened", "flipped", "other case", "same bytes in other text", "replayed", "later"),
    *("for ever", "expired", "other kid", "no kid", "own key", "own kid", "the key of nobody"),
]


def test_of_ten_thousand_forged_signatures_none_holds() -> None:
    chance = random.Random(20261125)
    held = []
    for number in range(10_000):
        asked = Asked(f"a lighthouse {chance.randrange(100)}", seed=7)
        true = signed(asked, KEYS, LATER, chance.choice(KEYS.ids))
        assert refusal(asked, true) is None
        kind = ATTACKS[number % len(ATTACKS)]
        if refusal(*attack(kind, chance, asked, true)) is None:
            held.append(kind)

    assert held == []


def test_an_unknown_key_takes_as_long_as_a_wrong_signature() -> None:
    asked = Asked("a lighthouse " * 150, seed=7)

    def seconds(kid: str) -> float:
        began = time.process_time()
        for _ in range(500):
            objection(asked, Control(sig="A" * 43, kid=kid), KEYS, NOW)
        return time.process_time() - began

    # Without the work for nobody's key it would be a tenth.
    assert min(seconds("k9") for _ in range(5)) > 0.5 * min(seconds("k1") for _ in range(5))


BAD_KEYS = [
    ("", "entry 1: write it like id:secret"),
    ("canary-0123456789", "entry 1: write it like id:secret"),
    ("canary 0123456789", "entry 1: write it like id:secret"),
    (":canary-0123456789", "entry 1: write it like id:secret"),
    ("k1:canary", "entry 1: a secret must have at least 16"),
    ("k1:canary-0123456789,", "entry 2: write it like id:secret"),
    ("k1:canary-0123456789,canary-and-more", "entry 2: write it like id:secret"),
    ("k1:canary-0123456789,k1:canary-9876543210", "entry 2: another entry before it has the same id"),
    ("k1:canary-\udcff-0123456789", "entry 1: a secret must have at least 16 visible characters"),
    ("canary-é:canary-0123456789", "entry 1: write it like id:secret"),
    (f"{'k' * 65}:canary-0123456789", "entry 1: write it like id:secret"),
]


@pytest.mark.parametrize(("text", "words"), BAD_KEYS)
def test_bad_keys_are_refused_by_their_place_and_never_shown(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        SigningKeys.parse(text)

    assert "canary" not in str(caught.value)


def test_keys_show_their_ids_only() -> None:
    keys = SigningKeys.parse(" k1:canary-0123456789 , k.2_-:with:a:colon:canary ")

    assert repr(keys) == "SigningKeys(k1, k.2_-)"
    assert "canary" not in f"{keys}"
    assert keys.secret("k.2_-") == b"with:a:colon:canary"


def test_nobody_signs_with_a_key_that_is_not_there() -> None:
    for keys, kid in ((KEYS, "k3"), (SigningKeys(), None)):
        with pytest.raises(ValueError, match="no key"):
            signed(Asked("a"), keys, kid=kid)


def test_a_refusal_says_what_to_do() -> None:
    asked = asked_by("prompt=a&seed=7")
    control = signed(asked, KEYS)

    changed = objection(asked_by("prompt=a&seed=8"), control, KEYS, NOW)
    none = objection(asked, Control(), KEYS, NOW)

    assert changed is not None
    assert "was changed after signing, or the secret of the key differs: sign the URL again" in changed.detail
    assert none is not None
    assert "promptcdn sign" in none.detail
