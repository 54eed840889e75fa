"""The commands on documents: for people who write Markdown, on their files and over HTTP. A file a command."""
