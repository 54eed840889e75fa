"""The options of sites: each wrong one is refused by its name, with its value and what is allowed."""

from typing import Any

import pytest

from promptcdn.problems import BadSettings
from promptcdn.sites.options import Options

URL = "https://pictures.example.org"
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"seedles": "pin"}, "there is no option seedles; allowed: public_url, seedless, warm"),
    ({"seedless": "pinned"}, "seedless='pinned': allowed: keep, pin, refuse"),
    ({"seedless": True}, "seedless=True: allowed: a text"),
    ({"warm": "yes"}, "warm='yes': allowed: true or false"),
    ({"vendor": 1}, "vendor=1: allowed: true or false"),
    ({"folder": "/srv"}, "folder='/srv': allowed: a folder inside the site"),
    ({"folder": "a/../../b"}, "folder='a/../../b': allowed: a folder inside the site"),
    ({"folder": "..\\b"}, "allowed: a folder inside the site"),
    ({"folder": "c:/b"}, "allowed: a folder inside the site"),
    ({"folder": ""}, "folder='': allowed: a folder inside the site"),
    ({"cache": ""}, "cache='': allowed: a folder"),
    ({"lock": ["a"]}, "lock=['a']: allowed: a text"),
    ({"public_url": "pictures.example.org"}, "public_url='pictures.example.org': allowed: the address of your service"),
    ({"public_url": "ftp://pictures.example.org"}, "allowed: the address of your service"),
    ({"public_url": f"{URL}/?prompt=a"}, "allowed: the address of your service"),
    ({"public_url": f"{URL}:port"}, "allowed: the address of your service"),
    ({"public_url": "https://me:secret@pictures.example.org"}, "allowed: the address of your service"),
    ({"public_url": ""}, "neither the option public_url nor the variable PROMPTCDN_PUBLIC_URL is set"),
]


@pytest.mark.parametrize(("values", "told"), WRONG)
def test_a_wrong_option_is_refused_by_its_name(values: dict[str, Any], told: str) -> None:
    with pytest.raises(BadSettings) as refused:
        Options.of({"public_url": URL, **values}, "")

    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_variable_counts_where_no_public_url_is_written() -> None:
    assert Options.of({"public_url": None}, f"{URL}/").public_url == URL
    assert Options.of({"public_url": "http://127.0.0.1:8080"}, URL).public_url == "http://127.0.0.1:8080"


def test_what_is_not_said_is_as_it_was_before() -> None:
    options = Options.of({}, URL)

    assert (options.seedless, options.warm, options.vendor, options.strict) == ("keep", False, False, False)
    assert options.ours.target(f"{URL}/?prompt=a") == "/?prompt=a"
