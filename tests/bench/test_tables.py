import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.errors import BenchError
from bench.result_file import command_line, write_result
from bench.tables import command as tables_command
from bench.tables.decode import decode_ratio_table, decode_table
from bench.tables.exactness import exactness_table
from bench.tables.infilling import infilling_table
from bench.tables.keystrokes import keystrokes_table
from bench.tables.markdown import Table, names_of_tables, with_tables
from bench.tables.order import order_table
from bench.tables.published import (
    DOCUMENTS,
    PUBLISHED,
    RESULTS,
    ROOT,
    PublishedTable,
    published_table,
)
from bench.tables.rounding import rounding_table

DOCUMENT = "before\n\n<!-- table pets: written by hand -->\nold\n<!-- end of table -->\n\nafter\n"
PETS = Table(("pet", "legs"), [("dog", "4"), ("hen", "2")])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_table_of_a_document_is_the_one_its_results_give(name):
    document = (ROOT / name).read_text(encoding="utf-8")

    assert with_tables(document, published_table) == document, "run: python -m bench tables"


def test_each_result_that_is_kept_is_published_and_each_published_table_is_in_a_document():
    kept = {path.name for path in RESULTS.glob("*.json")}
    shown = {
        name
        for document in DOCUMENTS
        for name in names_of_tables((ROOT / document).read_text(encoding="utf-8"))
    }

    assert kept == {name for table in PUBLISHED.values() for name in table.results}
    assert shown == set(PUBLISHED)


def test_each_result_that_is_kept_says_how_it_was_measured():
    for path in RESULTS.glob("*.json"):
        measured = json.loads(path.read_text(encoding="utf-8"))["measured"]
        assert measured["command"].startswith("python -m bench "), path.name
        assert measured["commit"], path.name


def test_a_table_is_written_between_its_markers_and_writing_it_again_changes_nothing():
    written = with_tables(DOCUMENT, lambda _: PETS)

    assert written == (
        "before\n\n<!-- table pets: written by hand -->\n\n"
        "| pet | legs |\n| --- | --- |\n| dog | 4 |\n| hen | 2 |\n\n"
        "<!-- end of table -->\n\nafter\n"
    )
    assert with_tables(written, lambda _: PETS) == written


def test_a_document_may_have_several_tables():
    twice = DOCUMENT + DOCUMENT.replace("pets", "more-pets")

    assert names_of_tables(twice) == ["pets", "more-pets"]
    assert with_tables(twice, lambda _: PETS).count("| dog | 4 |") == 2


@pytest.mark.parametrize(
    "document",
    [
        DOCUMENT.replace("<!-- end of table -->", ""),
        DOCUMENT.replace("<!-- end of table -->", "") + DOCUMENT.replace("pets", "more-pets"),
    ],
)
def test_a_marker_without_an_end_is_reported_by_its_name(document):
    with pytest.raises(BenchError, match=r"The table pets has no end"):
        with_tables(document, lambda _: PETS)


def test_a_row_with_a_cell_too_few_is_refused():
    with pytest.raises(BenchError, match=r"2 columns got a row of 1 cells"):
        Table(("a", "b"), [("1",)]).as_markdown()


def test_an_unknown_table_is_reported_with_the_known_ones():
    with pytest.raises(BenchError, match=r"No table is called 'nothing'; there are: "):
        published_table("nothing")


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"rows": 3}', '{"rows": [{}]}'])
def test_a_result_that_is_missing_or_damaged_is_named(content, tmp_path):
    if content is not None:
        (tmp_path / "rounding.json").write_text(content, encoding="utf-8")

    with pytest.raises(BenchError, match=r"rounding\.json"):
        PublishedTable(("rounding.json",), rounding_table).read(tmp_path)


@pytest.fixture
def document(tmp_path, monkeypatch):
    path = tmp_path / "DOCUMENT.md"
    path.write_text(DOCUMENT, encoding="utf-8")
    monkeypatch.setattr(tables_command, "ROOT", tmp_path)
    monkeypatch.setattr(tables_command, "DOCUMENTS", (path.name,))
    monkeypatch.setattr(tables_command, "published_table", lambda _: PETS)
    return path


def test_check_fails_while_a_document_differs_and_passes_once_it_is_written(document):
    before = document.read_text(encoding="utf-8")

    refused = CliRunner().invoke(tables_command.command, ["--check"])
    assert isinstance(refused.exception, BenchError)
    assert "run python -m bench tables" in str(refused.exception)
    assert document.read_text(encoding="utf-8") == before

    assert CliRunner().invoke(tables_command.command).exit_code == 0
    assert "| hen | 2 |" in document.read_text(encoding="utf-8")
    assert CliRunner().invoke(tables_command.command, ["--check"]).exit_code == 0


def test_a_result_names_the_command_the_commit_and_the_machine(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["bench", "rounding", "set.jsonl.gz", "--json", "out.json"])

    write_result(tmp_path / "new" / "out.json", {"rows": []})

    found = json.loads((tmp_path / "new" / "out.json").read_text(encoding="utf-8"))
    assert found["rows"] == []
    assert found["measured"]["command"] == "python -m bench rounding set.jsonl.gz --json out.json"
    assert {"commit", "date", "system", "processors", "load", "python"} <= set(found["measured"])


@pytest.mark.parametrize("shape", ["{}", "--model={}"])
@pytest.mark.parametrize("folder", [Path("..") / "elsewhere", Path.cwd().parent])
def test_a_result_keeps_no_folder_of_the_machine(shape, folder):
    argument = shape.format(folder / "model")

    assert command_line([argument]) == f"python -m bench {shape.format('model')}"
    assert command_line(["bench/results/a.json"]).endswith("bench/results/a.json")


def row_of(table):
    (row,) = table.rows
    return list(row)


def test_rounding_shows_bits_divergence_and_perplexity_of_each_recipe():
    row = {
        "recipe": "plain",
        "bits_per_weight": 4.53,
        "kl_nats_per_1000": 16.31,
        "standard_error": 0.412,
        "perplexity_ratio": 1.0091,
        "other_best_token_share": 0.042,
    }
    expected = ["plain", "4.53", "16.3 ± 0.41", "+0.91 %", "4.2 %"]

    assert row_of(rounding_table({"rows": [row]})) == expected


def test_infilling_shows_a_row_for_each_run():
    run = {
        "model": "coder",
        "precision": "int4",
        "dataset": "HumanEval-SingleLineInfilling",
        "tasks": 1033,
        "set_size": 1033,
        "pass_at_1": 0.0764,
        "exact_match": 0.05,
        "edit_similarity": 0.5,
    }
    table = infilling_table({**run, "way": "product"}, {**run, "way": "first_line"})

    assert [row[2] for row in table.rows] == [
        "as the server completes",
        "the raw model, first line only",
    ]
    assert list(table.rows[0][3:]) == ["1,033", "7.6 %", "5.0 %", "50.0 %"]


def test_infilling_says_of_how_many_tasks_a_part_was_measured_and_names_a_precision_once():
    run = {
        "model": "coder-int4",
        "precision": "int4",
        "dataset": "HumanEval-SingleLineInfilling",
        "way": "product",
        "tasks": 400,
        "set_size": 1033,
        "pass_at_1": 0.5,
        "exact_match": 0.5,
        "edit_similarity": 0.5,
    }

    assert row_of(infilling_table(run))[:4] == [
        "coder, int4", "single line", "as the server completes", "400 of 1,033",
    ]  # fmt: skip


def test_the_order_shows_the_product_beside_the_better_psm():
    def figures(order, exact_match):
        return {"order": order, "nats_per_byte": 0.1624, "exact_match": exact_match}

    def comparison(order, baseline, value):
        match = {"value": value, "low": value - 0.1, "high": value + 0.1}
        return {"order": order, "baseline": baseline, "exact_match": match}

    row = {
        "kind": "anchor 4 above",
        "cases": 300,
        "orders": [figures(o, 0.5) for o in ("anchored", "product", "psm", "psm_healed", "spm")],
        "comparisons": [
            comparison("anchored", "psm", -0.5),
            comparison("product", "psm", 0.2),
            comparison("product", "psm_healed", 0.05),
        ],
    }
    expected = ["anchor 4 above", "300", *["0.162 (50.0 %)"] * 4, "+5.0 [-5.0, +15.0]"]

    assert row_of(order_table({"rows": [row, {**row, "kind": "all, elsewhere"}]})) == expected


TOKENS = {"median": 0, "p95": 1, "mean": 0.34}
SIDE = {
    "new_tokens": TOKENS,
    "typing": {"new_tokens": TOKENS},
    "ttft_ms": {"median": 4.71, "p95": 6.52},
}


def test_keystrokes_shows_ours_plain_psm_and_each_peer():
    result = {**SIDE, "naive_psm": {"new_tokens": TOKENS}, "peers": [{"name": "spm", **SIDE}]}
    table = keystrokes_table(result)

    assert [row[0] for row in table.rows] == [
        "coder-lsp",
        "naive PSM, counted",
        "llama-server, spm",
    ]
    assert list(table.rows[0][1:]) == ["0 / 1 / 0.34", "0 / 1 / 0.34", "4.71 / 6.52"]


DECODE = {
    "prefill": [
        {"past": 512, "new_tokens": 16, "milliseconds": 20.0, "tokens_per_second": 800.0},
        {"past": 512, "new_tokens": 256, "milliseconds": 200.0, "tokens_per_second": 1280.0},
    ],
    "decode": [{"past": 512, "milliseconds": 61.94, "tokens_per_second": 16.1}],
}
RATIOS = [{"past": 512, "new_tokens": n, "whole": 1.5} for n in (16, 256, "decode")]
LAYER = {"layer_ms": 1.88, "peer_layer_ms": 1.95, "layer": 1.04}


def test_decode_shows_a_token_and_the_widest_prefill():
    assert row_of(decode_table(DECODE)) == ["512", "61.9 ms", "1,280"]


def test_decode_ratios_show_layers_where_they_were_measured():
    table = decode_ratio_table({**DECODE, "peer": DECODE, "ratio": RATIOS})
    assert list(table.rows[-1]) == ["512", "decode, a token", "61.9", "61.9", "1.50"]

    by_layer = [{**row, **LAYER} for row in RATIOS]
    table = decode_ratio_table({**DECODE, "peer": DECODE, "ratio": by_layer})
    assert list(table.rows[0][-3:]) == ["1.88", "1.95", "1.04"]
    assert table.as_markdown()


def test_exactness_shows_the_model_and_the_tiny_ones():
    figures = {
        "prompts": 200,
        "tokens": 6000,
        "greedy_mismatches": 0,
        "near_ties": 1,
        "max_abs_logit_error": 0.000031,
        "after_rewind_max_abs_error": 0.00002,
    }
    result = {**figures, "model": "mini", "tiny_with_yarn": figures, "tiny_llama": figures}
    table = exactness_table(result)

    assert len(table.rows) == 3
    assert len(exactness_table({**result, "tiny_qwen2": figures}).rows) == 4
    assert list(table.rows[0]) == ["mini", "200", "6,000", "0", "1", "3.1e-05", "2.0e-05"]
