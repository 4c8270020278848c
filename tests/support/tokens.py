"""Token ids as text."""


def text_of(tokenizer, token_ids):
    """Decode to text; bytes that are no whole character become U+FFFD."""
    return b"".join(map(tokenizer.token_bytes, token_ids)).decode("utf-8", errors="replace")
