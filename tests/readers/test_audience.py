"""Who asks, by the heads that they really send."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.readers.audience import (
    Audience,
    FieldLines,
    audience,
    is_decided_by_vary,
    joined,
    wait,
    wait_for_stored,
)
from promptcdn.readers.fields import ENTRIES_MAX, FIELD_MAX
from promptcdn.readers.negotiation import picture_format, wants_picture
from promptcdn.readers.user_agents import IMAGE_PROXIES, PREVIEWERS, Fetcher

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:146.0) Gecko/20100101 Firefox/146.0"
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/19.0 Safari/605.1.15"
PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8"
PICTURE = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"
PROXY, IMG, NAVIGATION, CRAWLER, PROGRAM = Audience

# Who, and what they send.
HEADS: list[tuple[Audience, dict[str, str]]] = [
    (PROXY, {"user-agent": "github-camo (1a2b3c4d)", "via": "1.1 varnish, 1.1 github-camo (1a2b3c4d)"}),
    (PROXY, {"user-agent": "go-camo", "via": "go-camo", "accept": "image/*, image/svg+xml"}),
    (PROXY, {"user-agent": "Camo Asset Proxy 2.3.0", "via": "Camo Asset Proxy 2.3.0", "accept": PICTURE}),
    (PROXY, {"user-agent": CHROME, "via": "1.1 varnish, 1.1 my-camo", "accept": PICTURE}),
    (PROXY, {"user-agent": "Slack-ImgProxy 0.19 (+https://api.slack.com/robots)"}),
    (PROXY, {"user-agent": "Slackbot-ImgProxy 1.138 (+https://api.slack.com/robots)"}),
    (PROXY, {"user-agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}),
    (PROXY, {"user-agent": "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)"}),
    (PROXY, {"user-agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.10; rv:38.0) Gecko/20100101 Firefox/38.0"}),
    (PROXY, {"user-agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 11.6; rv:92.0) Gecko/20100101 Firefox/92.0"}),
    (
        PROXY,
        {
            "user-agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) "
            "Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0"  # iMessage
        },
    ),
    (PROXY, {"user-agent": "facebookexternalhit/1.1;line-poker/1.0"}),
    (PROXY, {"user-agent": "WhatsApp/2"}),  # Signal
    (
        PROXY,
        {"user-agent": "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5", "accept": PAGE},  # Teams too
    ),
    (
        PROXY,
        {"user-agent": "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"},
    ),
    (PROXY, {"user-agent": "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"}),
    (PROXY, {"user-agent": "Twitterbot/1.0"}),
    (PROXY, {"user-agent": "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"}),
    (PROXY, {"user-agent": "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)"}),
    (PROXY, {"user-agent": "TelegramBot (like TwitterBot)"}),
    (PROXY, {"user-agent": "WhatsApp/2.23.20.0"}),
    (PROXY, {"user-agent": "Synapse (bot; +https://github.com/matrix-org/synapse)"}),
    (PROXY, {"user-agent": "Mozilla/5.0 (compatible; ZulipURLPreview/9.0; +https://zulip.example)"}),
    (IMG, {"user-agent": CHROME, "accept": PICTURE, "sec-fetch-dest": "image", "sec-fetch-mode": "no-cors"}),
    (IMG, {"user-agent": FIREFOX, "accept": "image/avif,image/webp,image/png,*/*;q=0.5"}),
    (IMG, {"user-agent": SAFARI, "accept": "image/webp,image/avif,video/*;q=0.8,*/*;q=0.5"}),
    (IMG, {"user-agent": CHROME, "accept": PICTURE, "via": "1.1 varnish, 1.1 abc.cloudfront.net (CloudFront)"}),
    (NAVIGATION, {"user-agent": CHROME, "accept": PAGE, "sec-fetch-dest": "document", "sec-fetch-mode": "navigate"}),
    (NAVIGATION, {"user-agent": CHROME, "accept": PAGE, "sec-fetch-dest": "iframe", "sec-fetch-mode": "navigate"}),
    (NAVIGATION, {"user-agent": SAFARI, "accept": PAGE}),
    (NAVIGATION, {"user-agent": "Mozilla/5.0 (Linux; Android 10; CUBOT X30) AppleWebKit/537.36", "accept": PAGE}),
    (CRAWLER, {"user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}),
    (CRAWLER, {"user-agent": "Googlebot-Image/1.0"}),
    (CRAWLER, {"user-agent": "Mediapartners-Google"}),
    (CRAWLER, {"user-agent": "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) (Applebot/0.1)"}),
    (
        CRAWLER,
        {"user-agent": "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "accept": "*/*"},
    ),
    (CRAWLER, {"user-agent": "Mozilla/5.0 AppleWebKit/537.36 (compatible; GPTBot/1.2; +https://openai.com/gptbot)"}),
    (CRAWLER, {"user-agent": "Mozilla/5.0 (compatible; archive.org_bot +http://archive.org/details/archive.org_bot)"}),
    (CRAWLER, {"user-agent": "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)"}),
    (CRAWLER, {"user-agent": "Mozilla/5.0 AppleWebKit/534 (KHTML, like Gecko) BingPreview/1.0b", "accept": PAGE}),
    (CRAWLER, {"user-agent": "Mozilla/5.0 (compatible; Pinterestbot/1.0; +https://www.pinterest.com/bot.html)"}),
    (CRAWLER, {"user-agent": "Mozilla/5.0 (compatible; Yeti/1.1; +http://naver.me/bot)"}),
    (
        CRAWLER,
        {"user-agent": "meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)"},
    ),
    (CRAWLER, {"user-agent": "Mozilla/5.0 (compatible; heritrix/3.1.1 +http://crawler.archive.example)"}),
    (CRAWLER, {"user-agent": CHROME, "accept": PICTURE, "sec-fetch-dest": "image", "sec-purpose": "prefetch"}),
    (
        CRAWLER,
        {"user-agent": CHROME, "accept": PAGE, "sec-fetch-dest": "document", "sec-purpose": "prefetch;prerender"},
    ),
    (CRAWLER, {"user-agent": CHROME, "accept": PAGE, "sec-purpose": "prefetch;prerender", "purpose": "prefetch"}),
    (CRAWLER, {"user-agent": FIREFOX, "x-moz": "prefetch"}),
    (CRAWLER, {"user-agent": SAFARI, "x-purpose": "preview"}),
    (
        IMG,
        {"user-agent": CHROME, "sec-fetch-dest": "image", "sec-purpose": "prefetch;prerender", "purpose": "prefetch"},
    ),
    (PROGRAM, {"user-agent": CHROME, "accept": "*/*", "sec-fetch-dest": "empty", "sec-purpose": "prefetch;prerender"}),
    (
        IMG,
        {
            "user-agent": "Mozilla/5.0 (Macintosh; Intel Mac OS X 11.6; rv:92.0) Gecko/20100101 Firefox/92.0",
            "accept": PICTURE,
            "sec-fetch-dest": "image",
        },
    ),
    (IMG, {"user-agent": "Mozilla/5.0 (Windows NT 10.0; rv:92.0) Gecko/20100101 Firefox/92.0", "accept": PICTURE}),
    (IMG, {"user-agent": "Mozilla/5.0 Chrome/124.0 WhatsApp/2.3 Electron/30", "sec-fetch-dest": "image"}),
    (PROGRAM, {"user-agent": "Mozilla/5.0 (Windows NT 10.0) Chrome/124.0 Electron/30.0 Notion/3.1", "accept": "*/*"}),
    (PROGRAM, {"user-agent": "vite-plugin-notion/1.0", "accept": "*/*"}),
    (
        PROGRAM,
        {
            "user-agent": "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Bluesky Cardyb/1.1; "
            "+mailto:support@bsky.app) Chrome/124.0.0.0 Safari/537.36",
            "accept": PAGE,
        },
    ),
    (PROGRAM, {"user-agent": "Mastodon/4.3.0 (http.rb/5.2.0; +https://mastodon.example/) Bot"}),
    (PROGRAM, {"user-agent": "Pleroma 2.6.0; https://pleroma.example <admin@pleroma.example>; Bot"}),
    (PROGRAM, {"user-agent": "Mozilla/5.0 (compatible; SummalyBot/5.2.0)"}),
    (PROGRAM, {"user-agent": "Mozilla/5.0 (compatible; redditbot/1.0; +http://www.reddit.com/feedback)"}),
    (PROGRAM, {"user-agent": "Snap URL Preview Service; bot; snapchat; https://developers.snap.com/robots"}),
    (PROGRAM, {"user-agent": "Viber/20.9.0.8 CFNetwork/1410.0.3 Darwin/22.6.0"}),
    (PROGRAM, {"user-agent": "Notion/1.0 (https://notion.so; team@makenotion.com)"}),
    (PROGRAM, {"user-agent": "Nextcloud-Server-Crawler/31.0.0"}),
    (PROGRAM, {"user-agent": "Mozilla/5.0 (KHTML, like Gecko); compatible; ChatGPT-User/1.0; +https://openai.com/bot"}),
    (PROGRAM, {"user-agent": "meta-externalfetcher/1.1 (+https://developers.facebook.com/docs/webmasters/crawler)"}),
    (PROGRAM, {"user-agent": "Example-LinkPreviewBot/1.0"}),
    (PROGRAM, {"user-agent": "Example Unfurler (bot)"}),
    (PROGRAM, {"user-agent": "RED/2.0.14 (https://redbot.org/)", "accept": "*/*"}),
    (PROGRAM, {"user-agent": "check/1.0 (ops@crawler.example.org)"}),
    (
        PROGRAM,
        {"user-agent": "Mozilla/5.0 (compatible; LinkChecker/10.6; +https://linkchecker.github.io/linkchecker/)"},
    ),
    (PROGRAM, {"user-agent": "lychee/0.24.2", "accept": "*/*"}),
    (PROGRAM, {"user-agent": CHROME, "accept": "*/*"}),
    (PROGRAM, {"user-agent": CHROME}),
    (PROGRAM, {"user-agent": CHROME, "accept": "*/*", "sec-fetch-dest": "empty", "sec-fetch-mode": "cors"}),
    (PROGRAM, {"user-agent": "curl/7.88.1", "accept": "*/*"}),
    (PROGRAM, {"user-agent": "curl/7.88.1", "accept": "image/webp"}),
    (PROGRAM, {"user-agent": "python-requests/2.32.5", "accept": "*/*"}),
    (PROGRAM, {"user-agent": "node", "accept": "*/*", "sec-fetch-mode": "cors"}),
    (PROGRAM, {"user-agent": "Amazon CloudFront", "via": "2.0 abc.cloudfront.net (CloudFront)"}),
    (PROGRAM, {"user-agent": "curl/7.88.1", "via": "1.1 proxy (squid/5.7)"}),
    (PROGRAM, {}),
]


@pytest.mark.parametrize(("who", "head"), HEADS, ids=lambda value: str(value)[:80])
def test_a_head_tells_who_asks(who: Audience, head: dict[str, str]) -> None:
    assert audience(head) is who


@pytest.mark.parametrize("known", IMAGE_PROXIES, ids=lambda known: known.token)
def test_every_known_image_proxy_is_one_also_in_other_letters(known: Fetcher) -> None:
    assert audience({"user-agent": f"Mozilla/5.0 (compatible; {known.token.upper()}; bot)"}) is Audience.IMAGE_PROXY


@pytest.mark.parametrize("known", PREVIEWERS, ids=lambda known: known.token)
def test_every_known_previewer_may_have_pictures_made(known: Fetcher) -> None:
    assert audience({"user-agent": f"Mozilla/5.0 ({known.token.upper()}; bot)", "accept": PAGE}) is Audience.PROGRAM


def test_no_browser_and_no_program_is_taken_for_an_image_proxy() -> None:
    for agent in (CHROME, FIREFOX, SAFARI, "curl/8", "Go-http-client/1.1", "okhttp/4", "mkdocs", "Wget/1.21"):
        for accept in (PAGE, PICTURE, "*/*", ""):
            assert audience({"user-agent": agent, "accept": accept}) is not Audience.IMAGE_PROXY


@pytest.mark.parametrize(
    ("who", "asked", "seconds"),
    [
        (Audience.IMAGE_PROXY, None, 3),
        (Audience.IMAGE_PROXY, 60, 3),
        (Audience.IMAGE_PROXY, 1, 1),
        (Audience.IMG, None, 30),
        (Audience.NAVIGATION, 0, 0),
        (Audience.PROGRAM, 120, 120),
        (Audience.PROGRAM, None, 30),
    ],
)
def test_an_image_proxy_waits_less_than_everybody_else(who: Audience, asked: float | None, seconds: float) -> None:
    assert wait(who, asked, 30, 3) == seconds


def test_a_stored_picture_is_awaited_for_three_seconds_at_least() -> None:
    assert (wait_for_stored(0), wait_for_stored(3), wait_for_stored(30)) == (3, 3, 30)


CAMO = ("user-agent", "github-camo (1a2b3c4d)")
BY_VIA = (("user-agent", CHROME), ("via", "1.1 my-camo"))
IMAGE = ("sec-fetch-dest", "image")

# Whether caches may share what is made for those who send these lines.
SHARED: list[tuple[bool, FieldLines]] = [
    (True, ()),
    (True, (("user-agent", CHROME), ("accept", PICTURE), IMAGE, ("sec-fetch-mode", "no-cors"))),
    (True, (("user-agent", CHROME), ("accept", PAGE), ("sec-purpose", "prefetch;prerender"))),
    (True, (("user-agent", "curl/7.88.1"), ("accept", "*/*"), ("x-forwarded-for", "192.0.2.1"))),
    (True, (CAMO, ("accept", PICTURE), ("via", "1.1 varnish"))),
    (True, (CAMO, ("purpose", "prefetch"))),
    (True, BY_VIA),
    (False, (CAMO, IMAGE)),
    (False, (CAMO, ("sec-fetch-mode", "navigate"))),
    (False, (CAMO, ("sec-fetch-made-up", ""))),
    (False, (*BY_VIA, IMAGE)),
    (False, (("user-agent", "WhatsApp/2.3 Electron/30"), IMAGE)),
    # Some caches compare the first line, others all of them.
    (False, (CAMO, ("user-agent", CHROME))),
    (False, (("via", "1.1 x"), ("via", "1.1 my-camo"))),
    (False, (("accept", "*/*"), ("accept", "image/png"))),
    (False, (("accept", "*/*"), ("accept", "*/*"))),
    (False, (("user-agent", f"{'x' * FIELD_MAX}github-camo"),)),
    (False, (("user-agent", CAMO[1]), ("accept", "a/b," * ENTRIES_MAX + "image/avif"))),
]


@pytest.mark.parametrize(("shared", "lines"), SHARED, ids=lambda value: str(value)[:80])
def test_caches_may_share_what_vary_alone_decides(shared: bool, lines: FieldLines) -> None:
    assert is_decided_by_vary(lines) is shared


def test_a_field_in_several_lines_is_one_list() -> None:
    assert joined((("via", "1.1 x"), ("accept", "*/*"), ("via", "camo"))) == {"via": "1.1 x, camo", "accept": "*/*"}
    assert audience(joined((("via", "1.1 x"), ("via", "1.1 my-camo")))) is Audience.IMAGE_PROXY


NAMES = ("accept", "user-agent", "via", "sec-fetch-dest", "sec-fetch-mode", "sec-purpose", "purpose", "x-moz", "cookie")
VALUES = ("", "*/*", "image/png", PICTURE, PAGE, "camo", CHROME, CAMO[1], "Googlebot", "image", "navigate", "prefetch")


def looks(accept: str, who: Audience) -> tuple[bool, bool, str]:
    """All that who asks changes in an answer that caches keep: a picture or a document, 200 or the status, the format.

    Whether a picture may be made for somebody is no part of it: that refusal is kept by nobody.
    """
    return wants_picture(accept, who), who is Audience.IMAGE_PROXY, picture_format(accept, who)


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), max_size=6))
def test_what_caches_may_share_depends_on_vary_alone(lines: FieldLines) -> None:
    if is_decided_by_vary(lines):
        fields = joined(lines)
        alone = {name: value for name, value in fields.items() if name in ("accept", "user-agent", "via")}
        accept = fields.get("accept", "")
        assert looks(accept, audience(fields)) == looks(accept, audience(alone))


def test_image_proxies_alone_are_shown_something_else() -> None:
    others = [who for who in Audience if who is not Audience.IMAGE_PROXY]
    for accept, (one, other) in itertools.product(VALUES, itertools.pairwise(others)):
        assert looks(accept, one) == looks(accept, other)
