"""What a container leaves, read from files as Linux writes them."""

import os

import psutil
import pytest

from coder_lsp.engine.device import cgroup, runtime
from coder_lsp.engine.device.cgroup import memory_left, processor_quota
from coder_lsp.engine.device.memory import available_memory
from coder_lsp.engine.device.runtime import choose_num_threads, usable_processors

MIB = 1 << 20


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Write control groups: groups(membership, {path: content})."""
    root = tmp_path / "cgroup"
    monkeypatch.setattr(cgroup, "_ROOT", root)
    monkeypatch.setattr(cgroup, "_MEMBERSHIP", tmp_path / "membership")

    def write(membership, files):
        (tmp_path / "membership").write_text(membership)
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content}\n")

    return write


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"memory.max": 100 * MIB, "memory.current": 60 * MIB}, 40 * MIB),
        ("0::/\n", {"memory.max": "max", "memory.current": 60 * MIB}, None),
        ("0::/\n", {"memory.max": 100 * MIB}, 100 * MIB),
        ("0::/\n", {"memory.max": 100 * MIB, "memory.current": 160 * MIB}, 0),
        (
            "0::/\n",
            {
                "memory.max": 100 * MIB,
                "memory.current": 90 * MIB,
                "memory.stat": f"anon 1\ninactive_file {50 * MIB}",
            },
            60 * MIB,
        ),
        # The limit of a group above holds too, and the tightest one counts.
        (
            "0::/user.slice/app.scope\n",
            {
                "user.slice/memory.max": 100 * MIB,
                "user.slice/memory.current": 90 * MIB,
                "user.slice/app.scope/memory.max": 50 * MIB,
                "user.slice/app.scope/memory.current": MIB,
            },
            10 * MIB,
        ),
        # A container that sees its own group as the root, but not its path.
        ("0::/docker/4711\n", {"memory.max": 100 * MIB, "memory.current": MIB}, 99 * MIB),
        (
            "5:cpu,cpuacct:/a\n4:memory:/a\n",
            {
                "memory/a/memory.limit_in_bytes": 100 * MIB,
                "memory/a/memory.usage_in_bytes": 30 * MIB,
            },
            70 * MIB,
        ),
        ("0::/\n", {}, None),
        ("", {"memory.max": MIB}, None),
    ],
)
def test_the_memory_that_is_left(groups, membership, files, expected):
    groups(membership, files)

    assert memory_left() == expected


@pytest.mark.parametrize(
    ("membership", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "200000 100000"}, 2),
        ("0::/\n", {"cpu.max": "250000 100000"}, 2),
        ("0::/\n", {"cpu.max": "50000 100000"}, 1),
        ("0::/\n", {"cpu.max": "max 100000"}, None),
        ("0::/\n", {"cpu.max": "damaged"}, None),
        ("0::/a/b\n", {"a/cpu.max": "100000 100000", "a/b/cpu.max": "400000 100000"}, 1),
        (
            "3:cpuacct,cpu:/a\n",
            {"cpu/a/cpu.cfs_quota_us": 300000, "cpu/a/cpu.cfs_period_us": 100000},
            3,
        ),
        (
            "3:cpu:/a\n",
            {"cpu/a/cpu.cfs_quota_us": -1, "cpu/a/cpu.cfs_period_us": 100000},
            None,
        ),
    ],
)
def test_the_quota_of_processors(groups, membership, files, expected):
    groups(membership, files)

    assert processor_quota() == expected


def test_without_control_groups_there_is_no_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(cgroup, "_MEMBERSHIP", tmp_path / "missing")

    assert memory_left() is None
    assert processor_quota() is None


def test_a_container_is_planned_by_what_is_left_of_its_limit(groups):
    groups("0::/\n", {"memory.max": 3 * MIB, "memory.current": MIB})

    assert available_memory() == 2 * MIB


def test_a_limit_above_the_machines_memory_adds_nothing(groups):
    groups("0::/\n", {"memory.max": 1 << 60, "memory.current": 0})

    assert available_memory() <= psutil.virtual_memory().total + psutil.swap_memory().total


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux has affinities")
@pytest.mark.parametrize(
    ("affinity", "quota", "expected"),
    [(range(64), None, 64), (range(64), 3, 3), ([5], None, 1), ([5, 6], 9, 2)],
)
def test_only_the_processors_that_may_be_used_count(monkeypatch, affinity, quota, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(affinity))
    monkeypatch.setattr(runtime, "processor_quota", lambda: quota)

    assert usable_processors() == expected
    assert choose_num_threads(0) == (expected if expected <= 4 else 8)
    assert choose_num_threads(7) == 7
