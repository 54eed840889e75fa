"""The playground: what the service sends, and what a person sees and does in a real browser."""
