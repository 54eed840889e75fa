"""Care for a generator that is somebody else's service: a deadline, tries, and a breaker."""
