"""A seeded typist who makes traces out of finished source files."""
