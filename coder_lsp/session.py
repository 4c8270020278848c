"""All mutable state of the server."""
