"""Train the tokenizer: byte-level BPE, cut into words the way DeepSeek-V2 does it.

A newline is always a token of its own, digits stand one by one, a word takes one leading blank.
The special tokens have DeepSeek's names and the first ids.
"""

from collections.abc import Iterator
from pathlib import Path
from random import Random

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from training.corpus.store import Corpus, SourceFile

SPECIAL_TOKENS = (
    "<｜begin▁of▁sentence｜>",
    "<｜end▁of▁sentence｜>",
    "<｜fim▁hole｜>",
    "<｜fim▁begin｜>",
    "<｜fim▁end｜>",
)
_WORDS = (r"[\r\n]", r"\s?\p{L}+", r"\s?[\p{P}\p{S}]+", r"\s+$")


def train_tokenizer(
    corpus: Corpus, mix: dict[str, float], vocab_size: int, num_bytes: int, seed: int, out: Path
) -> None:
    """Train on about ``num_bytes`` of the training part, languages in the shares of ``mix``."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            *(pre_tokenizers.Split(Regex(word), "isolated") for word in _WORDS),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(corpus, mix, num_bytes, seed), trainer)
    out.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out))


def _texts(corpus: Corpus, mix: dict[str, float], num_bytes: int, seed: int) -> Iterator[str]:
    by_language: dict[str, list[SourceFile]] = {language: [] for language in mix}
    for file in corpus.files:
        if file.use == "train" and file.language in by_language:
            by_language[file.language].append(file)
    present = {language for language, files in by_language.items() if files}
    total = sum(mix[language] for language in present)
    for language in sorted(present):
        room = num_bytes * mix[language] / total
        files = by_language[language]
        Random(f"{seed}/{language}").shuffle(files)
        for file in files:
            if room <= 0:
                break
            room -= file.length
            yield corpus.text(file)
