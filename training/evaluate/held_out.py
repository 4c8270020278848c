"""The held-out documents of a corpus."""

from training.corpus.store import Corpus, SourceFile


def held_out_files(corpus: Corpus) -> dict[str, list[SourceFile]]:
    """Return them by language; both in an order that does not depend on the corpus's."""
    by_language: dict[str, list[SourceFile]] = {}
    for file in sorted(corpus.files, key=lambda file: (file.language, file.package, file.path)):
        if file.use == "held-out":
            by_language.setdefault(file.language, []).append(file)
    return by_language
