"""luacheck from Debian's sid, run by the Lua that comes with it."""

from pathlib import Path

from testing.debian_packages import unpack_packages
from tests.editors.install.debian_program import only, relink, write_launcher
from tests.editors.install.folder import editors_folder


def install() -> Path:
    """Install luacheck unless it is there, and return the program. Raises ``PeerError``."""
    folder = editors_folder() / "luacheck"
    program = folder / "bin" / "luacheck"
    if not program.exists():
        root = unpack_packages(["lua-check"], folder)
        lua = relink(root / "usr" / "bin" / "lua5.1", root, folder / "bin" / "lua5.1")
        modules = root / "usr" / "share" / "lua" / "5.1"
        libraries = only(root, "usr/lib/*/lua/5.1")
        lua_path = f"{modules}/?.lua;{modules}/?/init.lua"
        variables = {"LUA_PATH": lua_path, "LUA_CPATH": f"{libraries}/?.so"}
        write_launcher(program, lua, variables, [root / "usr" / "bin" / "luacheck"])
    return program
