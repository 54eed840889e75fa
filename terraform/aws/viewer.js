// Runs in CloudFront before its cache, for every request. It says in a few words who asks (User-Agent) and what they
// take (Accept). These words are in the cache's key and are all that the service sees of the two, so that an answer
// depends on nothing that is not in the key. The rules and the two lists are those of
// proxy/promptcdn/readers/audience.py and user_agents.py; tests/shipped/test_viewer.py compares them.

const IMAGE_PROXIES = [
  "github-camo", "go-camo", "camo asset proxy", "slack-imgproxy", "slackbot", "discordbot",
  "intel mac os x 10.10; rv:38.0) gecko/20100101 firefox/38.0",
  "intel mac os x 11.6; rv:92.0) gecko/20100101 firefox/92.0",
  "googleimageproxy", "yahoomailproxy", "ms-office", "twitterbot", "facebookexternalhit", "linkedinbot", "telegrambot",
  "whatsapp/", "skypeuripreview", "mattermost-bot", "synapse (bot", "zulipurlpreview", "iframely", "embedly",
];
const PREVIEWERS = [
  "bluesky cardyb", "mastodon/", "pleroma", "akkoma", "summalybot", "reddit.com/feedback", "snap url preview service",
  "viberurldownloader", "viber/", "https://notion.so", "nextcloud server crawler", "nextcloud-server-crawler",
  "meta-externalfetcher", "chatgpt-user",
];
const CRAWLER = /bot\b|crawler|spider|slurp|mediapartners-google|googleother|google-inspectiontool|bingpreview|ia_archiver|feedfetcher|yandeximages|heritrix/;
const PREFETCHED = ["sec-purpose", "purpose", "x-moz", "x-purpose"];
const FORMATS = ["image/avif", "image/webp", "image/jpeg", "image/png", "image/*", "*/*"];

// What the service takes for each kind of client, where nothing but User-Agent and Accept tells.
const AGENTS = {
  proxy: "go-camo", browser: "Mozilla/5.0", crawler: "bot", program: "program", ours: "promptcdn/viewer",
};

function field(headers, name) {
  const found = headers[name];
  if (!found) return "";
  const lines = found.multiValue ? found.multiValue.map((line) => line.value) : [found.value];
  return lines.join(", ").toLowerCase();
}

function hasAny(text, words) {
  return words.some((word) => text.indexOf(word) >= 0);
}

function isPrefetched(headers) {
  const destination = headers["sec-fetch-dest"] ? field(headers, "sec-fetch-dest") : "document";
  if (field(headers, "sec-purpose").indexOf("prerender") >= 0 && destination !== "document") return false;
  return PREFETCHED.some((name) => /prefetch|preview/.test(field(headers, name)));
}

function isCrawler(agent) {
  // Without the hosts of addresses, and without the telephones of CUBOT.
  const alone = agent.replace(/:\/\/[^\s/;,)]*/g, "://").replace(/@[^\s;,)]*/g, "@").replace(/cubot/g, "cu");
  return CRAWLER.test(alone) && !/unfurl|preview/.test(agent.replace(/bingpreview/g, ""));
}

// One of: proxy, img, navigation, crawler, program, ours.
function audience(headers) {
  const agent = field(headers, "user-agent");
  const ofBrowser = Object.keys(headers).some((name) => name.indexOf("sec-fetch-") === 0);
  if (!ofBrowser && (hasAny(agent, IMAGE_PROXIES) || field(headers, "via").indexOf("camo") >= 0)) return "proxy";
  if (isPrefetched(headers)) return "crawler";
  if (!hasAny(agent, PREVIEWERS) && isCrawler(agent)) return "crawler";
  if (agent.indexOf("promptcdn/") === 0) return "ours";
  if (hasAny(agent, PREVIEWERS)) return "program";
  const destination = field(headers, "sec-fetch-dest");
  const mode = field(headers, "sec-fetch-mode");
  if (destination === "image") return "img";
  if (mode === "navigate" || destination === "document") return "navigation";
  if (destination || mode || agent.indexOf("mozilla/") < 0) return "program";
  const accept = field(headers, "accept");
  if (accept.indexOf("text/html") >= 0) return "navigation";
  return accept.indexOf("image/") >= 0 ? "img" : "program";
}

// What is taken of `accept`, in one order and without weights; with format=auto each format by its name.
function taken(accept, who, named) {
  const ranges = {};
  accept.split(",").forEach((range) => {
    const parts = range.split(";").map((part) => part.trim());
    ranges[parts[0]] = !parts.slice(1).some((part) => /^q\s*=\s*0*(\.0*)?$/.test(part));
  });
  const picture = Object.keys(ranges).some((range) => range.indexOf("image/") === 0 && ranges[range]);
  let words = picture || who === "img" ? ["image/*"] : ["*/*"];
  if (named) {
    words = FORMATS.filter((range) => ranges[range] !== undefined).map((range) => range + (ranges[range] ? "" : ";q=0"));
    if (who === "img" && !picture) words.push("image/*;q=0.1");
  }
  return (who === "navigation" ? ["text/html"] : []).concat(words).join(",") || "*/*";
}

function handler(event) {
  const request = event.request;
  const who = audience(request.headers);
  const query = request.querystring || {};
  const named = Object.keys(query).some((name) => query[name].value === "auto");
  const agent = AGENTS[who === "img" || who === "navigation" ? "browser" : who];
  const accept = who === "proxy" ? "image/*" : taken(field(request.headers, "accept"), who, named);
  request.headers["user-agent"] = { value: agent };
  request.headers.accept = { value: accept };
  return request;
}
