"""What CloudFront runs before its cache: the words that it writes mean to the service what the head meant."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptcdn.readers import negotiation
from promptcdn.readers.audience import Audience, audience, joined
from promptcdn.readers.user_agents import IMAGE_PROXIES, PREVIEWERS
from tests.caches.attacks import ATTACKS, VICTIMS
from tests.readers.test_audience import HEADS, PAGE, PICTURE
from tests.support.topology import ROOT

FILE = ROOT / "terraform" / "aws" / "viewer.js"
AUTO, FIXED = "/?prompt=a&seed=1&format=auto", "/?prompt=a&seed=1"

# The function as it stands, and what CloudFront hands to it.
_DRIVER = """
const { readFileSync } = require("node:fs");
const handler = new Function(readFileSync(process.argv[1], "utf8") + "; return handler;")();
const heads = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(heads.map(([url, lines]) => {
  const headers = {}, querystring = {};
  for (const [name, value] of lines) {
    const had = headers[name];
    if (had) (had.multiValue ??= [{ value: had.value }]).push({ value });
    else headers[name] = { value };
  }
  new URL(url, "https://x").searchParams.forEach((value, name) => { querystring[name] = { value }; });
  const written = handler({ request: { method: "GET", uri: "/", headers, querystring } });
  return [written.headers["user-agent"].value, written.headers.accept.value];
})));
"""

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not here")
Lines = tuple[tuple[str, str], ...]


@cache
def written(heads: tuple[tuple[str, Lines], ...]) -> list[dict[str, str]]:
    """What the function makes of heads: all that the service sees of them beside the URL."""
    ended = subprocess.run(
        ["node", "-e", _DRIVER, FILE], input=json.dumps(heads), capture_output=True, text=True, check=True
    )
    return [{"user-agent": agent, "accept": accept} for agent, accept in json.loads(ended.stdout)]


def asked() -> tuple[tuple[Audience, Lines], ...]:
    sent = [(who, tuple(head.items())) for who, head in HEADS]
    attacked = [attack.head(lines) for lines in VICTIMS.values() for attack in ATTACKS.values()]
    return (*sent, *((audience(joined(lines)), lines) for lines in attacked))


@pytest.mark.parametrize("url", [FIXED, AUTO])
def test_the_service_takes_the_words_for_who_wrote_the_head(url: str) -> None:
    """All heads of the tests of audiences and of poisoning: the service sees the same audience in the words."""
    known = asked()
    words = written(tuple((url, lines) for _, lines in known))

    wrong = [(lines, word, who) for (who, lines), word in zip(known, words, strict=True) if audience(word) is not who]
    assert wrong == []


def test_the_words_name_the_format_that_the_head_asks_for() -> None:
    known = asked()
    words = written(tuple((AUTO, lines) for _, lines in known))

    for (who, lines), word in zip(known, words, strict=True):
        accept = joined(lines).get("accept", "")
        assert negotiation.picture_format(word["accept"], who) == negotiation.picture_format(accept, who), lines
        if who is not Audience.IMG:  # who always wants a picture
            assert negotiation.wants_picture(word["accept"], who) == negotiation.wants_picture(accept, who), lines


def test_a_picture_in_a_fixed_format_is_kept_a_few_times_only() -> None:
    """One URL has ten keys at most, whatever clients send: not one for each browser's version."""
    keys = {tuple(word.values()) for word in written(tuple((FIXED, lines) for _, lines in asked()))}

    assert len(keys) <= 10


@given(st.lists(st.text(st.sampled_from("abcmot/;=,.*q019 -:@()"), max_size=40), min_size=5, max_size=5))
@settings(max_examples=8, deadline=None)
def test_whatever_is_sent_there_are_few_keys(values: list[str]) -> None:
    heads = tuple(
        (FIXED, (("user-agent", agent), ("accept", accept), ("via", via)))
        for agent in values
        for accept in values
        for via in values
    )

    assert {word["user-agent"] for word in written(heads)} <= {
        "go-camo",
        "Mozilla/5.0",
        "bot",
        "program",
        "promptcdn/viewer",
    }
    assert {word["accept"] for word in written(heads)} <= {"*/*", "image/*", "text/html,*/*", "text/html,image/*"}


def test_formats_that_are_refused_stay_refused() -> None:
    (words,) = written(((AUTO, (("user-agent", "x"), ("accept", "image/avif;q=0, image/*;q=0.5"))),))

    assert words["accept"] == "image/avif;q=0,image/*"


def test_the_lists_are_the_services() -> None:
    text = FILE.read_text()

    def listed(name: str) -> list[str]:
        found = re.search(rf"const {name} = \[(.*?)\];", text, re.DOTALL)
        assert found is not None
        return re.findall(r'"([^"]+)"', found[1])

    assert listed("IMAGE_PROXIES") == [known.token for known in IMAGE_PROXIES]
    assert listed("PREVIEWERS") == [known.token for known in PREVIEWERS]


def test_cloudfront_takes_a_file_of_that_size() -> None:
    assert len(FILE.read_bytes()) < 10 * 1024


def test_a_browser_is_told_the_formats_that_it_takes() -> None:
    heads: Mapping[str, str] = {"page": PAGE, "picture": PICTURE}
    words = written(tuple((AUTO, (("user-agent", "Mozilla/5.0"), ("accept", accept))) for accept in heads.values()))

    assert [word["accept"] for word in words] == [
        "text/html,image/avif,image/webp,*/*",
        "image/avif,image/webp,image/*,*/*",
    ]
