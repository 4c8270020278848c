"""A bare pygls server that answers each inline completion with the same word; to compare with."""

from lsprotocol import types
from pygls.lsp.server import LanguageServer


def main() -> None:
    """Serve one client over standard input and output."""
    server = LanguageServer("echo", "1")

    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION)
    def inline_completion(
        params: types.InlineCompletionParams,
    ) -> list[types.InlineCompletionItem]:
        del params
        return [types.InlineCompletionItem(insert_text="echo")]

    server.start_io()


if __name__ == "__main__":
    main()
