import json

from click.testing import CliRunner

from bench import ladder
from bench.ladder import Round, medians
from bench.tables.ladder import ladder_table

SPEED = {
    "model": "small", "precision": "int8", "disk_bytes": 723_900_000,
    "peak_memory_bytes": 1_100_000_000,
    "median": {"typing_ms": 21.4, "opening_ms": 480.0, "decode_tokens_per_second": 61.6},
}  # fmt: skip
QUALITY = {"model": "small", "precision": "int8", "pass_at_1": 0.634, "tasks": 361}


def test_the_command_measures_a_model_in_every_respect(tmp_path):
    out = tmp_path / "ladder.json"
    options = ["--rounds", "2", "--threads", "1", "--json", str(out)]
    CliRunner().invoke(ladder.command, options, catch_exceptions=False)
    report = json.loads(out.read_text(encoding="utf-8"))

    assert report["model"] == "mini"
    assert len(report["rounds"]) == 2
    for each in report["rounds"]:
        assert each["typing_ms"] > 0
        assert each["opening_ms"] > 0
        assert each["decode_tokens_per_second"] > 0
        assert 0 < each["window_tokens"] <= report["context_tokens"]
    assert report["peak_memory_bytes"] > report["disk_bytes"] > 0


def test_a_figure_is_the_median_of_its_rounds():
    rounds = [Round(*[value] * 5) for value in (1.0, 9.0, 2.0)]

    assert set(medians(rounds).values()) == {2.0}


def test_a_row_takes_the_quality_of_the_same_model_in_the_same_precision():
    other = {**SPEED, "precision": "int4"}
    table = ladder_table(QUALITY, SPEED, other)

    assert [(row[0], row[3]) for row in table.rows] == [
        ("small, int8", "63.4 % of 361"), ("small, int4", "not measured"),
    ]  # fmt: skip
    assert table.rows[0][1:3] == ("724 MB", "1,100 MB")
    assert table.rows[0][4:] == ("21 ms", "480 ms", "62")
