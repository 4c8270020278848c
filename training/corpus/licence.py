"""Decide from a package's own metadata whether its licence is permissive.

Anything that is not on the allow-list is refused, so an unknown licence is a refused one. This is
no legal opinion: it reads what the package's authors declared.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ALLOWED = (
    ("Apache-2.0", r"apache[- ]?(software )?(licen[cs]e)?,?[- ]*(version )?2|^apache|asl 2"),
    ("MIT", r"\bmit\b|\bmit-0\b|\bexpat\b"),
    ("HPND", r"\bmit-cmu\b|\bhpnd\b"),
    ("BSD", r"^go$|\bbsd\b|\bbsd-[23]-clause\b|\b0bsd\b|\bbsd[23]\b"),
    ("ISC", r"\bisc\b"),
    ("PSF-2.0", r"python software foundation|\bpsf\b|\bpsf-2|python-2\.0"),
    ("Unlicense", r"\bunlicen[sc]e|public[ -]domain"),
    ("Zlib", r"\bzlib\b"),
    ("CC0-1.0", r"\bcc0"),
    ("ZPL-2.1", r"\bzpl|zope public"),
    ("BlueOak-1.0.0", r"\bblueoak"),
    ("PostgreSQL", r"\bpostgresql\b"),
    ("curl", r"^curl$"),
)
_REFUSED = re.compile(
    r"gpl|affero|\bmpl\b|mozilla|\beupl\b|\bepl\b|eclipse|\bcddl\b|sspl|busl|business source"
    r"|elastic|commons clause|non-?commercial|cc[- ]by|proprietary|ms-?pl|cecill|osl-"
)
_TEXTS = (
    ("MIT", r"permission is hereby granted, free of charge"),
    ("BSD", r"redistribution and use in source and binary forms"),
    ("Apache-2.0", r"apache license\s+version 2"),
)
_COPYLEFT_HEADER = re.compile(
    r"GNU (Lesser |Library |Affero )?General Public License|\bA?L?GPL-?[ v]?[23]"
    r"|Mozilla Public License"
)
_HEADER_LENGTH = 3000
_CLASSIFIER = re.compile(r"^license :: (osi approved :: )?")


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence's short name and whether the corpus may use it."""

    name: str
    is_permissive: bool


UNKNOWN = Licence("unknown", is_permissive=False)


def classify(statements: Sequence[str]) -> Licence:
    """Classify what a package declares; several statements must all be permissive."""
    found = [_classify_one(s) for s in statements if s.strip()]
    if not found:
        return UNKNOWN
    name = " AND ".join(dict.fromkeys(licence.name for licence in found))
    return Licence(name, is_permissive=all(licence.is_permissive for licence in found))


def classify_text(text: str) -> Licence:
    """Classify the text of a licence file, for packages that declare nothing else."""
    opening = text[:1500].lower()
    for name, pattern in _TEXTS:
        if re.search(pattern, opening):
            return Licence(name, is_permissive=True)
    return UNKNOWN


def has_copyleft_header(text: str) -> bool:
    """Say whether a file puts itself under a copyleft licence of its own."""
    return _COPYLEFT_HEADER.search(text[:_HEADER_LENGTH]) is not None


def _classify_one(statement: str) -> Licence:
    """Classify one statement: the best arm of ``A OR B``, the worst of ``A AND B``.

    Parentheses may say that ``OR`` binds more tightly than ``AND``. Such a statement is refused.
    """
    is_nested = "(" in statement and all(
        re.search(rf"\b{word}\b", statement, re.IGNORECASE) for word in ("and", "or")
    )
    if is_nested:
        return Licence(statement[:60], is_permissive=False)
    text = _CLASSIFIER.sub("", " ".join(re.sub(r"[()]", " ", statement.lower()).split()))
    arms = [_classify_arm(arm) for arm in re.split(r" or | / ", text)]
    permissive = [arm for arm in arms if arm.is_permissive]
    if not permissive:
        return arms[0]
    name = " OR ".join(dict.fromkeys(arm.name for arm in permissive))
    return Licence(name, is_permissive=True)


def _classify_arm(text: str) -> Licence:
    if _REFUSED.search(text):
        return Licence(text[:60], is_permissive=False)
    parts = [_name_of(part) for part in text.split(" and ")]
    if all(parts):
        return Licence(" AND ".join(dict.fromkeys(p for p in parts if p)), is_permissive=True)
    return Licence(text[:60], is_permissive=False)


def _name_of(text: str) -> str | None:
    return next((name for name, pattern in _ALLOWED if re.search(pattern, text)), None)
