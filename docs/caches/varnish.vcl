# Varnish in front of promptcdn: varnishd -a :80 -f varnish.vcl -s file,/var/lib/varnish/pictures,10g
vcl 4.1;

import std;

backend promptcdn {
    .host = "127.0.0.1";
    .port = "8080";
    .connect_timeout = 5s;
    # The default 60 s ends in a 503 for all who wait; `wait` goes up to 120.
    .first_byte_timeout = 125s;
}

sub vcl_recv {
    # Not ours, and with one nothing would be cached.
    unset req.http.Cookie;
    # At the edge: Varnish only adds to what a client forged.
    set req.http.X-Forwarded-For = client.ip;
    unset req.http.Forwarded;
    # HEAD would be sent on as GET, and pay; a method that Varnish does not know would be piped, and with it all that
    # follows on its connection, with addresses as a client forged them.
    if (req.method != "GET") {
        return (pass);
    }
    # Vary is compared by the first line of each, and the service reads them all.
    std.collect(req.http.Accept);
    std.collect(req.http.User-Agent);
    std.collect(req.http.Via);
    # Image proxies, as the service knows them (the table in docs/caching.md), letter by letter: whoever is one here and
    # none there would leave a browser's answer where camo finds it. They give up after a few seconds, and must not wait
    # behind a browser that has time. Other caches write into Via too, so it is looked through for camo only by its name.
    if (req.http.User-Agent ~ "(?i)(github-camo|go-camo|camo asset proxy|slack-imgproxy|slackbot|discordbot|intel mac os x 10\.10; rv:38\.0\) gecko/20100101 firefox/38\.0|intel mac os x 11\.6; rv:92\.0\) gecko/20100101 firefox/92\.0|googleimageproxy|yahoomailproxy|ms-office|twitterbot|facebookexternalhit|linkedinbot|telegrambot|whatsapp/|skypeuripreview|mattermost-bot|synapse \(bot|zulipurlpreview|iframely|embedly)"
        || req.http.Via ~ "(?i)camo") {
        set req.http.Promptcdn-Image-Proxy = "yes";
        set req.hash_ignore_busy = true;
    } else {
        unset req.http.Promptcdn-Image-Proxy;
    }
}

sub vcl_hash {
    # No host: whatever name a client makes up, it is the same picture.
    hash_data(req.url);
    # camo forwards its reader's Accept, drops Vary, and refuses AVIF: with `format=auto` it needs answers of its own.
    if (req.http.Promptcdn-Image-Proxy) {
        hash_data("image proxy");
    }
    return (lookup);
}

sub vcl_backend_response {
    # Statuses that Varnish would not keep by itself (403, 5xx): as long as their header says.
    if (beresp.status >= 400 && beresp.http.Cache-Control ~ "max-age=[0-9]") {
        set beresp.ttl = std.duration(regsub(beresp.http.Cache-Control, "^.*max-age=([0-9]+).*$", "\1s"), 0s);
    }
    # Else they would be shown for another 10 s, the default grace.
    if (beresp.http.Cache-Control ~ "stale-while-revalidate=0") {
        set beresp.grace = 0s;
    }
}

sub vcl_deliver {
    if (obj.hits > 0) {
        set resp.http.X-Cache = "HIT";
    } else {
        set resp.http.X-Cache = "MISS";
    }
}
