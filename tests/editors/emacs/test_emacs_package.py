"""The package itself, looked at by Emacs without a terminal: ``emacs -Q``, so without lsp-mode."""

import re
import shutil
import subprocess

import pytest

from coder_lsp import __version__
from tests.editors.emacs.settings_file import PATH, expected_text
from tests.editors.install import programs
from tests.editors.support.guide import CLONE

PACKAGE = CLONE / "editors" / "emacs"
SOURCES = sorted(PACKAGE.glob("*.el"))
CHECKDOC = '(checkdoc-file "{path}")'


def test_the_settings_are_the_servers():
    fresh = "run python -m tests.editors.emacs.settings_file"
    assert PATH.read_text(encoding="utf-8") == expected_text(), fresh


def test_the_package_has_the_servers_version():
    header = re.search(
        r"^;; Version: (.*)$", (PACKAGE / "coder-lsp.el").read_text("utf-8"), re.MULTILINE
    )
    assert header is not None
    assert header[1] == __version__


@pytest.mark.editors
def test_it_compiles_without_warnings(tmp_path):
    for path in SOURCES:
        shutil.copy(path, tmp_path)
    strict = ["--eval", "(setq byte-compile-error-on-warn t)"]
    names = [path.name for path in SOURCES]
    check_emacs("-L", ".", *strict, "-f", "batch-byte-compile", *names, folder=tmp_path)
    assert len(list(tmp_path.glob("*.elc"))) == len(SOURCES)


@pytest.mark.editors
@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_checkdoc_is_content(path):
    output = check_emacs("--eval", "(require 'checkdoc)", "--eval", CHECKDOC.format(path=path))
    assert output == ""


@pytest.mark.editors
def test_its_own_tests_pass():
    tests = CLONE / "tests" / "editors" / "emacs" / "coder-lsp-tests.el"
    check_emacs("-L", PACKAGE, "-l", tests, "-f", "ert-run-tests-batch-and-exit")


def check_emacs(*arguments, folder=PACKAGE):
    """Run Emacs without a terminal; return what it says, and fail if it does."""
    command = [programs.installed("emacs"), "-Q", "--batch", *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stderr.strip()
