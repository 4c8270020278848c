"""From LSP's positions and texts to ours."""

from lsprotocol import types

from coder_lsp.documents.open_document import OpenDocument
from coder_lsp.lsp import from_lsp
from coder_lsp.models.installed_models import embedded_model_path
from coder_lsp.tokenizer import Tokenizer


def selected_in(text, start, end, selected):
    document = OpenDocument("file:///a.py", 1, "python", text)
    place = types.Range(types.Position(0, start), types.Position(0, end))
    info = types.SelectedCompletionInfo(range=place, text=selected)
    return from_lsp.with_selected(document, info, "utf-16")


def test_half_a_character_in_a_selected_entry_can_be_encoded():
    snapshot, ahead = selected_in("x = pr", 4, 6, "pr\ud800int")

    assert (snapshot.text, snapshot.offset, ahead) == ("x = pr\ufffdint", 10, "\ufffdint")
    assert Tokenizer(embedded_model_path() / "tokenizer.json").encode(snapshot.text)


def test_a_selected_entry_is_taken_as_typed():
    snapshot, ahead = selected_in("x = pr\n", 4, 6, "print")

    assert (snapshot.text, snapshot.offset, ahead) == ("x = print\n", 9, "int")
