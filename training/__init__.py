"""Train the embedded model: corpus, tokenizer, samples, trainer, evaluation, export.

Imports what it needs and is imported by nothing; it is no part of the installed package.
"""
