"""Work for workers: orders handed out, and pictures taken in. Whoever calls shows a worker's token.

routes   POST /work/next, POST /work/{order}/alive, PUT /work/{order}, POST /work/{order}/failed
bodies   reads a body, within bounds
orders   policy: what a worker says that it can, and an order as JSON
"""
