"""promptcdn: a reproducible-image CDN proxy for Markdown. One URL is one picture."""

__version__ = "1.0.0"
