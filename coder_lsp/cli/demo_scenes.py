"""What the demonstration types, and where: lines of real files, taken out and typed again."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path, PurePath

from coder_lsp.documents.document import DocumentSnapshot
from coder_lsp.languages import language_of_path


@dataclass(frozen=True, slots=True)
class Scene:
    """``path`` is within the package; ``line``, without its indent, is the line to type.

    Only the first ``num_keystrokes`` of its characters are typed.
    """

    path: str
    line: str
    num_keystrokes: int = 9


SCENES = (
    Scene("documents/document.py", "return self.text[: self.offset]"),
    Scene("generation.py", "return self.num_prompt_tokens - self.num_cached_tokens"),
    Scene("examples/inventory.py", "return self.price * self.quantity"),
    Scene("examples/inventory.py", "for item in items:"),
    Scene("examples/taskQueue.ts", "const next = this.waiting.shift();"),
    Scene("examples/lru.go", "return c.order.Len()"),
)


def open_scene(scene: Scene) -> DocumentSnapshot:
    """Read the scene's file without its line; the cursor is where the line begins."""
    path = Path(str(files("coder_lsp") / scene.path))
    text = path.read_bytes().decode("utf-8")
    offset = text.index(scene.line)
    return DocumentSnapshot(
        uri=path.as_uri(),
        version=1,
        language_id=language_of_path(PurePath(scene.path)).id,
        text=text[:offset] + text[offset + len(scene.line) :],
        offset=offset,
    )
