from training.train.control import Control


def test_training_waits_while_the_pause_file_is_there(tmp_path):
    pause_file = tmp_path / "pause"
    pause_file.touch()
    pauses = []

    def on_pause():
        pauses.append("saved")
        pause_file.unlink()

    assert Control(pause_file).wait_while_paused(on_pause) > 0
    assert pauses == ["saved"]


def test_without_a_pause_file_training_goes_on(tmp_path):
    assert Control(tmp_path / "pause").wait_while_paused(lambda: None) == 0
    assert Control(None).wait_while_paused(lambda: None) == 0


def test_a_stop_ends_the_wait(tmp_path):
    (tmp_path / "pause").touch()
    control = Control(tmp_path / "pause")
    control.is_stop_asked = True

    assert control.wait_while_paused(lambda: None) >= 0
