"""The deny-list: what is caught in disguise, what passes though it looks alike, and what a file may say."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from promptcdn.guard.denylist import DenyList

FILE = r"""
# What a small public service might deny.
nude
naked
porn
sex
ass
tits
gore
rape
nazi
cocaine
child soldier
heil hitler
Jane Q. Public
self-harm
4chan
голая
γυμνή
عارية
裸体
ヌード

/\bbehead(s|ed|ing)?\b/
/swastika/
/🍆/
"""
LIST = DenyList.parse(FILE)

CAUGHT = {
    "nude": [
        "nude",
        "a nude woman",
        "NUDE",
        "Nude, oil on canvas",
        "portrait (nude)",
        "#nude",
        "nude_portrait",
        "semi-nude",
        "nude!!!",
        "a woman.nude.",
        # accents, width, fancy letters
        "nüde",
        "n̸u̸d̸e̸",
        "n̲u̲d̲e̲",
        "n⃝u⃝d⃝e⃝",
        "ｎｕｄｅ",
        "𝓷𝓾𝓭𝓮",
        "𝕟𝕦𝕕𝕖",
        "ⓝⓤⓓⓔ",
        "⒩⒰⒟⒠",
        "🅝🅤🅓🅔",
        "🅽🆄🅳🅴",
        "🇳🇺🇩🇪",
        "ⁿᵘᵈᵉ",
        "ɴᴜᴅᴇ",
        # look-alikes: Cyrillic, Greek, Armenian, Cherokee and Lisu
        "nudе",
        "ոսԁе",
        "ΝUDΕ",
        "ηυԁε",
        "ꓠꓴꓓꓰ",
        "NUᎠᎬ",
        # digits and symbols
        "nud3",
        "NUD3 woman",
        # what cannot be seen
        "nu\u200dde",
        "n\u200bu\u200bd\u200be",
        "nu\ufe0fde",
        "n\u2060u\u00ad\u200ede",
        "nu\u3164de",
        "nu\U000e0061de",
        "nu\u034fde",
        # spaced out, drawn out
        "n-u-d-e",
        "n.u.d.e",
        "n u d e",
        "n_u_d_e",
        "n*u*d*e",
        "n🔥u🔥d🔥e",
        "n·u·d·e, by a lake",
        "a n u d e woman",
        "the n.u.d.e-model",
        "nu-de",
        "nu.de",
        "n-u-d-3",
        "nuuuude",
        "nnnuuudddeee",
    ],
    "porn": ["p0rn", "ρorn", "рοrn", "p-0-r-n", "P O R N"],
    "sex": ["$ex", "s3x", "sеx", "s.e.x", "5ex", "se×"],
    "ass": ["@ss", "a$$", "@$$", "a s s", "as$", "αss", "asssss", "big ass."],
    "tits": ["t1ts", "tit$", "7its", "t!ts", "t|ts"],
    "naked": ["n4ked", "n@ked", "n4k3d", "naкed", "ɴaked"],
    "gore": ["g0re", "90re", "gоrе"],
    "rape": ["r4pe", "гapе", "r@p3"],
    "nazi": ["n4zi", "naz1"],
    "cocaine": ["c0ca1ne", "cοсaine", "с0с@1n3"],
    "child soldier": ["a child soldier", "child-soldier", "CHILD\u2003SOLDIER", "ch1ld s0ldier", "c h i l d soldier"],
    "heil hitler": ["h3il h1tler", "Heil, Hitler!"],
    "Jane Q. Public": ["jane q public", "a photo of Jane Q. Public's house"],
    "self-harm": ["self harm", "self–harm", "s3lf-h@rm"],
    "4chan": ["4chan", "4CHAN meme"],
    "голая": ["Голая женщина", "ГОЛАЯ", "го\u0301лая", "г-о-л-а-я", "гoлaя"],
    "γυμνή": ["γυμνη", "ΓΥΜΝΗ", "μια Γυμνή γυναίκα"],
    "عارية": ["امرأة عارية", "عَارِيَة", "عـاريـة"],
    "裸体": ["一个裸体女人", "裸 体", "裸-体", "裸\u200b体"],
    "ヌード": ["女性のヌード写真", "ﾇｰﾄﾞ"],
    r"/\bbehead(s|ed|ing)?\b/": ["a Beheading", "bеheaded", "be\u200dhead"],
    "/swastika/": ["swastikas", "ŚWASTIKA", "ｓｗａｓｔｉｋａ"],
    "/🍆/": ["a 🍆"],
}

INNOCENT = [
    "a lighthouse at night, oil on canvas",
    "a class of pupils",
    "a glass bottle",
    "an assassin in the shadows",
    "a brass band on a grassy hill",
    "massive compass, assorted glasses",
    "Essex and Sussex in spring",
    "Middlesex county, sextant and astrolabe",
    "a sextet plays",
    "the unisexual flower of a holly",
    "Scunthorpe railway station",
    "a gorecki symphony as a painting",
    "gorgeous gorge in Algore valley",
    "grapes and a rapeseed field",
    "drapery, scraped paint",
    "a therapist's office",
    "a cockatoo and a peacock",
    "titmouse on a branch, blue tit",
    "the Titans of Greek myth",
    "denuded hills after the storm",
    "a nudge in the right direction",
    "snaked river, baked bread",
    "Renaissance popcorn, acorn and thorn",
    "a child and a soldier shake hands",
    "a soldier's child",
    "child's drawing of a toy soldier",
    "a nazirite",
    "cocoa in a cup, caffeine",
    "a selfie with harmony",
    "Jane in public",
    "c l a s s, spelled out",
    "a b c d e f g",
    "4k, 8k, 3d render, 1080p, f/1.8, 35mm",
    "the 1950s, 455 people, 5s, $5, $100",
    "an Audi A55 and a T17 armoured car",
    "iPhone 5s beside an S3 and an A4 sheet",
    "1st, 2nd, 3rd; 10:30; 16:9; 7.5",
    "e-mail to anna@sea.example about c++",
    "Wait! Stop! it's a cat|dog|bird",
    "год, город, рот и нос",
    "μια γάτα στη θάλασσα",
    "قطة على البحر",
    "一只猫在海边, 身体",
    "海辺の猫, モード",
    "ein Mädchen mit Hut, Straße, größer",
    "crème brûlée, façade, naïve art",
    "👩‍👩‍👧 at the beach 🏖️ 🇩🇪🇺🇸",
    "नदी के किनारे बिल्ली",
    "U.S.A. and U.K. flags, e.g. on a pole",
    "a swan and a tiara",
    "heads of state",
    "www.example.org, zzz, XXL",
    "hail Caesar, hello Hitchcock",
]


@pytest.mark.parametrize(("rule", "prompt"), [(rule, prompt) for rule, prompts in CAUGHT.items() for prompt in prompts])
def test_a_rule_is_not_got_round(rule: str, prompt: str) -> None:
    assert LIST.denied(prompt) == rule


@pytest.mark.parametrize("prompt", INNOCENT)
def test_what_only_looks_alike_passes(prompt: str) -> None:
    assert LIST.denied(prompt) is None


def test_each_text_is_judged() -> None:
    assert LIST.denied("a cat", "a nude") == "nude"
    assert LIST.denied() is None


def test_an_empty_list_denies_nothing() -> None:
    assert DenyList().denied("nude") is None
    assert DenyList.parse("\n# nude\n\n").denied("nude") is None


@pytest.mark.parametrize(
    ("rule", "prompt"),
    [
        ("A-B-C", "a b c"),
        ("Straße", "STRASSE"),
        ("Ångström", "angstrom"),
        ("L'Amour", "l’amour"),
        ("kill", "k1l1"),
        ("nude\r", "nude"),
        ("  nude  ", "nude"),
        ("हिंसा", "हिंसा का चित्र"),
        ("เปลือย", "ภาพเปลือยกาย"),
        ("می\u200cکشم", "میکشم"),
        (r"/^cat$/", "Cat"),
        (r"/\p{Cyrillic}/", "привет"),
        ("/a/b/", "a/b"),
    ],
)
def test_rules_are_read_as_prompts_are(rule: str, prompt: str) -> None:
    assert DenyList.parse(rule).denied(prompt) == rule.strip()


@pytest.mark.parametrize(
    ("rule", "prompt"),
    [
        ("हिंसा", "हंस"),  # vowel signs are letters
        ("ハク", "バグ"),  # and so is the voicing of kana
        ("b.c", "bxc"),  # a full stop is none of a pattern's
        ("hail", "hall"),  # i and l are one only where a digit stands for them
        ("/nude/", "n-u-d-e"),  # patterns are not closed up
    ],
)
def test_rules_are_not_read_wider_than_that(rule: str, prompt: str) -> None:
    assert DenyList.parse(rule).denied(prompt) is None


@pytest.mark.parametrize(
    ("rule", "prompt", "denied"),
    [
        ("nude", "noode", False),
        ("nude", "edun", False),
        ("nude", "n*de", False),
        ("nude", "nudewoman", False),
        ("nude", "nu de", False),
        ("nude", "n u d e g i r l", False),
        ("nude", "nudes", False),
        ("ano", "feliz año", True),
        ("pot", "рот", True),
        ("jap", "J. A. P.", True),
    ],
)
def test_the_limits_are_those_that_the_docs_name(rule: str, prompt: str, *, denied: bool) -> None:
    assert (DenyList.parse(rule).denied(prompt) is not None) == denied


def test_the_example_in_the_docs_is_a_list() -> None:
    page = (Path(__file__).parents[2] / "docs" / "denylist.md").read_text()
    example = page.split("```\n")[1]

    assert DenyList.parse(example).rules == 8


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (r"/(?<=a)b/", "RE2 does not support this pattern (invalid perl operator: (?<=)"),
        (r"/(a)\1/", "RE2 does not support this pattern (invalid escape sequence: \\1)"),
        ("/(/", "RE2 does not support this pattern (missing ): ()"),
        ("/(a{1000}){1000}/", "RE2 does not support this pattern ("),
        ("/.*/", "the pattern matches an empty text"),
        ("//", '"/" cannot be part of a word'),
        ("/nude", '"/" cannot be part of a word'),
        ("a$$", '"$" cannot be part of a word'),
        ("c++", '"+" cannot be part of a word'),
        ("nude # no comment", '"#" cannot be part of a word'),
        ("nude, naked", '"," cannot be part of a word'),
        ("--", "the rule has no word"),
        ("\u200b", "the rule has no word"),
    ],
)
def test_a_line_that_is_no_rule_is_named(line: str, words: str) -> None:
    with pytest.raises(ValueError, match=r"^line 3, ") as caught:
        DenyList.parse(f"# comment\r\nnude\r\n{line}\r\nnaked\r\n")

    message = str(caught.value)
    assert message.startswith(f"line 3, {line}: {words}")
    assert message.endswith(
        "; allowed: a word or phrase of letters, digits, blanks, hyphens, apostrophes and full stops, or /a pattern/"
    )


def test_a_long_line_is_cut_where_it_is_named() -> None:
    with pytest.raises(ValueError, match="cannot be part of a word") as caught:
        DenyList.parse("$" * 5000)

    assert len(str(caught.value)) < 300


INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u180e\u200b\u200c\u200d\u200e\u200f\u202e\u2060\u2066\u3164\ufe0e\ufe0f\ufeff\U000e0061"
)
PROMPTS = st.one_of(
    st.text("nudeas3$ -.,бщNΗ裸体🍆e\u0301", max_size=40),
    st.sampled_from([prompt for prompts in CAUGHT.values() for prompt in prompts] + INNOCENT),
    st.sampled_from(["beheaded", "swastikas", "semi-nude", "a-heil hitler-b", "a class"]),
)


@given(PROMPTS, st.lists(st.tuples(st.integers(0, 60), st.sampled_from(INVISIBLE))))
@example("nüde", [(2, "\u200d")])
@example("beheaded", [(2, "\u200d")])
def test_what_cannot_be_seen_never_changes_a_judgement(prompt: str, inserted: list[tuple[int, str]]) -> None:
    stuffed = prompt
    for place, letter in inserted:
        stuffed = stuffed[:place] + letter + stuffed[place:]

    assert LIST.denied(stuffed) == LIST.denied(prompt)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=100))
def test_the_case_of_a_text_changes_no_judgement(text: str) -> None:
    """Every text has a judgement that its case does not change."""
    ascii_only = text.encode("ascii", "ignore").decode()

    LIST.denied(text)
    assert LIST.denied(ascii_only.upper()) == LIST.denied(ascii_only.lower())


def seconds(judge: Callable[[str], object], prompt: str) -> float:
    """Of the processor: what else runs on the machine does not count."""

    def once() -> float:
        began = time.thread_time()
        judge(prompt)
        return time.thread_time() - began

    return min(once() for _ in range(7))


WORDS = "\n".join(f"word{n}\nphrase{n} of many" for n in range(5000))


@pytest.mark.parametrize(
    ("rules", "unit"),
    [
        ("/(a+)+$/", "a"),
        ("/(a|aa)+b/", "a"),
        ("/(.*)(.*)(.*)(.*)x$/", "ab "),
        ("/(?:a?){30}a{30}b/", "a"),
        ("a a a a b", "a "),
        ("nude", "n u d "),
        ("nude", "n-u-d-"),
        ("nude", "uuu"),
        ("nude", "n!"),
        ("nude", "e\u0301\u0302"),
        ("裸体", "裸"),
        (WORDS, "word phrase1 of "),
    ],
)
def test_time_grows_with_the_prompt_as_a_line_does(rules: str, unit: str) -> None:
    judge = DenyList.parse(rules).denied
    short, long = unit * 1500 + "!", unit * 6000 + "!"
    judge(long)

    # A line gives 4, a square 16.
    assert seconds(judge, long) / seconds(judge, short) < 10


def test_ten_thousand_rules_cost_little_more_than_ten() -> None:
    """Ten thousand rules cost a judgement little more than ten."""
    chance = random.Random(7)
    prompt = " ".join("".join(chance.choices("abcdefghij", k=6)) for _ in range(280))
    few, many = (DenyList.parse("\n".join(WORDS.splitlines()[:count])).denied for count in (10, 10_000))

    assert seconds(many, prompt) / seconds(few, prompt) < 5
