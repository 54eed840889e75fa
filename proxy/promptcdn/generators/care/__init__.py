"""Care for a generator that is somebody else's service: a deadline, retries, and a circuit breaker."""
