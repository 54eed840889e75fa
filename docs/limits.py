"""The rows of limits.md: what each wait or bound is, where its value stands in the code, and the setting that moves it.

A value is read from the code when the page is written, so a row names the place alone. A meaning is understood alone,
and says whether the value is a maximum, a least, an interval or a lifetime.
"""

from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Row:
    """One wait or bound.

    meaning  what a reader of the page needs to know
    place    `module:NAME` or `module:Class.field`, below `promptcdn`
    setting  the name of the setting that changes the value; empty where there is none
    unit     `s`, `bytes`, what else the value counts, or nothing
    """

    meaning: str
    place: str
    setting: str = ""
    unit: str = "s"

    @property
    def shown(self) -> str:
        """The value that the code has, as people read it."""
        module, _, names = self.place.partition(":")
        owner, _, name = names.rpartition(".")
        holder = getattr(import_module(f"promptcdn.{module}"), owner) if owner else import_module(f"promptcdn.{module}")
        fields = getattr(holder, "model_fields", {})
        value = fields[name].default if name in fields else getattr(holder, name)
        value = getattr(value, "for_all", value)
        if isinstance(value, str):
            return f"`{value}`"
        if self.unit in ("s", "bytes"):
            return _time(value) if self.unit == "s" else _size(value)
        return f"{value:,} {self.unit}".rstrip()


def _time(seconds: float) -> str:
    if seconds >= 3600 and not seconds % 3600:
        return f"{seconds / 3600:g} h"
    return f"{seconds / 60:g} min" if seconds >= 300 and not seconds % 60 else f"{seconds:g} s"


def _size(count: int) -> str:
    """A size without rounding: in the largest unit of which there is a whole number."""
    units = {"GiB": 2**30, "MiB": 2**20, "KiB": 2**10, "GB": 10**9, "MB": 10**6}
    whole = {count // unit: name for name, unit in units.items() if not count % unit}
    return f"{min(whole)} {whole[min(whole)]}" if whole else f"{count:,} bytes"


_LOOK_UP = Row("Maximum time for the store to answer a look-up", "stores.negative:Timings.patience")
_UPSTREAM = Row(
    "Maximum time for the upstream to make one picture, all tries together",
    "settings:Settings.upstream_timeout",
    "PROMPTCDN_UPSTREAM_TIMEOUT",
)
_STORING = Row(
    "Maximum time for the store to take a new picture while viewers wait; later they are shown the spool's copy",
    "making:Timings.store",
)
_READING = Row(
    "Maximum wait of a request for a stored picture to be read, restored or encoded", "catalog.renditions:Timings.read"
)
_WAIT = Row(
    "Maximum wait of a browser or a program for a new picture, before it gets a 503; `wait` in a URL goes first",
    "settings:Settings.wait",
    "PROMPTCDN_WAIT",
)
_PROXY_WAIT = Row(
    "Maximum wait of an image proxy for a new picture, before it gets a placeholder",
    "settings:Settings.proxy_wait",
    "PROMPTCDN_PROXY_WAIT",
)

# What the first view of a new picture waits for, in turn, and then when those who wait get another answer.
FIRST_VIEW = (_LOOK_UP, _UPSTREAM, _STORING, _READING, _WAIT, _PROXY_WAIT)

WAITS = (
    Row("Maximum time for the body of a call to `/mcp` to arrive", "faces.mcp.over_http:Timings.body"),
    Row("Maximum wait of a call to `/mcp` for a new picture", "faces.mcp.over_http:Timings.picture"),
    Row("Maximum time for a command on documents to connect to the service", "documents.client:Timings.connect"),
    Row("Maximum time in which a command on documents hears nothing of an answer", "documents.client:Timings.answer"),
    Row("Maximum time for a command on documents to get one picture", "documents.client:Timings.picture"),
    Row(
        "Interval of a command on documents until it asks again, where the service does not say how long",
        "documents.client:Timings.pause",
    ),
    Row(
        "Maximum interval of a command on documents until it asks again, whatever the service says",
        "documents.client:Timings.longest_pause",
    ),
    Row("Lifetime of a picture's problem in a builder of sites that runs on", "sites.build:Timings.again"),
    Row(
        "Maximum time for the head of a request to arrive, and for an idle connection to begin its next request",
        "server.timings:Timings.head",
    ),
    Row(
        "Maximum time for an idle connection of a trusted proxy to begin its next request",
        "server.timings:Timings.proxy",
    ),
    Row("Maximum time in which a client reads nothing of its answer", "server.timings:Timings.read"),
    Row(
        "Maximum time for clients to read their last answers after the signal to stop",
        "server.timings:Timings.drain",
    ),
    Row("Interval between two log lines about too many connections", "server.timings:Timings.logged"),
    Row("Maximum time for the body of a request of Slack or Discord to arrive", "faces.chats.timings:Timings.body"),
    Row("Maximum time to answer a command or a click in Slack with a picture", "faces.chats.timings:Timings.slack"),
    Row(
        "Maximum time to answer a command or a button in Discord with a picture", "faces.chats.timings:Timings.discord"
    ),
    Row(
        "Maximum time for a picture that a click in Slack asked for, before the click is told that it is being made",
        "faces.chats.timings:Timings.notice",
    ),
    Row(
        "Maximum time at the end of the service to tell chats what became of their pictures, once those are finished",
        "faces.chats.timings:Timings.last_words",
    ),
    Row("Maximum time to send one message to a chat, with its file", "faces.chats.timings:Timings.call"),
    Row("Interval between two tries to send a message to a chat", "faces.chats.timings:Timings.pause"),
    Row(
        "Maximum interval that a chat may ask for between two tries; where it asks for a longer one, the message is"
        " given up",
        "faces.chats.timings:Timings.longest",
    ),
    Row(
        "Maximum time to finish pictures under way after the signal to stop",
        "settings:Settings.grace",
        "PROMPTCDN_GRACE",
    ),
    Row(
        "Maximum time for the body of a request of OpenAI's images API to arrive",
        "faces.openai_api.generations:Timings.body",
    ),
    Row(
        "Maximum wait of a request of OpenAI's images API for its pictures, before it gets a 503",
        "faces.openai_api.generations:Timings.pictures",
    ),
    Row(
        "Lifetime of a failure of OpenAI's images API that may have been charged: the same request gets it again",
        "faces.openai_api.generations:Timings.failure",
    ),
    Row(
        "Lifetime of the seeds that a request of OpenAI's images API with an `Idempotency-Key` has drawn",
        "faces.openai_api.draws:Timings.draw",
    ),
    Row(
        "Lifetime of the seeds that any other request of that API has drawn, for when its client sends it again",
        "faces.openai_api.draws:Timings.again",
    ),
    _WAIT,
    _PROXY_WAIT,
    Row(
        "Maximum wait for what is stored already, where the client waits less than that for a new picture (`wait=0`)",
        "readers.audience:STORED_WAIT_MIN",
    ),
    Row(
        "Maximum wait for the encode of a new picture that was made when the wait of its client was nearly over",
        "cdn.seeded:_LEAST_PATIENCE",
    ),
    _UPSTREAM,
    Row(
        "Maximum time for one call to the upstream where the caller says none; the service always says one",
        "generators.stability.timings:Timings.picture",
    ),
    Row("Maximum time to connect to the upstream", "generators.stability.timings:Timings.connect"),
    Row(
        "Maximum wait for the end of the upstream's stream, once its picture has arrived",
        "generators.stability.timings:Timings.linger",
    ),
    Row(
        "Maximum wait of `promptcdn doctor` for each answer about engines or balance",
        "generators.stability.timings:Timings.account",
    ),
    Row(
        "Maximum time for one call over HTTP to the upstream where the caller says none; the service always says one",
        "generators.http.timings:Timings.picture",
    ),
    Row(
        "Maximum time for ComfyUI to make one picture, where the caller names no deadline",
        "generators.comfyui.timings:Timings.picture",
    ),
    Row("Interval until the first look whether ComfyUI is done", "generators.comfyui.timings:Timings.first_look"),
    Row(
        "Maximum interval between two looks whether ComfyUI is done", "generators.comfyui.timings:Timings.longest_look"
    ),
    Row(
        "Interval between looks whether a picture is still in ComfyUI's queue",
        "generators.comfyui.timings:Timings.queue_looks",
    ),
    Row(
        "Maximum time for each call that takes a picture out of ComfyUI's queue",
        "generators.comfyui.timings:Timings.cancel",
    ),
    Row(
        "Maximum time for ComfyUI to answer a question of `promptcdn doctor`, or one look",
        "generators.comfyui.timings:Timings.account",
    ),
    Row(
        "Maximum time for a model in a folder (`local`) to make one picture, where the caller names no deadline",
        "generators.local.timings:Timings.picture",
    ),
    Row("Maximum time until a model in a folder (`local`) is loaded", "generators.local.timings:Timings.load"),
    Row(
        "Maximum time for a look of `promptcdn doctor` at a library that draws, and at its device",
        "generators.local.timings:Timings.look",
    ),
    Row(
        "Maximum time for the process of a model to end by itself, before it is killed",
        "generators.local.timings:Timings.end",
    ),
    Row(
        "Interval until the process of a model that failed is started again; it doubles each time",
        "generators.local.timings:Timings.first_pause",
    ),
    Row(
        "Maximum interval until the process of a model that failed is started again",
        "generators.local.timings:Timings.longest_pause",
    ),
    Row("Maximum time to connect to the upstream over HTTP", "generators.http.timings:Timings.connect"),
    Row(
        "Maximum wait of `promptcdn doctor` for each answer of the upstream over HTTP",
        "generators.http.timings:Timings.account",
    ),
    Row(
        "Interval between two tries to fetch a paid picture from the URL that the upstream answered with",
        "generators.http.timings:Timings.between_fetches",
    ),
    Row(
        "Maximum time after the first try at a picture in which another try may begin",
        "generators.care.retries:Timings.window",
    ),
    Row(
        "Maximum random pause before the second try at a picture; it doubles with each further try",
        "generators.care.retries:Timings.pause",
    ),
    Row(
        "Maximum pause before the next try that the upstream may ask for (`retry-after` and the like)",
        "generators.stability.grpc.pauses:LONGEST",
    ),
    Row(
        "Least pause before the next try after a 429 of Stability's REST API that names none",
        "generators.stability.rest.statuses:RATE_LIMITED_FOR",
    ),
    Row(
        "First pause without calls to an upstream that fails; it doubles each time the upstream fails again",
        "generators.care.breaker:FIRST_PAUSE",
    ),
    Row(
        "First pause without calls to an upstream that refuses the key or has no credits left",
        "generators.care.breaker:FIRST_PAUSE_UNTIL_MENDED",
    ),
    Row("Maximum pause without calls to an upstream that fails", "generators.care.breaker:LONGEST_PAUSE"),
    Row(
        "Maximum time after its deadline for the one call that tries out a failing upstream; then another call may",
        "generators.care.retries:Timings.probe_margin",
    ),
    Row(
        "Interval between two reads of the list of pictures that were taken down or purged",
        "catalog.removals:Timings.refresh",
    ),
    Row(
        "Maximum extra time to read the list of removals: a removal is obeyed everywhere after two intervals and this",
        "catalog.removals:Timings.margin",
    ),
    Row(
        "Maximum wait of a request for the first list of removals after the start",
        "catalog.removals:Timings.first_list",
    ),
    Row("Maximum time for the store to say whether one picture was taken down", "catalog.removals:Timings.look"),
    Row("Least pause after one read of the list of removals", "catalog.removals:Timings.least_pause"),
    Row(
        "Lifetime of the note in the store that tells other processes of a purge",
        "catalog.removals:Timings.keep_notes",
    ),
    Row(
        "First pause between two rounds of moving pictures from the spool to the store; it doubles in vain rounds",
        "making.reconcile_spool:Timings.pause",
    ),
    Row(
        "Maximum pause between two rounds of moving pictures from the spool to the store",
        "making.reconcile_spool:Timings.longest_pause",
    ),
    Row(
        "Least age of a picture in the spool before another process than its maker moves it to the store",
        "making.reconcile_spool:Timings.in_hand",
    ),
    Row("Maximum time for the store to take one picture from the spool", "making.reconcile_spool:Timings.store"),
    Row(
        "Least age of a picture made anew after a purge before it leaves the spool: others may still show the old one",
        "making.reconcile_spool:Timings.propagation",
    ),
    _STORING,
    Row(
        "First cooldown of a picture whose paid answer was no good; it doubles with each failure",
        "making.cooldown:Timings.first",
    ),
    Row("Maximum cooldown of a picture whose paid answer was no good", "making.cooldown:Timings.longest"),
    Row(
        "Lifetime of the note that another replica has paid for a picture and waits for the store to take it",
        "making.cooldown:Timings.elsewhere",
    ),
    Row(
        "Least interval between two looks at the spool's folder that requests cause while the store does not answer",
        "spool:Timings.between_looks",
    ),
    _READING,
    Row("Lifetime in memory of a new master, for those who wait for it", "catalog.renditions:Timings.just_stored"),
    Row(
        "Least interval between two tries to store a rendition that the store did not take",
        "catalog.renditions:Timings.between_tries",
    ),
    Row(
        "Maximum time to look for one picture of a URL without a seed, while others of its pool may be in memory",
        "cdn.pool:Timings.look",
    ),
    Row(
        "Maximum time to look for one picture of a URL without a seed, once a look at another one took too long",
        "cdn.pool:Timings.look_when_slow",
    ),
    Row(
        "Least pause before one more picture is made for a URL without a seed, after the last one was refused",
        "cdn.pool:Timings.after_refusal",
    ),
    Row("Lifetime of the note in memory that the store lacks an object", "stores.negative:Timings.remembered"),
    _LOOK_UP,
    Row("Maximum time for the disk before a bucket to answer a read", "stores.disk_cache:Timings.patience"),
    Row(
        "Interval in which a disk before a bucket is not read, after it was silent for too long",
        "stores.disk_cache:Timings.rest",
    ),
    Row(
        "Maximum time without a list of removals after which the disk before a bucket is still believed",
        "stores.disk_cache:Timings.unheard",
    ),
    Row(
        "Interval in which the disk before a bucket notes that removals were read, and looks for room",
        "stores.disk_cache:Timings.stamp",
    ),
    Row(
        "Interval in which the disk before a bucket notes at most once that a file was used",
        "stores.disk_cache.files:Timings.note_use",
    ),
    Row(
        "Interval in which nothing is written to the disk before a bucket, after a write failed",
        "stores.disk_cache.files:Timings.after_failure",
    ),
    Row(
        "Least interval in which boto3 alone reads a bucket, after obstore failed; it doubles at each failure",
        "stores.s3.reads:Timings.rest",
    ),
    Row(
        "Maximum interval in which boto3 alone reads a bucket, after obstore failed",
        "stores.s3.reads:Timings.longest_rest",
    ),
    Row("Maximum time for one read of a bucket by obstore", "stores.s3.reads:_WHOLE_SECONDS"),
    Row(
        "Least age of an unfinished file in a folder store before it is deleted at a start",
        "stores.disk:_LEFT_OVER_SECONDS",
    ),
    Row(
        "Interval between two tries of `/readyz` whether a folder store takes a file; none while pictures are stored",
        "stores.disk:Timings.between_tries",
    ),
    Row(
        "Interval between two tries to take a lock file that another process holds",
        "stores.lock_files:Timings.between_tries",
    ),
    Row(
        "Interval between two signs of life of the process that holds a lock file",
        "stores.lock_files:Timings.between_beats",
    ),
    Row(
        "Maximum wait for a process that holds a lock file and shows no sign of life",
        "stores.lock_files:Timings.silence",
    ),
    Row(
        "Interval between two looks at the id of a store that may be the wrong one",
        "stores.verified:Timings.between_looks",
    ),
    Row("Maximum wait of the start for the first look at the store's id", "stores.verified:Timings.first_look"),
    Row(
        "Lifetime in memory of a folder store's id: none, the id is read again for each object that is not found",
        "stores.verified:Timings.trust",
    ),
    Row(
        "Lifetime in memory of a bucket's id; before a payment the id is always read again",
        "wiring.stores:_BUCKET_TRUST",
    ),
    Row("Maximum time for a command of Redis, its second try included", "replicas.connection:Timings.command"),
    Row(
        "Maximum wait of a subscription to Redis for a message, before it asks again",
        "replicas.connection:Timings.message",
    ),
    Row("Interval between two pings while Redis does not answer", "replicas.connection:Timings.between_pings"),
    Row(
        "Interval between two tries to subscribe to a channel while Redis does not answer",
        "replicas.connection:Timings.between_subscriptions",
    ),
    Row("Lifetime of a lease that its replica does not renew", "replicas.leases:Timings.lease"),
    Row(
        "Interval between two tries to take a lease that another replica holds", "replicas.leases:Timings.between_tries"
    ),
    Row(
        "Interval between two tries to end a lease while Redis does not answer",
        "replicas.leases:Timings.between_late_ends",
    ),
    Row(
        "Interval between two looks whether Redis still has what was spent of the budget",
        "money.budget.redis:Timings.between_looks",
    ),
    Row(
        "Least time without new paid pictures after Redis lost what was spent of the budget",
        "money.budget.redis:Timings.refill",
    ),
    Row(
        "Maximum wait for another process that is writing the file of client rates",
        "money.rates.sqlite:Timings.patience",
    ),
    Row(
        "Least pause before a file of client rates that did not answer is asked again; nobody is over a rate meanwhile",
        "money.rates.sqlite:Timings.pause",
    ),
    Row(
        "Maximum extra wait of a request whose time is over, for the reason why its picture is not there",
        "flights.detached:Timings.last_word",
    ),
    Row("Maximum wait for a placeholder to be drawn", "pictures.placeholders:Timings.needed"),
    Row(
        "Maximum wait for an error picture with details; then a document or a plainer picture is sent",
        "pictures.placeholders:Timings.optional",
    ),
    Row("Maximum wait of `/readyz` for one part of the service", "telemetry.readiness:Readiness.patience"),
    Row("Interval between two measures of how late the event loop is", "event_loop.lag:Timings.between_measures"),
    Row("Maximum wait of `promptcdn stats` for the service", "cli.operators.stats:_PATIENCE"),
    Row("Maximum silence of a worker before its order goes to the next one", "generators.worker.jobs:Timings.lease"),
    Row(
        "Maximum age of the last request for an order by which somebody still waits for it, for whose turn it is",
        "generators.worker.jobs:Timings.awaited",
    ),
    Row(
        "Least time before a worker that gave no picture gets the same order again; others get it at once",
        "generators.worker.jobs:Timings.others",
    ),
    Row("Maximum time for which signs of life keep an order at a worker", "generators.worker.jobs:Timings.longest"),
    Row("Least time between two looks at all orders, which all who ask share", "generators.worker.ledger:Timings.pace"),
    Row("Lifetime of an order that is done, to tell late workers", "generators.worker.jobs:Timings.done"),
    Row("Lifetime of an order that failed, to tell those who wait", "generators.worker.jobs:Timings.failed"),
    Row("Lifetime of an order that nobody asks for any more", "generators.worker.jobs:Timings.kept"),
    Row(
        "Lifetime of a worker's last call: for so long it counts as present",
        "generators.worker.jobs:Timings.seen",
    ),
    Row(
        "Maximum interval between two looks at the orders for workers, by those who wait for pictures",
        "generators.worker.orders:Timings.look",
    ),
    Row(
        "Least silence of all workers before one is started by `PROMPTCDN_WORKER_START`",
        "generators.worker.starts:Timings.silence",
    ),
    Row(
        "Least pause after starting a worker before the next start, where none has called since; it doubles",
        "generators.worker.starts:Timings.pause",
    ),
    Row(
        "Maximum pause after starting a worker before the next start, where none has called since",
        "generators.worker.starts:Timings.longest_pause",
    ),
    Row(
        "Maximum interval between two looks whether a worker has to be started",
        "generators.worker.starting:Timings.look",
    ),
    Row(
        "Maximum wait for the address of `PROMPTCDN_WORKER_START` to answer",
        "generators.worker.starting:Timings.call",
    ),
    Row(
        "Maximum time in which a command that starts a worker can fail: one that still runs has started it",
        "generators.worker.starting:Timings.command",
    ),
    Row(
        "Maximum wait of `promptcdn submit` for the token of Google's metadata server",
        "cli.operators.submit.calls:Timings.metadata",
    ),
    Row("Maximum wait of `promptcdn submit` for the answer of the API", "cli.operators.submit.calls:Timings.answer"),
    Row(
        "Interval in which an order for workers is noted as asked for, while somebody waits",
        "generators.worker.orders:Timings.asked",
    ),
    Row(
        "Maximum interval between two looks for an order, while a worker waits for one",
        "generators.worker.workers:Timings.look",
    ),
    Row("Maximum wait of a worker for an order, before it is told that there is none", "faces.work.orders:WAIT_MAX"),
    Row("Maximum time for a document of a worker to arrive", "faces.work.routes:Timings.document"),
    Row("Maximum time for a picture of a worker to arrive", "faces.work.routes:Timings.picture"),
    Row("Maximum time for `promptcdn work` to connect to the service", "cli.operators.work.client:Timings.connect"),
    Row("Maximum wait of `promptcdn work` for the answer about an order", "cli.operators.work.client:Timings.order"),
    Row("Maximum wait of `promptcdn work` for any other answer", "cli.operators.work.client:Timings.answer"),
    Row(
        "First pause of `promptcdn work` before it calls again, where the service is away; it doubles",
        "cli.operators.work.shift:Timings.first_pause",
    ),
    Row(
        "Maximum pause of `promptcdn work` before it calls again",
        "cli.operators.work.shift:Timings.longest_pause",
    ),
    Row(
        "Least signs of life of `promptcdn work` within the length of a lease",
        "cli.operators.work.shift:Timings.beats",
        unit="",
    ),
    Row(
        "Maximum time for `promptcdn work` to give an order back when it ends",
        "cli.operators.work.shift:Timings.given_back",
    ),
    Row("Maximum wait of `promptcdn warm` for one picture", "cli.documents.warming.here:_PATIENCE"),
)

BOUNDS = (
    Row(
        "Most bytes of bodies that arrive at the same time; more are answered 503",
        "faces.requests:ARRIVING_MAX",
        unit="bytes",
    ),
    Row("Maximum size of the body of a call to `/mcp`", "faces.mcp.over_http:BODY_MAX", unit="bytes"),
    Row("Maximum length of a document that an assistant has pinned", "faces.mcp.tools:TEXT_MAX", unit="characters"),
    Row("Most such documents that wait for one another", "faces.mcp.tools:WAITING_MAX", unit="documents"),
    Row("Most URLs without a seed in such a document", "faces.mcp.tools:PINNED_MAX", unit="URLs"),
    Row("Most parameters of a URL that an assistant asks for", "faces.mcp.tools:PARAMETERS_MAX", unit="parameters"),
    Row("Longest name of such a parameter", "faces.mcp.tools:NAME_MAX", unit="characters"),
    Row("Maximum size of a picture that a command on documents takes", "documents.client:_PICTURE_MAX", unit="bytes"),
    Row("Maximum size of `/info` that a command on documents takes", "documents.client:_DOCUMENT_MAX", unit="bytes"),
    Row(
        "Maximum of a prompt, or of a seed, in the name of a vendored file",
        "markdown.vendor:_WORDS_MAX",
        unit="characters",
    ),
    Row(
        "Most orders that wait for workers; one more is answered 503",
        "generators.worker.orders:Limits.orders",
        unit="orders",
    ),
    Row(
        "Bytes of bodies of workers that arrive at once; more are answered 503",
        "faces.work.bodies:ARRIVING_MAX",
        unit="bytes",
    ),
    Row(
        "Most workers that wait for an order at one replica; one more is answered 503",
        "generators.worker.workers:Limits.waiting",
        unit="workers",
    ),
    Row(
        "Most tries of workers that gave no picture for an order, before it fails",
        "generators.worker.jobs:FAILURES_MAX",
        unit="tries",
    ),
    Row(
        "Most workers that an order is handed to, before it fails",
        "generators.worker.jobs:HANDED_MAX",
        unit="workers",
    ),
    Row("Largest picture that is taken from a worker", "generators.worker.jobs:PICTURE_MAX", unit="bytes"),
    Row("Largest document that is taken from a worker", "faces.work.bodies:DOCUMENT_MAX", unit="bytes"),
    Row("Longest URL; a longer one is answered 414", "url.parse:URL_MAX", unit="bytes"),
    Row(
        "Longest request line: method, URL and version; a longer one is answered 414",
        "server.request_limits:REQUEST_LINE_MAX",
        unit="bytes",
    ),
    Row("Largest head of a request; a larger one is answered 431", "server.request_limits:HEAD_MAX", unit="bytes"),
    Row(
        "Most header lines of a request; one with more is answered 431", "server.request_limits:LINES_MAX", unit="lines"
    ),
    Row(
        "Largest body of a request of Slack or Discord; a larger one is answered 413",
        "faces.chats.receiving:BODY_MAX",
        unit="bytes",
    ),
    Row(
        "Most orders from chats under way at once; one more is told to wait",
        "faces.chats.background:MOST",
        unit="orders",
    ),
    Row("Most orders of one person in a chat under way at once", "faces.chats.background:EACH", unit="orders"),
    Row(
        "Oldest signature of Discord that is taken, and the one that is farthest ahead",
        "faces.chats.discord.verifying:AGE_MAX",
        unit="seconds",
    ),
    Row(
        "Largest body of a request of OpenAI's images API; a larger one is answered 413",
        "faces.openai_api.bodies:BODY_MAX",
        unit="bytes",
    ),
    Row(
        "Most bytes of a body that is too large which are read before the 413, so that its client hears it",
        "faces.openai_api.bodies:PASSED_OVER_MAX",
        unit="bytes",
    ),
    Row(
        "Most pictures that one request of OpenAI's images API may ask for",
        "faces.openai_api.translation:COUNT_MAX",
        unit="pictures",
    ),
    Row("Most bytes of one header field that are read", "readers.fields:FIELD_MAX", unit="bytes"),
    Row("Most entries of one header field that are read", "readers.fields:ENTRIES_MAX", unit="entries"),
    Row("Longest prompt", "url.parameters:PROMPT_MAX", unit="characters"),
    Row("Longest seed that is a word", "url.parameters:SEED_WORD_MAX", unit="characters"),
    Row("Largest seed that is a number", "url.seeds:SEED_MAX", unit=""),
    Row("Most steps that an engine may be asked for", "url.engines:STEPS_MAX", unit="steps"),
    Row("Longest side of a picture that an engine may be asked for", "url.engines:SIDE_MAX", unit="pixels"),
    Row("Longest side of a picture that is delivered", "url.parameters:DELIVERED_SIDE_MAX", unit="pixels"),
    Row("Largest picture that is taken from a generator", "pictures.validation:PIXELS_MAX", unit="pixels"),
    Row(
        "Longest seeded URL in a `Content-Location`; instead of a longer one the permalink is sent",
        "readers.response_headers:LOCATION_MAX",
        unit="bytes",
    ),
    Row(
        "Most bytes of an answer that wait for one client before the service waits for that client",
        "server.request_limits:WRITE_MAX",
        unit="bytes",
    ),
    Row(
        "Most connections, where the process may open enough files; one address has half of them",
        "readers.connections:_MOST",
        unit="connections",
    ),
    Row(
        "Most requests that wait for the store, an encode or a new picture; one client has half of these places",
        "flights.detached:_MOST",
        unit="requests",
    ),
    Row("Most requests for `/info` that wait for the store", "wiring:_INFOS", unit="requests"),
    Row("Most reads of stored pictures at once", "catalog.renditions:_READS", unit="reads"),
    Row("Most reads of stored pictures that wait for their turn", "catalog.renditions:_READS_QUEUED", unit="reads"),
    Row(
        "Most encodes that wait for their turn, in formats and widths that are stored",
        "catalog.renditions:_ENCODES_QUEUED",
        unit="encodes",
    ),
    Row(
        "Most encodes that wait for their turn, in sizes or qualities that are not stored",
        "catalog.renditions:_ODD_ENCODES_QUEUED",
        unit="encodes",
    ),
    Row(
        "Most placeholders and brief error pictures that wait to be drawn",
        "pictures.placeholders:_NEEDED_QUEUED",
        unit="pictures",
    ),
    Row(
        "Most error pictures with details that wait to be drawn",
        "pictures.placeholders:_OPTIONAL_QUEUED",
        unit="pictures",
    ),
    Row("Most calls to a bucket at once", "stores.s3.connection:CONNECTIONS", unit="calls"),
    Row(
        "Bytes of the disk before a bucket for each file that it may hold: 10 GB are 610,000 files at most",
        "stores.disk_cache.files:Limits.each",
        unit="bytes",
    ),
    Row(
        "Bytes of the disk that the disk before a bucket leaves to others",
        "stores.disk_cache.files:Limits.leave_free",
        unit="bytes",
    ),
    Row(
        "Most files that wait to be written to the disk before a bucket; others are not kept there",
        "stores.disk_cache:_WRITES_QUEUED",
        unit="files",
    ),
    Row("Most bytes of pictures in memory", "settings:Settings.memory", "PROMPTCDN_MEMORY", "bytes"),
    Row(
        "Most new pictures that one generator makes at once",
        "settings:Settings.concurrency",
        "PROMPTCDN_CONCURRENCY",
        "pictures",
    ),
    Row(
        "Most new pictures that wait for their turn at one generator",
        "settings:Settings.queue",
        "PROMPTCDN_QUEUE",
        "pictures",
    ),
    Row(
        "Pictures that a URL without a seed chooses from",
        "settings:Settings.variants",
        "PROMPTCDN_VARIANTS",
        "pictures",
    ),
    Row(
        "Most URLs of one folder that promptcdn doctor looks at, for generators that are not set up",
        "catalog.bound_generators:SAMPLE_MAX",
        unit="URLs",
    ),
    Row("Budget where pictures cost money", "settings:PAID_BUDGET", "PROMPTCDN_BUDGET"),
    Row(
        "New pictures that one client may start, where pictures cost money",
        "settings:PAID_CLIENT_RATE",
        "PROMPTCDN_CLIENT_RATE",
    ),
    Row(
        "New pictures that all image proxies together may start beyond their own rates, in times of one client's rate",
        "money.rates.payers:POT",
        unit="times",
    ),
    Row(
        "Most that a wait for Redis, the store or the upstream lasts while the event loop is late; stalls that are "
        "each longer than the whole wait, and the last passes of the loop, come on top",
        "event_loop.patience:STRETCH_MAX",
        unit="times the wait",
    ),
    Row("Most tries at one picture", "generators.care.retries:MAX_TRIES", unit="tries"),
    Row(
        "Failures of the upstream in a row after which it is not called for a while",
        "generators.care.breaker:FAILURES_TO_OPEN",
        unit="failures",
    ),
    Row(
        "Largest picture that is taken from Stability's REST API",
        "generators.stability.rest.client:PICTURE_BYTES",
        unit="bytes",
    ),
    Row(
        "Largest enlarged picture that is taken from Stability's REST API",
        "generators.stability.rest.client:UPSCALED_BYTES",
        unit="bytes",
    ),
    Row(
        "Largest message that is taken from the upstream over gRPC",
        "generators.stability.grpc.channels:MAX_MESSAGE_BYTES",
        unit="bytes",
    ),
    Row(
        "Most values in a document in JSON that is read from an upstream over HTTP",
        "generators.http.documents:VALUES_MAX",
        unit="values",
    ),
    Row("Largest file of a workflow of ComfyUI", "generators.comfyui:FILE_MAX", unit="bytes"),
    Row("Largest picture that ComfyUI may answer with", "generators.comfyui.client:PICTURE_MAX", unit="bytes"),
    Row("Largest history or queue of ComfyUI that is read", "generators.comfyui.client:DOCUMENT_MAX", unit="bytes"),
    Row(
        "Most looks at ComfyUI's history or at a picture that may fail one after the other; then it is given up",
        "generators.comfyui.client:LOST_LOOKS_MAX",
        unit="looks",
    ),
    Row(
        "Largest description of a kind of node that `promptcdn doctor` reads from ComfyUI",
        "generators.comfyui.inventory:KIND_MAX",
        unit="bytes",
    ),
    Row("Largest JSON file of a model's folder", "generators.local.reading:DOCUMENT_MAX", unit="bytes"),
    Row("Largest head of a file of weights that is read", "generators.local.reading:HEAD_MAX", unit="bytes"),
    Row(
        "Most files in a model's folder, or in one of its parts, that are looked at",
        "generators.local.reading:FILES_MAX",
        unit="files",
    ),
    Row(
        "Longest line between the service and the process of a model",
        "generators.local.process.frames:LINE_MAX",
        unit="bytes",
    ),
    Row(
        "Largest file between the service and the process of a model",
        "generators.local.process.frames:FILE_MAX",
        unit="bytes",
    ),
    Row(
        "Longest message of a model's process that is logged whole",
        "generators.local.process.messages:LINE_MAX",
        unit="characters",
    ),
    Row(
        "Most messages of a model's process that are logged within a minute",
        "generators.local.process.messages:LINES_MAX",
        unit="messages",
    ),
    Row("Largest answer of a server with AUTOMATIC1111's API", "generators.a1111:ANSWER_MAX", unit="bytes"),
    Row(
        "Largest answer of a server with AUTOMATIC1111's API that enlarged a picture",
        "generators.a1111:UPSCALED_MAX",
        unit="bytes",
    ),
    Row(
        "Largest list of checkpoints or options that `promptcdn doctor` reads from a server with AUTOMATIC1111's API",
        "generators.a1111.inventory:LIST_MAX",
        unit="bytes",
    ),
    Row(
        "Most tries to fetch a paid picture from the URL that the upstream answered with",
        "generators.http.fetching:TRIES",
        unit="tries",
    ),
    Row(
        "Longest URL of a picture that is taken from the upstream",
        "generators.http.locations:URL_MAX",
        unit="bytes",
    ),
    Row("Most bytes of remembered URLs (the fast path)", "server.remembered:ALIASES_MAX", unit="bytes"),
    Row("Most bytes of a URL that is remembered", "server.remembered:TARGET_MAX", unit="bytes"),
    Row(
        "Most bytes of pixels of new pictures, until a rendition is made of them",
        "catalog.masters:_PIXELS_BYTES",
        unit="bytes",
    ),
    Row("Most bytes of paid pictures in the spool", "spool.folder:Limits.size", unit="bytes"),
    Row("Most paid pictures in the spool", "spool.folder:Limits.entries", unit="pictures"),
    Row("Least free space that the spool leaves on its disk", "spool.folder:Limits.free_disk", unit="bytes"),
)
