import os

import pytest

from onnx_export.processors import num_processors


@pytest.fixture(autouse=True)
def eight_processors(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("200000 100000", 2), ("150000 100000", 2), ("10000 100000", 1), ("max 100000", 8), ("", 8)],
)
def test_a_containers_share_counts(tmp_path, quota, expected):
    (tmp_path / "cpu.max").write_text(quota + "\n")

    assert num_processors(tmp_path) == expected


@pytest.mark.parametrize(("quota", "expected"), [("300000", 3), ("-1", 8), ("9000000", 8)])
def test_an_older_containers_share_counts(tmp_path, quota, expected):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")

    assert num_processors(tmp_path) == expected


def test_without_a_container_the_processors_that_are_allowed_count(tmp_path):
    assert num_processors(tmp_path) == 8
