"""Read the source files and the declared licence out of fetched archives, without unpacking them.

Wheels and npm tarballs are read in memory; Debian's archives go through ``dpkg-deb`` and ``tar``
into a temporary folder, because their tarballs come in several compressions.
"""

import email.parser
import json
import re
import subprocess
import sysconfig
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from training.corpus.licence import UNKNOWN, Licence, classify, classify_text
from training.corpus.package import Package
from training.corpus.quality import Candidate
from training.errors import TrainingError

_LANGUAGES = {
    ".py": "python",
    ".ts": "typescript",
    ".tsx": "typescript",
    ".mts": "typescript",
    ".cts": "typescript",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".jsx": "javascript",
    ".go": "go",
    ".rs": "rust",
    ".c": "c",
    ".h": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".cxx": "cpp",
    ".hpp": "cpp",
    ".java": "java",
}
_MANY_TYPESCRIPT_FILES = 20
WHOLE_STANDARD_LIBRARY = "cpython-stdlib"
_NOT_STANDARD = frozenset({"site-packages", "test", "idlelib", "lib2to3", "pydoc_data"})


def read_package(package: Package, folder: Path) -> tuple[Licence, list[Candidate]]:
    """Return the licence the package declares and its files in the package's languages.

    Files that are not UTF-8 are left out. Raises ``TrainingError`` if no archive is found.
    """
    match package.registry:
        case "pypi":
            with zipfile.ZipFile(_only(folder, "*.whl")) as wheel:
                return _wheel_licence(wheel), list(_wheel_files(package, wheel))
        case "npm":
            with tarfile.open(_only(folder, "*.tgz")) as tarball:
                return _read_npm(package, tarball)
        case "stdlib":
            return Licence("PSF-2.0", is_permissive=True), list(_standard_library(package.name))
    with tempfile.TemporaryDirectory() as unpacked:
        _unpack_debian(package, folder, Path(unpacked))
        files = list(_tree_files(package, Path(unpacked)))
        return _debian_licence(package, Path(unpacked)), files


def _wheel_files(package: Package, wheel: zipfile.ZipFile) -> Iterator[Candidate]:
    for name in wheel.namelist():
        if ".dist-info/" not in name and name.endswith(".py"):
            candidate = _candidate(package.languages, name, wheel.read(name))
            if candidate:
                yield candidate


def _wheel_licence(wheel: zipfile.ZipFile) -> Licence:
    name = next(n for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    metadata = email.parser.Parser().parsestr(wheel.read(name).decode("utf-8", "replace"))
    expression = metadata.get("License-Expression")
    if expression:
        return classify([expression])
    classifiers = [c for c in metadata.get_all("Classifier", []) if c.startswith("License ::")]
    first_line = (metadata.get("License") or "").strip().partition("\n")[0]
    declared = classify(classifiers or [first_line])
    return declared if declared != UNKNOWN else _licence_file(wheel)


def _licence_file(wheel: zipfile.ZipFile) -> Licence:
    for name in wheel.namelist():
        if ".dist-info/" in name and re.search(r"licen[sc]e|copying", name, re.IGNORECASE):
            return classify_text(wheel.read(name).decode("utf-8", "replace"))
    return UNKNOWN


def _read_npm(package: Package, tarball: tarfile.TarFile) -> tuple[Licence, list[Candidate]]:
    members = {m.name: m for m in tarball.getmembers() if m.isfile()}

    def content(name: str) -> bytes:
        file = tarball.extractfile(members[name])
        return file.read() if file else b""

    described = min((n for n in members if n.endswith("/package.json")), key=lambda n: n.count("/"))
    declared = json.loads(content(described)).get("license") or ""
    licence = classify([declared if isinstance(declared, str) else json.dumps(declared)])
    files = [_candidate(package.languages, n, content(n)) for n in _npm_sources(list(members))]
    return licence, [file for file in files if file]


def _npm_sources(names: list[str]) -> list[str]:
    """Choose what to read: TypeScript, or where there is little of it the JavaScript too."""
    typescript = [n for n in names if re.search(r"(?<!\.d)\.(ts|tsx|mts|cts)$", n)]
    if len(typescript) > _MANY_TYPESCRIPT_FILES:
        return typescript
    source = re.compile(r"^[^/]+/((src|lib|source|Source|packages|modules)/.*|[^/]+)\.[cm]?jsx?$")
    return typescript + [n for n in names if source.search(n)]


def _unpack_debian(package: Package, folder: Path, unpacked: Path) -> None:
    if package.registry == "debian-binary":
        subprocess.run(["dpkg-deb", "-x", _only(folder, "*.deb"), unpacked], check=True)
        return
    tarballs = [p for p in folder.iterdir() if re.search(r"\.tar\.(gz|xz|bz2)$", p.name)]
    if not tarballs:
        raise TrainingError(
            f"{folder} holds no source of {package.name}; empty it and fetch again."
        )
    for tarball in sorted(tarballs):
        subprocess.run(["tar", "-xf", tarball, "-C", unpacked, "--no-same-owner"], check=True)


def _tree_files(package: Package, root: Path) -> Iterator[Candidate]:
    for path in sorted(root.rglob("*")):
        if path.suffix in _LANGUAGES and path.is_file() and not path.is_symlink():
            relative = path.relative_to(root).as_posix()
            short = re.sub(r"^usr/(share/(gocode/src|cargo/registry)|src|lib)/", "", relative)
            candidate = _candidate(package.languages, short, path.read_bytes())
            if candidate:
                yield candidate


def _debian_licence(package: Package, root: Path) -> Licence:
    """Read the licence of ``Files: *`` in debian/copyright; older files have no such line."""
    for path in [*root.glob("usr/share/doc/*/copyright"), *root.glob("debian/copyright")]:
        text = path.read_text("utf-8", "replace")
        found = re.search(r"^Files: ?\*\n(?:.*\n)*?License: ?(.+)$", text, re.MULTILINE)
        if found:
            return classify([found[1]])
    return classify([package.licence])


def _candidate(languages: str, path: str, content: bytes) -> Candidate | None:
    language = _LANGUAGES.get(PurePosixPath(path).suffix)
    wanted = languages.split(",")
    if language == "c" and "c" not in wanted and path.endswith(".h"):
        language = "cpp"
    if language not in wanted:
        return None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return Candidate(path, text.removeprefix("\ufeff").replace("\r\n", "\n"), language)


def _standard_library(name: str) -> Iterator[Candidate]:
    """Yield the running Python's modules, or only those of one package of it."""
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root)
        top = relative.parts[0]
        if top == name or (name == WHOLE_STANDARD_LIBRARY and top not in _NOT_STANDARD):
            candidate = _candidate("python", relative.as_posix(), path.read_bytes())
            if candidate:
                yield candidate


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise TrainingError(f"{folder} holds no {pattern}; empty it and fetch again.")
    return found[-1]
