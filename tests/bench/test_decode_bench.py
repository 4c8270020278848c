"""``bench decode``: its report has what others read, and its ratios are those of the rounds."""

import json

import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.decode.rounds import DECODING, Plan, Readings, measure_rounds
from bench.decode.subject import NUM_DECODED

KEYS = {
    "model",
    "precision",
    "provider",
    "threads",
    "prefill",
    "decode",
    "milliseconds_per_layer",
    "milliseconds_lm_head",
    "bits_per_weight",
    "peak_rss_bytes",
    "peer",
}


def test_the_report_on_a_tiny_model(tiny_folder, tmp_path):
    out = tmp_path / "decode.json"
    arguments = ["decode", "--model", str(tiny_folder), "--rounds", "2", "--json", str(out)]
    arguments += ["--past", "70", "--past", "96", "--new-tokens", "4"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    report = json.loads(out.read_text(encoding="utf-8"))

    assert report.keys() >= KEYS
    assert [(row["past"], row["new_tokens"]) for row in report["prefill"]] == [(70, 4), (96, 4)]
    assert [row["past"] for row in report["decode"]] == [70, 96]
    assert report["peer"] is report["milliseconds_per_layer"] is None
    assert report["bits_per_weight"] == pytest.approx(32, rel=0.05)
    assert report["peak_rss_bytes"] > 1 << 20


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "--model or --full-size"),
        (["--model", "x", "--full-size"], "--model or --full-size"),
        (["--full-size", "--layers", "2"], "more than 2"),
        (["--model", "x", "--layers", "3"], "goes with --full-size"),
        (["--model", "x", "--peer", "llama-server"], "needs --peer-model"),
    ],
)
def test_refused_options(arguments, expected, tmp_path):
    result = CliRunner().invoke(main, ["decode", "--json", str(tmp_path / "out"), *arguments])

    assert result.exit_code == 2
    assert expected in result.output


class Recorder:
    """A side whose times are told beforehand: this is about the order of the rounds."""

    def __init__(self, name, log):
        self.name, self.log, self.past, self.streams = name, log, 0, []

    def set_past(self, num_tokens):
        assert num_tokens > self.past
        self.past = num_tokens

    def prefill_ms(self, token_ids):
        self.log.append((self.name, self.past, len(token_ids)))
        return float(len(token_ids))

    def decode_ms(self, token_ids):
        assert len(token_ids) == NUM_DECODED
        self.streams.append(tuple(token_ids))
        self.log.append((self.name, self.past, DECODING))
        return 1.0


def test_every_side_has_its_turn_in_every_round():
    log = []
    sides = {name: Recorder(name, log) for name in ("a", "b")}
    readings = measure_rounds(sides, Plan((20, 10), (3,), 2), 100, lambda _: None)
    warm_up = [(name, 10, w) for name in ("a", "b") for w in (1, DECODING)]
    rounds = [(name, 10, w) for name in ("a", "b", "b", "a") for w in (3, DECODING)]

    assert log[: len(log) // 2] == warm_up + rounds
    assert readings.ms["b"] == {
        (past, width): [float(width or 1)] * 2 for past in (10, 20) for width in (3, DECODING)
    }


def test_all_sides_decode_the_same_random_tokens_and_each_round_others():
    sides = {name: Recorder(name, []) for name in ("a", "b")}
    measure_rounds(sides, Plan((10,), (3,), 5), 1000, lambda _: None)
    streams = {name: side.streams[1:] for name, side in sides.items()}  # after the warm-up

    assert streams["a"] == streams["b"]
    assert len(set(streams["a"])) == 5
    assert all(len(set(stream)) > 1 for stream in streams["a"])


def test_ratios_are_medians_of_rounds():
    ms = {"ours": [1.0, 10.0, 2.0], "peer": [2.0, 10.0, 8.0], "small": [0.5, 4.0, 1.0]}
    readings = Readings({side: {(8, 1): values} for side, values in ms.items()})

    assert readings.ratio("ours", "peer", (8, 1)) == 2.0
    assert readings.median("ours", (8, 1)) == 2.0
    assert readings.difference("ours", "small", (8, 1)) == [0.5, 6.0, 1.0]


def test_a_long_context_on_a_tiny_model(tiny_folder, tmp_path):
    out = tmp_path / "long.json"
    arguments = ["long-context", "--model", str(tiny_folder), "--json", str(out)]
    result = CliRunner().invoke(main, [*arguments, "--tokens", "96", "--every", "48"])
    assert result.exit_code == 0, result.output
    report = json.loads(out.read_text(encoding="utf-8"))

    assert [step["past"] for step in report["steps"]] == [48, 96]
    assert report["cache_bytes"] == 256 * report["manifest_bytes_per_token"]


def test_a_context_longer_than_the_model_takes_is_refused(tiny_folder, tmp_path):
    arguments = ["long-context", "--model", str(tiny_folder), "--json", str(tmp_path / "out")]
    result = CliRunner().invoke(main, [*arguments, "--tokens", "9999999"])

    assert result.exit_code == 1
    assert "9999999" in result.output
