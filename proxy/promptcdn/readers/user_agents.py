"""The User-Agents of programs that fetch pictures for others, each with the source that says so."""

import re
from typing import NamedTuple


class Fetcher(NamedTuple):
    """A part of a User-Agent in lower case, who sends it, and the source that says so."""

    token: str
    who: str
    source: str


# They give up early, or ask again soon: after a few seconds they are shown a placeholder.
IMAGE_PROXIES = (
    Fetcher(
        "github-camo",
        "GitHub, in READMEs and issues",
        "seen in the logs of many sites; GitHub's docs on anonymized URLs",
    ),
    Fetcher("go-camo", "go-camo: forums, PyPI, Gitea and the like", "its source, pkg/camo/proxy"),
    Fetcher("camo asset proxy", "atmos/camo", "its source, server.coffee"),
    Fetcher("slack-imgproxy", "Slack, pictures", "api.slack.com/robots"),
    Fetcher("slackbot", "Slack, previews of links", "api.slack.com/robots"),
    Fetcher("discordbot", "Discord, previews of links", "the address in its User-Agent"),
    Fetcher(
        "intel mac os x 10.10; rv:38.0) gecko/20100101 firefox/38.0",
        "Discord, pictures",
        "discord-api-docs, issue 1600; nobody browses with a Firefox of 2015",
    ),
    Fetcher(
        "intel mac os x 11.6; rv:92.0) gecko/20100101 firefox/92.0",
        "Discord, pictures since 2024",
        "discord-api-docs, issue 6694; a real Firefox 92 calls every macOS 10.15",
    ),
    Fetcher("googleimageproxy", "Gmail", "Google's help on images in Gmail"),
    Fetcher("yahoomailproxy", "Yahoo Mail", "the address in its User-Agent"),
    Fetcher("ms-office", "Outlook", "its User-Agent, as Microsoft documents it"),
    Fetcher("twitterbot", "X", "X's docs on cards"),
    Fetcher(
        "facebookexternalhit",
        "Facebook; iMessage, LINE and KakaoTalk, which name it too",
        "Meta's docs on web crawlers; crawler-user-agents",
    ),
    Fetcher("linkedinbot", "LinkedIn", "the address in its User-Agent"),
    Fetcher("telegrambot", "Telegram", "its User-Agent: TelegramBot (like TwitterBot)"),
    Fetcher(
        "whatsapp/", "WhatsApp; Signal, which names it too", "Meta's docs on web crawlers; Signal-Android, issue 13522"
    ),
    Fetcher("skypeuripreview", "Skype and Teams", "device-detector, its list of bots"),
    Fetcher("mattermost-bot", "Mattermost", "its source, the HTTP service"),
    Fetcher("synapse (bot", "Matrix", "its source, the URL previews"),
    Fetcher("zulipurlpreview", "Zulip", "its source, the URL previews"),
    Fetcher("iframely", "Iframely", "iframely.com/docs/about"),
    Fetcher("embedly", "Embedly", "docs.embed.ly"),
)
# They keep for good what they fetched once, a placeholder too: they are answered as programs are. They are listed since
# most of them call themselves bots, and are no crawlers: each fetches one picture because a person shared it.
PREVIEWERS = (
    Fetcher("bluesky cardyb", "Bluesky", "bluesky-social/social-app, issue 6521"),
    Fetcher("mastodon/", "Mastodon", "its source, app/lib/request.rb; the word Bot: mastodon, pull request 14248"),
    Fetcher("pleroma", "Pleroma", "its source, Pleroma.Web.RichMedia"),
    Fetcher("akkoma", "Akkoma", "its source, Pleroma.Web.RichMedia"),
    Fetcher("summalybot", "Misskey", "misskey-dev/summaly, its README"),
    Fetcher("reddit.com/feedback", "Reddit, thumbnails", "the address in its User-Agent"),
    Fetcher("snap url preview service", "Snapchat", "developers.snap.com/robots"),
    Fetcher("viberurldownloader", "Viber", "device-detector, its list of bots"),
    Fetcher("viber/", "Viber, on the sender's telephone", "seen in logs: Viber/20.9.0.8 CFNetwork"),
    Fetcher("https://notion.so", "Notion", "crawler-user-agents: Notion/1.0 (https://notion.so; …)"),
    Fetcher("nextcloud server crawler", "Nextcloud", "its source, Http/Client/Client.php"),
    Fetcher("nextcloud-server-crawler", "Nextcloud, later versions", "its manual for developers"),
    Fetcher("meta-externalfetcher", "Meta, links that a person opens", "Meta's docs on web crawlers"),
    Fetcher("chatgpt-user", "ChatGPT, links that a person opens", "OpenAI's docs on its crawlers"),
)
# Whatever else says that it makes previews. BingPreview makes those of a search engine.
PREVIEWER = re.compile(r"(?<!bing)preview|unfurl")
# Whatever else calls itself a bot. CUBOT is a brand of telephones.
CRAWLER = re.compile(
    r"(?<!cu)bot\b|crawler|spider|slurp|mediapartners-google|googleother|google-inspectiontool|bingpreview|ia_archiver|feedfetcher|yandeximages|heritrix"
)
# The hosts of addresses: redbot.org is no word of REDbot about itself. Paths count, since many crawlers call themselves
# crawlers nowhere else: `Yeti/1.1; +http://naver.me/bot`.
HOSTS = re.compile(r"(?<=://)[^\s/;,)]*|(?<=@)[^\s;,)]*")
