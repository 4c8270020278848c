import json

from training.continuity import Resumption, resumptions


def check_resumptions(tmp_path, events, expected):
    lines = [
        json.dumps({"event": event, "step": tokens // 100, "tokens": tokens, "loss": loss})
        for event, tokens, loss in events
    ]
    (tmp_path / "log.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    assert resumptions(tmp_path / "log.jsonl") == expected


def test_a_clean_stop_repeats_nothing(tmp_path):
    events = [("start", 0, None), ("step", 100, 4.0), ("stop", 200, None), ("start", 200, None)]

    check_resumptions(tmp_path, [*events, ("step", 300, 3.5)], [Resumption(200, 0, 4.0, 3.5)])


def test_what_was_learnt_after_the_checkpoint_is_repeated(tmp_path):
    events = [("start", 0, None), ("step", 100, 4.0), ("checkpoint", 100, None), ("step", 200, 3.0)]

    check_resumptions(tmp_path, [*events, ("start", 100, None)], [Resumption(100, 100, 3.5, None)])
