from __future__ import annotations

import pytest

from cryotools.core import cgroup

MOUNT_1 = """32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct
36 31 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
"""
MOUNT_2 = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"


def files(root, texts):
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize(
    ("own", "above", "processors"),
    [
        ("max 100000\n", "max 100000\n", None),
        ("200000 100000\n", "max 100000\n", 2),
        ("150000 100000\n", "max 100000\n", 2),
        ("50000 100000\n", "max 100000\n", 1),
        ("800000 100000\n", "300000 100000\n", 3),
        ("", "", None),
    ],
)
def test_processor_time_of_version_2_is_a_number_of_processors(tmp_path, own, above, processors):
    files(tmp_path, {"proc/self/cgroup": "0::/user/job\n", "proc/self/mountinfo": MOUNT_2})
    files(tmp_path, {"sys/fs/cgroup/user/job/cpu.max": own, "sys/fs/cgroup/user/cpu.max": above})
    assert cgroup.processors(tmp_path) == processors


@pytest.mark.parametrize(("quota", "processors"), [("-1", None), ("400000", 4), ("250000", 3)])
def test_processor_time_of_version_1_likewise(tmp_path, quota, processors):
    files(tmp_path, {"proc/self/cgroup": "4:memory:/x\n2:cpu,cpuacct:/job\n0::/\n", "proc/self/mountinfo": MOUNT_1})
    files(
        tmp_path, {"sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": quota, "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000"}
    )
    files(tmp_path, {"sys/fs/cgroup/memory/x/cpu.cfs_quota_us": "100000"})
    assert cgroup.processors(tmp_path) == processors


def test_where_there_are_no_groups_nothing_is_limited(tmp_path):
    assert cgroup.processors(tmp_path) is None
    assert cgroup.free_bytes(tmp_path) is None
