"""From the corpus to batches, in an order that is known from a position alone."""
