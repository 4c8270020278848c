"""``coder-lsp models --found``: models that other programs keep on this machine."""

import json

import click

from coder_lsp.cli.output import say
from coder_lsp.engine.device.memory import size_text
from coder_lsp.install.found_models import FoundModel, examine, find_candidates, license_of

_NOTHING = (
    "No models were found in the folders of Ollama, LM Studio, llama.cpp and the Hugging Face hub. "
    "'coder-lsp install' shows what can be downloaded."
)


def show_found_models(*, as_json: bool) -> None:
    """Print each model, and what 'coder-lsp install' would make of it."""
    found = (examine(candidate) for candidate in find_candidates())
    if as_json:
        click.echo(json.dumps([_as_json(model) for model in found], indent=2))
        return
    num_found = 0
    for num_found, model in enumerate(found, 1):  # noqa: B007 (the last number is used)
        say(_as_text(model))
    if not num_found:
        say(_NOTHING)


def _as_text(found: FoundModel) -> str:
    candidate, inspection = found.candidate, found.inspection
    lines = [
        f"{candidate.name} ({candidate.where})",
        f"  size       {size_text(candidate.size)}",
        f"  licence    {license_of(found)}",
    ]
    if found.becomes is not None and inspection is not None:
        lines += [
            f"  becomes    {found.becomes}, about {size_text(found.installed_bytes or 0)}",
            f"  install    coder-lsp install {_quoted(candidate.source)}",
        ]
        if inspection.is_instruct:
            lines.append("  note       an instruct model; a base model completes better")
    if found.problem is not None:
        lines.append(f"  unusable   {found.problem}")
    return "\n".join(lines) + "\n"


def _quoted(source: str) -> str:
    return f'"{source}"' if " " in source else source


def _as_json(found: FoundModel) -> dict[str, object]:
    """Return the same keys for every model; what is not known is null."""
    candidate, inspection = found.candidate, found.inspection
    return {
        "where": candidate.where,
        "name": candidate.name,
        "source": candidate.source or None,
        "path": candidate.path and str(candidate.path),
        "size_bytes": candidate.size,
        "license": license_of(found),
        "becomes": found.becomes,
        "precision": inspection and inspection.default_precision,
        "installed_bytes": found.installed_bytes,
        "num_parameters": inspection and inspection.num_parameters,
        "context_length": inspection and inspection.context_length,
        "has_fim": inspection and inspection.has_fim,
        "is_instruct": inspection and inspection.is_instruct,
        "problem": found.problem,
    }
