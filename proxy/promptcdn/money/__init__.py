"""What pictures cost, how much may be spent on them, and how many one client may start."""
