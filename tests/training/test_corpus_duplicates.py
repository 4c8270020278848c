from training.corpus.duplicates import SeenFiles, fingerprint, sketch

LINES = [f"value_{i} = compute(value_{i - 1}, {i})" for i in range(40)]
TEXT = "\n".join(LINES)


def check_known(second, expected, first=TEXT):
    seen = SeenFiles()
    assert seen.why_known(fingerprint(first), sketch(first)) is None

    assert seen.why_known(fingerprint(second), sketch(second)) == expected


def test_white_space_makes_no_other_file():
    check_known(TEXT.replace("\n", "\n\n").replace(" = ", "="), "duplicate")


def test_a_few_changed_lines_make_a_near_duplicate():
    check_known(TEXT + "\nprint(value_39)\n", "near duplicate")


def test_half_another_file_is_another_file():
    check_known("\n".join(LINES[:20] + [f"print({i})" for i in range(40)]), None)


def test_short_files_are_compared_exactly_only():
    check_known("a = 1\nb = 3", None, first="a = 1\nb = 2")
