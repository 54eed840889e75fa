"""The Model Context Protocol: pictures for assistants that write Markdown, over standard input or over HTTP."""
