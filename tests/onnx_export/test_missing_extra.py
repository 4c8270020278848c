import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("library", ["ml_dtypes", "onnx_ir", "safetensors"])
def test_a_missing_library_is_named_with_the_extra_that_brings_it(tmp_path, library):
    source = f"raise ModuleNotFoundError('none', name={library!r})\n"
    (tmp_path / f"{library}.py").write_text(source)
    result = subprocess.run(
        [sys.executable, "-m", "onnx_export", "--help"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (result.returncode, result.stdout) == (1, "")
    assert library in result.stderr
    assert 'pip install "coder-lsp[export]"' in result.stderr
    assert "Traceback" not in result.stderr
