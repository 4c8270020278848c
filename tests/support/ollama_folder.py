"""A folder as Ollama makes it: manifests that name layers by digest, and a blob for each."""

import hashlib
import json
from pathlib import Path

REGISTRY = "registry.ollama.ai"


class OllamaFolder:
    """``$OLLAMA_MODELS`` with the models that a test adds."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(
        self,
        model: str,
        content: bytes,
        *,
        license_text: str | None = "Apache License\nVersion 2.0",
        namespace: str = f"{REGISTRY}/library",
    ) -> Path:
        """Add ``NAME:TAG``; return the path of its blob."""
        name, _, tag = model.partition(":")
        layers = [self._layer("model", content)]
        if license_text is not None:
            layers.append(self._layer("license", license_text.encode()))
        layers.append(self._layer("params", b'{"stop": ["x"]}'))
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": self._layer("config", b"{}"),
            "layers": layers,
        }
        path = self.path / "manifests" / namespace / name / tag
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(manifest))
        return self.path / "blobs" / layers[0]["digest"].replace(":", "-")

    def manifest(self, model: str) -> Path:
        """Return the path of a model's manifest."""
        name, _, tag = model.partition(":")
        return self.path / "manifests" / REGISTRY / "library" / name / tag

    def _layer(self, kind: str, content: bytes) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        blobs = self.path / "blobs"
        blobs.mkdir(parents=True, exist_ok=True)
        (blobs / f"sha256-{digest}").write_bytes(content)
        media_type = f"application/vnd.ollama.image.{kind}"
        if kind == "config":
            media_type = "application/vnd.docker.container.image.v1+json"
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}
