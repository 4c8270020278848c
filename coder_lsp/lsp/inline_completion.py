"""``textDocument/inlineCompletion``."""

from lsprotocol import types

from coder_lsp.lsp import to_lsp
from coder_lsp.lsp.language_server import CoderServer
from coder_lsp.lsp.offer import make_offers


async def inline_completion(
    ls: CoderServer, params: types.InlineCompletionParams
) -> types.InlineCompletionList | list[types.InlineCompletionItem]:
    """Complete at the cursor."""
    ls.session.completes_inline = True
    kind = params.context.trigger_kind
    offers = await make_offers(
        ls,
        params.text_document.uri,
        params.position,
        "inline",
        is_explicit=kind is types.InlineCompletionTriggerKind.Invoked,
        selected=params.context.selected_completion_info,
    )
    return to_lsp.inline_completion_list(offers)
