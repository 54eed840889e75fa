"""The server: its socket (`sockets`), uvicorn around the application (`running`), and the fast path before both."""
