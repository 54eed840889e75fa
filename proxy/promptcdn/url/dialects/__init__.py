"""How others write our URLs: another service's parameters, what is appended on the way, and what sticks to values."""
