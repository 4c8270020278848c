"""In which order pieces of documents are drawn.

A document counts once for every piece of about 3,000 characters, so long files are not read less
than short ones. Within a source every piece is drawn once before any is drawn again, in an order
that depends on the seed and the round alone: a position is a number, and a run that was stopped
neither repeats nor misses a piece.
"""

from random import Random

from training.corpus.store import Corpus, SourceFile
from training.errors import TrainingError

PIECE_LENGTH = 3000


class DocumentOrder:
    """The pieces of one source's documents."""

    def __init__(self, files: list[SourceFile], seed: str) -> None:
        self._pieces = [
            (file, start) for file in files for start in range(0, max(file.length, 1), PIECE_LENGTH)
        ]
        self._seed = seed
        self._round = -1
        self._order: list[int] = []

    def piece(self, number: int) -> tuple[SourceFile, int]:
        """Return the piece of that number, counted over all rounds: file and first character."""
        round_, index = divmod(number, len(self._pieces))
        if round_ != self._round:
            self._order = list(range(len(self._pieces)))
            Random(f"{self._seed}/{round_}").shuffle(self._order)
            self._round = round_
        return self._pieces[self._order[index]]


def mix_for_use(corpus: Corpus, mix: dict[str, float], use: str) -> dict[str, float]:
    """Return the sources of the mix that serve ``use``.

    Languages that the corpus lacks are left out. A source with a use of its own serves training.
    """
    present = {file.language for file in corpus.files if file.use == use}
    if use == "train":
        present |= {source for source in mix if "/" in source}
    return {source: weight for source, weight in mix.items() if source in present}


def order_by_source(
    corpus: Corpus, use: str, sources: list[str], seed: int
) -> dict[str, DocumentOrder]:
    """Return the order of each source: a language, or ``language/use`` where the use is another.

    Raises ``TrainingError`` where one has no documents, or would train on what is held out.
    """
    orders = {}
    for source in sources:
        language, _, own_use = source.partition("/")
        if own_use == "held-out":
            raise TrainingError(
                f"{source}: what is held out measures the model; leave it out of mix."
            )
        source_use = own_use or use
        files = [f for f in corpus.files if f.use == source_use and f.language == language]
        if not files:
            raise TrainingError(
                f"The corpus holds no {language} for {source_use!r}; leave it out of mix."
            )
        orders[source] = DocumentOrder(files, f"{seed}/{source_use}/{language}")
    return orders
