"""From a request to a completion."""
