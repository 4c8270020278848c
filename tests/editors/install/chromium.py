"""Chromium without a window, to show code-server: the machine's own, else Debian's."""

import shutil
from pathlib import Path

from testing.debian_packages import unpack_packages
from tests.editors.install.debian_program import only, relink, write_launcher
from tests.editors.install.folder import editors_folder

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_PACKAGES = ("chromium-headless-shell", "fonts-dejavu-core")
_FONTS = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""


def install() -> Path:
    """Install Chromium unless it is there, and return the program. Raises ``PeerError``."""
    for name in _NAMES:
        if found := shutil.which(name):
            return Path(found)
    folder = editors_folder() / "chromium"
    program = folder / "bin" / "chromium-headless-shell"
    if not program.exists():
        _make_runnable(unpack_packages(_PACKAGES, folder), folder, program)
    return program


def _make_runnable(root: Path, folder: Path, program: Path) -> None:
    original = only(root, "usr/lib/chromium*/*headless*shell")
    # It finds its resources beside itself, and starts itself again by its own path.
    binary = relink(original, root, original.with_name("relinked"))
    fonts = folder / "fonts.conf"
    places = {"fonts": root / "usr" / "share" / "fonts", "cache": folder / "font-cache"}
    fonts.write_text(_FONTS.format(**places), encoding="utf-8")
    # Libraries that name a folder of the real /usr look for their private half there alone.
    private = only(root, "usr/lib/*/pulseaudio/libpulsecommon-*.so").parent
    environment = {"FONTCONFIG_FILE": str(fonts), "LD_LIBRARY_PATH": str(private)}
    write_launcher(program, binary, environment)
