"""The longest common prefix of two token sequences."""

from collections.abc import Sequence

MIN_COPIED_TOKENS = 16
"""A shorter common prefix, BOS for example, is computed again rather than copied or read."""


def num_shared(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the length of the longest common prefix."""
    if type(first) is not type(second):  # slices of a list and a tuple are never equal
        first, second = list(first), list(second)
    # Halving over slices compares in C; a loop over tokens would cost more than a decode step.
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
