"""What a linter of HTTP has to say about an answer."""

import httpx2
from httplint import HttpResponseLinter
from httplint.note import levels

# What it warns of and we mean: each with its reason.
WAIVED = {
    "STORE_PUBLIC_UNNECESSARY": "some CDNs keep nothing that is not said to be public",
    "VARY_USER_AGENT": "an image proxy must not get the answer of a browser, nor the other way round",
    "STATUS_BAD_REQUEST": "it tells what the status means",
    "STATUS_URI_TOO_LONG": "it tells what the status means",
    "CC_CONFLICTING": "must-revalidate forbids what is stale, and Varnish needs stale-while-revalidate=0",
}


def complaints(answer: httpx2.Response) -> list[str]:
    """The warnings and errors about status, headers and body, without those waived."""
    linter = HttpResponseLinter()
    linter.process_response_topline(b"HTTP/1.1", str(answer.status_code).encode(), answer.reason_phrase.encode())
    linter.process_headers(list(answer.headers.raw))
    linter.feed_content(answer.content)
    linter.finish_content(True)
    # It takes AVIF for another kind of ISO media file.
    unknown = {"CONTENT_TYPE_MISMATCH"} if answer.headers.get("content-type") == "image/avif" else set()
    return [
        f"{type(note).__name__}: {note.summary}"
        for note in linter.notes
        if note.level in (levels.WARN, levels.BAD) and type(note).__name__ not in {*WAIVED, *unknown}
    ]
