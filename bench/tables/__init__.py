"""Tables of the documents, written from the result files in ``bench/results``."""
