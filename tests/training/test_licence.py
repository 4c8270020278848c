import pytest

from training.corpus.licence import classify, classify_text, has_copyleft_header


def check_licence(statements, name, *, is_permissive):
    found = classify(statements)

    assert (found.name, found.is_permissive) == (name, is_permissive)


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("MIT", "MIT"),
        ("License :: OSI Approved :: MIT License", "MIT"),
        ("License :: OSI Approved :: Apache Software License", "Apache-2.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("BSD-3-Clause", "BSD"),
        ("(MIT OR GPL-3.0-or-later)", "MIT"),
        ("MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        ("BSD-3-Clause AND MIT AND Zlib", "BSD AND MIT AND Zlib"),
        ("Go", "BSD"),
        ("(MIT)", "MIT"),
        ("(MIT AND Zlib)", "MIT AND Zlib"),
        ("GPL-2.0 AND LGPL-2.1 OR MIT", "MIT"),
    ],
)
def test_a_permissive_statement_is_named_and_allowed(statement, name):
    check_licence([statement], name, is_permissive=True)


@pytest.mark.parametrize(
    "statement",
    [
        "GPL-3.0-only",
        "LGPL-2.1",
        "MPL-2.0",
        "CC-BY-NC-4.0",
        "MIT AND GPL-2.0",
        "MIT with Commons Clause",
        "BUSL-1.1",
        "License :: OSI Approved",
        "License :: Other/Proprietary License",
        "see the file",
        "(MIT OR GPL-3.0) AND LGPL-2.1",
        "LGPL-2.1 AND (GPL-3.0-only OR MIT)",
        "(mit or gpl) and mpl",
    ],
)
def test_any_other_statement_is_refused(statement):
    assert not classify([statement]).is_permissive


def test_several_statements_must_all_be_permissive():
    check_licence(["MIT License", "BSD License"], "MIT AND BSD", is_permissive=True)
    assert not classify(["MIT License", "GNU General Public License v3"]).is_permissive


def test_no_statement_is_an_unknown_licence():
    check_licence(["", "  "], "unknown", is_permissive=False)


def test_a_licence_text_is_known_by_its_opening():
    assert classify_text("Permission is hereby granted, free of charge, to any").name == "MIT"
    assert not classify_text("All rights reserved.").is_permissive


def test_a_copyleft_header_is_found_in_a_permissive_package():
    assert has_copyleft_header("/* under the GNU General Public License */\nint x;")
    assert has_copyleft_header("// SPDX-License-Identifier: GPL-2.0\n")
    assert not has_copyleft_header("// SPDX-License-Identifier: MIT\n")
