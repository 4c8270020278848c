"""Find files that are in the corpus already, exactly or nearly.

A file is the set of its pairs of neighbouring lines, blanks aside; two files are near duplicates
when those sets overlap by about 70 %. MinHash estimates the overlap without comparing all pairs.
"""

import hashlib
import zlib
from itertools import pairwise

import datasketch

NUM_PERMUTATIONS = 64
_THRESHOLD = 0.7
_MIN_PAIRS = 8


def fingerprint(text: str) -> bytes:
    """Return a hash that is equal for files which differ in white space only."""
    return hashlib.sha256("".join(text.split()).encode()).digest()


def sketch(text: str) -> datasketch.LeanMinHash | None:
    """Return the file's MinHash, or None where it is too short to be compared."""
    lines = ["".join(line.split()) for line in text.split("\n")]
    lines = [line for line in lines if len(line) > 1]
    pairs = {zlib.crc32(f"{a}\n{b}".encode()) for a, b in pairwise(lines)}
    if len(pairs) < _MIN_PAIRS:
        return None
    minhash = datasketch.MinHash(num_perm=NUM_PERMUTATIONS, hashfunc=_identity)
    minhash.update_batch(sorted(pairs))
    return datasketch.LeanMinHash(minhash)


class SeenFiles:
    """All files that joined the corpus so far."""

    def __init__(self) -> None:
        self._fingerprints: set[bytes] = set()
        self._sketches = datasketch.MinHashLSH(threshold=_THRESHOLD, num_perm=NUM_PERMUTATIONS)

    def why_known(self, digest: bytes, minhash: datasketch.LeanMinHash | None) -> str | None:
        """Return how the corpus knows the file already, or None and remember it."""
        if digest in self._fingerprints:
            return "duplicate"
        if minhash is not None:
            if self._sketches.query(minhash):
                return "near duplicate"
            self._sketches.insert(digest, minhash)
        self._fingerprints.add(digest)
        return None


def _identity(value: int) -> int:
    return value
