"""What a token costs, by the length of the past and the width of the pass, beside llama-server."""
