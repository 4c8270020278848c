"""``python -m onnx_export``, and the command ``coder-lsp-export``."""

import sys


def main() -> None:
    """Run the command line; if a library is missing, say which extra to install."""
    try:
        from onnx_export import cli  # noqa: PLC0415 (its absence must be explained)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.startswith("onnx_export"):
            raise
        sys.exit(
            f"The exporter needs {exc.name}, which is not installed. Install it with\n"
            '    pip install "coder-lsp[export]"'
        )
    cli.main()


if __name__ == "__main__":
    main()
