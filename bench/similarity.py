"""How near a completion is to the text it should have been."""


def is_exact_match(completion: str, expected: str) -> bool:
    """Whether two texts are the same, blanks and line ends at both ends left aside."""
    return completion.strip() == expected.strip()


def edit_similarity(completion: str, expected: str) -> float:
    """Return 1 less edit distance / length of the longer text, both stripped; equal texts: 1."""
    completion, expected = completion.strip(), expected.strip()
    longer = max(len(completion), len(expected))
    return 1.0 if longer == 0 else 1.0 - _edit_distance(completion, expected) / longer


def _edit_distance(first: str, second: str) -> int:
    """Return Levenshtein's distance in characters."""
    row = list(range(len(second) + 1))
    for i, left in enumerate(first, start=1):
        diagonal, row[0] = row[0], i
        for j, right in enumerate(second, start=1):
            cost = diagonal + (left != right)
            diagonal = row[j]
            row[j] = min(cost, row[j] + 1, row[j - 1] + 1)
    return row[len(second)]
