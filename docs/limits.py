"""The rows of limits.md: every wait and every bound, where its value stands in the code, and the setting that moves it.

A value is read from the code when the page is written, so a row names the place alone.
"""

from dataclasses import dataclass
from importlib import import_module


@dataclass(frozen=True)
class Row:
    """One wait or bound: what a reader of the page needs to know, and `module:name` or `module:Class.field`."""

    meaning: str
    place: str
    setting: str = ""

    @property
    def value(self) -> float:
        """The value that the code has."""
        module, _, names = self.place.partition(":")
        owner, _, name = names.rpartition(".")
        holder = getattr(import_module(f"promptcdn.{module}"), owner) if owner else import_module(f"promptcdn.{module}")
        fields = getattr(holder, "model_fields", {})
        return float(fields[name].default if name in fields else getattr(holder, name))


WAITS = (
    Row("a request's head has to arrive; an idle connection is closed", "server.timings:Timings.head"),
    Row("a client may leave its answer unread", "server.timings:Timings.read"),
    Row("clients read their last answers after the signal to stop", "server.timings:Timings.drain"),
    Row("between two log lines about too many connections", "server.timings:Timings.logged"),
    Row("pictures under way are finished after the signal to stop", "settings:Settings.grace", "PROMPTCDN_GRACE"),
    Row("a browser or a program waits for a new picture", "settings:Settings.wait", "PROMPTCDN_WAIT"),
    Row("an image proxy waits for a new picture", "settings:Settings.proxy_wait", "PROMPTCDN_PROXY_WAIT"),
    Row(
        "a new picture has from the upstream, over all tries",
        "settings:Settings.upstream_timeout",
        "PROMPTCDN_UPSTREAM_TIMEOUT",
    ),
    Row("the same, where no caller says a deadline", "generators.stability.timings:Timings.picture"),
    Row("a connection to the upstream may take", "generators.stability.timings:Timings.connect"),
    Row("the upstream's stream may go on after its picture", "generators.stability.timings:Timings.linger"),
    Row("`doctor` waits for an answer about engines or balance", "generators.stability.timings:Timings.account"),
    Row("a try may begin after the first one", "generators.care.retries:Timings.window"),
    Row("before the second try; it doubles with each", "generators.care.retries:Timings.pause"),
    Row("until the breaker's probe counts as lost, after its deadline", "generators.care.retries:Timings.probe_margin"),
    Row("between two lists of removals", "catalog.removals:Timings.refresh"),
    Row("a list of removals may take longer than that", "catalog.removals:Timings.margin"),
    Row("a request waits for the first list of removals", "catalog.removals:Timings.first_list"),
    Row("the store may take to say whether one picture was taken down", "catalog.removals:Timings.look"),
    Row("between two lists of removals at least", "catalog.removals:Timings.least_pause"),
    Row("a note of a purge is kept", "catalog.removals:Timings.keep_notes"),
    Row("between two rounds of storing what waits in the spool", "making.reconcile_spool:Timings.pause"),
    Row("the same at the most, while the store takes nothing", "making.reconcile_spool:Timings.longest_pause"),
    Row("an entry of the spool is left to the process that made it", "making.reconcile_spool:Timings.in_hand"),
    Row("the store may take over one entry of the spool", "making.reconcile_spool:Timings.store"),
    Row(
        "a remade picture waits in the spool until all have forgotten the old one",
        "making.reconcile_spool:Timings.propagation",
    ),
    Row("a new picture waits for the store, before it is shown from the spool", "making:Timings.store"),
    Row("a picture is not paid for again after its first failure; it doubles", "making.cooldown:Timings.first"),
    Row("the same at the most", "making.cooldown:Timings.longest"),
    Row("a picture that waits at another replica is not paid for here", "making.cooldown:Timings.elsewhere"),
    Row("between two looks at the spool's folder", "spool:Timings.between_looks"),
    Row("a request waits for what is read or encoded", "catalog.renditions:Timings.read"),
    Row("a new master is held in memory, to be read back", "catalog.renditions:Timings.just_stored"),
    Row("between two tries to store a rendition", "catalog.renditions:Timings.between_tries"),
    Row("one picture of a URL without a seed is looked for", "cdn.pool:Timings.look"),
    Row("the same, once another one was late", "cdn.pool:Timings.look_when_slow"),
    Row("no more is made for a URL without a seed after a refusal", "cdn.pool:Timings.after_refusal"),
    Row("that the store lacks an object is remembered", "stores.negative:Timings.remembered"),
    Row("the store may take to answer a look-up", "stores.negative:Timings.patience"),
    Row("between two tries at a lock file of another process", "stores.lock_files:Timings.between_tries"),
    Row("between two signs of life of who holds a lock file", "stores.lock_files:Timings.between_beats"),
    Row("who holds a lock file and shows no sign of life is waited for", "stores.lock_files:Timings.silence"),
    Row("between two looks at a store that may be the wrong one", "stores.verified:Timings.between_looks"),
    Row("the start waits for the first look at the store's id", "stores.verified:Timings.first_look"),
    Row("a store's id that was seen is believed (a bucket's; a folder's not at all)", "stores.verified:Timings.trust"),
    Row("a command of Redis may take", "replicas.connection:Timings.command"),
    Row("between two pings while Redis is away", "replicas.connection:Timings.between_pings"),
    Row("between two tries to subscribe while Redis is away", "replicas.connection:Timings.between_subscriptions"),
    Row("a lease lasts when nobody renews it", "replicas.leases:Timings.lease"),
    Row("between two tries to take a lease", "replicas.leases:Timings.between_tries"),
    Row("between two tries to end a lease that Redis did not hear of", "replicas.leases:Timings.between_late_ends"),
    Row("between two looks whether Redis still knows what was spent", "money.budget.redis:Timings.between_looks"),
    Row("nothing is granted after Redis lost its memory", "money.budget.redis:Timings.refill"),
    Row("another process's turn at the client rates is waited for", "money.rates.sqlite:Timings.patience"),
    Row("a file of client rates that did not answer is left alone", "money.rates.sqlite:Timings.pause"),
    Row("a placeholder may take to be drawn", "pictures.placeholders:Timings.needed"),
    Row("an error picture may take, before a document is sent", "pictures.placeholders:Timings.optional"),
    Row("readiness waits for one part", "telemetry.readiness:Readiness.patience"),
)

BOUNDS = (
    Row("characters of a URL", "url.parse:URL_MAX"),
    Row("characters of a prompt", "url.parameters:PROMPT_MAX"),
    Row("bytes of a request's head", "server.request_limits:HEAD_MAX"),
    Row("bytes of a header field that are read", "readers.fields:FIELD_MAX"),
    Row("entries of a header field that are read", "readers.fields:ENTRIES_MAX"),
    Row("pixels of a picture that is accepted", "pictures.validation:PIXELS_MAX"),
    Row("pixels of a side that is delivered", "url.parameters:DELIVERED_SIDE_MAX"),
    Row("bytes of pictures in memory", "settings:Settings.memory", "PROMPTCDN_MEMORY"),
    Row("new pictures at once", "settings:Settings.concurrency", "PROMPTCDN_CONCURRENCY"),
    Row("new pictures that wait for their turn", "settings:Settings.queue", "PROMPTCDN_QUEUE"),
    Row("bytes of paid pictures that wait for the store", "spool.folder:Limits.size"),
    Row("paid pictures that wait for the store", "spool.folder:Limits.entries"),
    Row("bytes of the disk that the spool leaves free", "spool.folder:Limits.free_disk"),
    Row("pictures of a URL without a seed", "settings:Settings.variants", "PROMPTCDN_VARIANTS"),
)
