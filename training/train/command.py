"""Puts a run together from its recipe, corpus and tokenizer, and starts or continues it."""

from itertools import islice
from pathlib import Path

import torch

from coder_lsp.models.model_folder import FimTemplate
from coder_lsp.prompt.line_encoder import LineEncoder
from coder_lsp.tokenizer import Tokenizer
from training.corpus.store import Corpus
from training.data.batches import Batch, BatchMaker, Position, ahead
from training.data.document_order import mix_for_use, order_by_source
from training.errors import TrainingError
from training.fim_transform.sample import SampleMaker
from training.model.deepseek import DeepSeek
from training.model.huggingface import load_huggingface
from training.recipe import Recipe
from training.train.card import progress_of
from training.train.control import Control, lower_priority
from training.train.lineage import begin_lineage
from training.train.trainer import Intervals, Places, Trainer

_NUM_VALIDATION_BATCHES = 3
_ENCODER_CAPACITY = 65536


def start_or_resume(
    recipe: Recipe,
    corpus_folder: Path,
    tokenizer_path: Path,
    run: Path,
    start_from: Path | None,
    pause_file: Path | None,
    niceness: int,
    threads: int,
    device: str,
) -> None:
    """Train until the recipe ends or a stop is asked for.

    ``start_from`` is a Hugging Face folder with the weights of a new run. If the folder says how
    far in this corpus its training was, the run begins there in the data. Raises ``TrainingError``
    if the run's checkpoint belongs to another shape, seed, corpus or tokenizer.
    """
    lower_priority(niceness)
    torch.set_num_threads(threads)
    torch.manual_seed(recipe.seed)
    control = Control(pause_file)
    control.watch_signals()
    model = DeepSeek(recipe.model)
    if start_from is not None:
        model.load_state_dict(load_huggingface(start_from, recipe.model))
    corpus = Corpus(corpus_folder)
    lineage = begin_lineage(recipe, corpus_folder, tokenizer_path)
    places = Places(run, tokenizer_path)
    trainer = Trainer(recipe, lineage, model, places, control, Intervals(), torch.device(device))
    if not trainer.resume() and start_from is not None:
        trainer.progress = progress_of(start_from, lineage.corpus)
    maker = sample_maker(recipe, tokenizer_path)
    validation = validation_batches(recipe, corpus, maker)
    batches = batch_maker(recipe, corpus, maker, "train")
    if recipe.compile:
        model.compile_fixed_shapes()
    trainer.run(ahead(batches.batches(trainer.progress.position, recipe.rows)), validation)


def sample_maker(recipe: Recipe, tokenizer_path: Path) -> SampleMaker:
    """Return the maker of samples for a tokenizer. Raises ``TrainingError`` if it lacks FIM."""
    tokenizer = Tokenizer(tokenizer_path)
    encoder = LineEncoder(tokenizer, _ENCODER_CAPACITY)
    return SampleMaker(encoder, fim_template(tokenizer), recipe.samples)


def fim_template(tokenizer: Tokenizer) -> FimTemplate:
    """Return the template of DeepSeek's token names."""

    def token_id(name: str) -> int:
        found = tokenizer.token_id(name)
        if found is None:
            raise TrainingError(f"The tokenizer has no {name}; make it with 'training tokenizer'.")
        return found

    return FimTemplate(
        order="psm",
        bos=token_id("<｜begin▁of▁sentence｜>"),
        eos=token_id("<｜end▁of▁sentence｜>"),
        fim_begin=token_id("<｜fim▁begin｜>"),
        fim_hole=token_id("<｜fim▁hole｜>"),
        fim_end=token_id("<｜fim▁end｜>"),
        snippets="head_of_prefix",
    )


def batch_maker(recipe: Recipe, corpus: Corpus, maker: SampleMaker, use: str) -> BatchMaker:
    """Return the maker of batches over the part of the corpus that serves ``use``."""
    mix = mix_for_use(corpus, recipe.mix, use)
    orders = order_by_source(corpus, use, list(mix), recipe.seed)
    return BatchMaker(corpus, orders, mix, maker, recipe.row_length, recipe.seed)


def validation_batches(recipe: Recipe, corpus: Corpus, maker: SampleMaker) -> list[Batch]:
    """Return a few batches of held-out packages, the same in every run of the recipe."""
    batches = batch_maker(recipe, corpus, maker, "held-out").batches(Position(0, {}), recipe.rows)
    return list(islice(batches, _NUM_VALIDATION_BATCHES))
