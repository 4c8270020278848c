"""Runs programs that a model wrote, within limits."""
