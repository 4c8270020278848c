"""The suffix-first order (SPM), which the product does not use: the model was not trained on it."""

from collections.abc import Sequence

from coder_lsp.model_folder import FimTemplate


def arrange_suffix_first(
    template: FimTemplate, prefix_ids: Sequence[int], suffix_ids: Sequence[int]
) -> list[int]:
    """Return the prompt's token ids as llama-server has them with ``--spm-infill``.

    BOS, then each part behind its own token, the suffix first: ``fim_hole SUFFIX fim_begin PREFIX
    fim_end``. That is llama.cpp's ``format_infill`` (tools/server): the two marked parts of PSM
    change places, and what was typed last stands at the end of PREFIX.
    """
    suffix = [template.fim_hole, *suffix_ids]
    prefix = [template.fim_begin, *prefix_ids]
    return [template.bos, *suffix, *prefix, template.fim_end]
