"""The HTTP faces: routes, and answers as each reader is shown them."""
