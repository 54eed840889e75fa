"""The extension for Python-Markdown alone, as builders use it that have no plugins of ours."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import markdown
import pytest

from promptcdn.problems import BadSettings
from promptcdn.sites import python_markdown
from tests.sites.building import NOBODY
from tests.support.service import Promptcdn

PAGE = """
![]({url}/?prompt=a+cat&seed=7) ![]({url}/?prompt=a+dog&amp;seed=7) ![x](https://example.org/a.png)
<img src="{url}/?prompt=a+cow&seed=1" alt="">

    ![code]({url}/?prompt=code)

| a |
| - |
| ![b\\|c]({url}/?prompt=in+a+table&seed=3){{ width=64 }} |

```promptcdn seed=2
a lighthouse
```
"""


@pytest.fixture(autouse=True)
def own_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees the build of another one."""
    monkeypatch.chdir(tmp_path)
    yield
    end_builds()


def end_builds() -> None:
    """As the end of a builder does."""
    for build in python_markdown._builds.values():
        build.close()
    python_markdown._builds.clear()


def html_of(text: str, **options: Any) -> str:
    extensions = ["tables", "attr_list", "fenced_code", "promptcdn"]
    html: str = markdown.markdown(text, extensions=extensions, extension_configs={"promptcdn": options})
    return html


def test_pictures_of_markdown_are_described(tmp_path: Path) -> None:
    html = html_of(PAGE.format(url=NOBODY), public_url=NOBODY)

    assert f'<img alt="a cat" src="{NOBODY}/?prompt=a+cat&amp;seed=7"' in html
    assert f'<img alt="a dog" src="{NOBODY}/?prompt=a+dog&amp;seed=7"' in html
    assert '<img alt="x" src="https://example.org/a.png"' in html
    assert f'<img src="{NOBODY}/?prompt=a+cow&seed=1" alt="">' in html
    assert f"![code]({NOBODY}/?prompt=code)" in html
    assert 'alt="b|c"' in html
    assert f'<img alt="a lighthouse" src="{NOBODY}/i.webp?prompt=a+lighthouse&amp;seed=2"' in html
    assert list(tmp_path.iterdir()) == []


def test_a_vendored_page_names_files_of_the_site(tmp_path: Path, service: Promptcdn) -> None:
    text = f"![]({service.url}/?prompt=a+cat&seed=7)"
    options = {"public_url": service.url, "vendor": True, "site_dir": str(tmp_path / "out"), "strict": True}

    html = html_of(text, **options)
    service.stop()
    end_builds()

    assert html_of(text, **options) == html
    (picture,) = (tmp_path / "out" / "assets" / "promptcdn").iterdir()
    assert f'src="/assets/promptcdn/{picture.name}"' in html
    assert picture.read_bytes()[:4] == b"RIFF"


def test_vendoring_needs_to_know_where_the_site_is() -> None:
    with pytest.raises(BadSettings, match="promptcdn: vendor needs the option site_dir"):
        html_of("", public_url=NOBODY, vendor=True)


def test_strict_raises_a_line_for_each_picture_of_the_page(caplog: pytest.LogCaptureFixture) -> None:
    text = f"![]({NOBODY}/?prompt=a) ![]({NOBODY}/?prompt=b&seed=7)\n\n```promptcdn sed=7\nc\n```\n"
    for _ in range(2):  # pages of before are none of it
        with pytest.raises(BadSettings) as raised:
            html_of(text, public_url=NOBODY, seedless="refuse", warm=True, strict=True)

        lines = str(raised.value).splitlines()
        assert len(lines) == 3
        assert lines[0].startswith('the block "c": sed="7"')
        assert lines[1].startswith(f"{NOBODY}/?prompt=a: the URL has no seed")
        assert "cannot be asked" in lines[2]
    assert caplog.records == []
    assert html_of("good", public_url=NOBODY, seedless="refuse", warm=True, strict=True) == "<p>good</p>"


def test_else_problems_are_logged_and_the_page_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "promptcdn.sites"):
        html = html_of(f"![]({NOBODY}/?prompt=a&seed=7)", public_url=NOBODY, warm=True)

    assert f'src="{NOBODY}/?prompt=a&amp;seed=7"' in html
    assert len(caplog.records) == 1


CODE = """
Text:

    ```promptcdn seed=1 alt="a & b"
    a <b> cat
    ```

1. item

        ```promptcdn seed=2
        code
        ```

    ```promptcdn seed=3
    a picture
    ```
"""


@pytest.mark.parametrize("more", [[], ["fenced_code", "codehilite"]])
def test_blocks_in_indented_code_are_code(more: list[str]) -> None:
    extensions, options = ["promptcdn", *more], {"promptcdn": {"public_url": NOBODY}}
    html = markdown.markdown(CODE, extensions=extensions, extension_configs=options)

    text = re.sub("<[^>]*>", "", html)
    assert '```promptcdn seed=1 alt="a &amp; b"\na &lt;b&gt; cat\n```\n' in text
    assert "```promptcdn seed=2\ncode\n```\n" in text
    assert html.count("/i.webp?") == html.count("<img") == 1
