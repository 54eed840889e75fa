"""Commands on documents, against a real service."""
