"""The top of a Hugging Face model card."""

from pathlib import Path

from onnx_export.origin import UNKNOWN


def license_of(readme: Path) -> str:
    """Return the licence that a card names between its first two lines of dashes."""
    if not readme.is_file():
        return UNKNOWN
    lines = readme.read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines or lines[0].strip() != "---":
        return UNKNOWN
    fields = dict[str, str]()
    for line in lines[1:]:
        if line.strip() == "---":
            break
        key, _, value = line.partition(":")
        fields[key.strip()] = value.strip().strip("\"'")
    # Cards with a licence of their own say "license: other" and name it in license_name.
    return fields.get("license_name") or fields.get("license") or UNKNOWN
