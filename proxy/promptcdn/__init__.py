"""promptcdn: a reproducible-image CDN proxy for Markdown. One URL is one picture."""

__version__ = "0.2.0"
