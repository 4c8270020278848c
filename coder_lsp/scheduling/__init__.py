"""Who computes what, and when: one table of work, one engine thread."""
