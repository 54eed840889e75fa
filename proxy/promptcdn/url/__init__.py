"""What a URL means: pure functions from its text to a request, and from a request to keys."""
