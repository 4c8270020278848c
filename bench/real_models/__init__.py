"""Real models to measure with: fetched, checked, and exported into the user's cache folder."""
