"""Measurements; they import what they need and nothing imports them."""
