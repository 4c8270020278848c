"""Emacs from Debian's sid, with lsp-mode 10 and its dependencies as Debian packages them.

What Debian's maintainer scripts would do is done here: the packages are compiled and made known to
Emacs. ``emacs -Q`` leaves lsp-mode out.
"""

import subprocess
from pathlib import Path

from testing.debian_packages import unpack_packages
from testing.errors import InstallationError
from tests.editors.install.debian_program import only, relink, write_launcher
from tests.editors.install.folder import editors_folder

_PACKAGES = "usr/share/emacs/site-lisp/elpa-src"


def install() -> Path:
    """Install Emacs unless it is there, and return the program. Raises ``InstallationError``."""
    folder = editors_folder() / "emacs"
    program = folder / "bin" / "emacs"
    if not program.exists():
        root = unpack_packages(["emacs-nox", "elpa-lsp-mode"], folder)
        fresh = _write_fresh_launcher(root, folder)
        _compile_packages(root, fresh)
        fresh.replace(program)
    return program


def _write_fresh_launcher(root: Path, folder: Path) -> Path:
    """Write what starts Emacs, under a name that tells that its packages are not compiled yet."""
    share = only(root, "usr/share/emacs/[0-9]*")
    dump = only(root, "usr/libexec/emacs/*/*/emacs*.pdmp")
    binary = relink(root / "usr" / "bin" / "emacs-nox", root, folder / "bin" / "emacs.real")
    # Emacs looks for its preloaded and its native code beside the program.
    _link(folder / "bin" / "emacs.real.pdmp", dump)
    _link(folder / "native-lisp", only(root, "usr/lib/emacs/*/native-lisp"))
    lisp = share / "lisp"
    load_path = [_write_site_folder(root, folder), lisp, *lisp.glob("*/"), *lisp.glob("*/*/")]
    environment = {
        "EMACSDATA": str(share / "etc"),
        "EMACSDOC": str(share / "etc"),
        "EMACSPATH": str(dump.parent),
        "EMACSLOADPATH": ":".join(map(str, load_path)),
    }
    return write_launcher(folder / "bin" / "emacs.new", binary, environment)


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)


def _write_site_folder(root: Path, folder: Path) -> Path:
    """Write the site's start-up file, which makes Debian's packages known."""
    site = folder / "site-lisp"
    site.mkdir(exist_ok=True)
    lines = [
        ";;; site-start.el --- Debian's packages  -*- lexical-binding: t; -*-",
        # There is no compiler beside this Emacs.
        "(setq native-comp-jit-compilation nil native-comp-enable-subr-trampolines nil)",
        *(f'(add-to-list \'load-path "{path}")' for path in _packages(root)),
        *(f'(load "{path}" nil t)' for path in sorted(root.glob(f"{_PACKAGES}/*/*-autoloads.el"))),
    ]
    (site / "site-start.el").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return site


def _packages(root: Path) -> list[Path]:
    return sorted(path for path in root.glob(f"{_PACKAGES}/*") if path.is_dir())


def _compile_packages(root: Path, program: Path) -> None:
    """Compile the packages, without which each start takes seconds more."""
    sources = [
        path
        for package in _packages(root)
        for path in sorted(package.glob("*.el"))
        if not path.name.endswith(("-autoloads.el", "-pkg.el"))
    ]
    command = [program, "--batch", "--eval", "(setq byte-compile-warnings nil)"]
    result = subprocess.run(
        [*command, "-f", "batch-byte-compile", *sources],
        capture_output=True,
        text=True,
        check=False,
    )
    # Some files need packages that are not there, and cannot be compiled; lsp-mode's own can.
    if next(root.glob(f"{_PACKAGES}/lsp-mode-*/lsp-mode.elc"), None) is None:
        raise InstallationError(f"lsp-mode cannot be compiled:\n{result.stderr[-2000:]}")
