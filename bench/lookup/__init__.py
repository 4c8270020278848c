"""Decoding ahead by lookup: whether it changes anything, and what it saves."""
