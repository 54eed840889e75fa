"""Who may have a new picture made."""
