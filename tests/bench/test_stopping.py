from bench.stopping import engine_figures


def test_a_generation_that_ended_before_it_was_cancelled_is_counted_and_left_out():
    figures = engine_figures("mini", 0.1, {"prefill": [2.0, None, 4.0], "decode": [None, 1.0]})

    assert figures.stops == {"prefill": [2.0, 4.0], "decode": [1.0]}
    assert figures.num_ended_before == 2
