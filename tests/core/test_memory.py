from __future__ import annotations

import os
from pathlib import Path

import pytest

from cryotools.core import memory
from cryotools.core.errors import DataError
from cryotools.core.memory import available_bytes, check_grid_fits, described_need

GIB = 2**30
MEMINFO = f"MemTotal:  {64 * 2**20} kB\nMemFree:  {2 * 2**20} kB\nMemAvailable:  {48 * 2**20} kB\n"
UNLIMITED = 9223372036854771712
MOUNT_1 = """36 31 0:33 {top} {at} rw,nosuid - cgroup cgroup rw,memory
35 31 0:32 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
"""
MOUNT_2 = "30 23 0:26 {top} {at} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"


@pytest.fixture
def machine(tmp_path):
    """A machine with 48 GiB free and files as given; what a process without SLURM finds free on it, in GiB."""

    def make(files: dict[str, str], environment: dict[str, str] | None = None) -> float:
        for name, text in {"proc/meminfo": MEMINFO, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return available_bytes(tmp_path, environment or {}) / GIB

    return make


def group_1(folder: str, limit: int, usage: float, cache: float = 0.0) -> dict[str, str]:
    stat = f"cache {9 * GIB}\ninactive_file 77\ntotal_inactive_file {int(cache * GIB)}\ntotal_active_file {GIB}\n"
    return {
        f"{folder}/memory.limit_in_bytes": f"{limit}\n",
        f"{folder}/memory.usage_in_bytes": f"{int(usage * GIB)}\n",
        f"{folder}/memory.stat": stat,
    }


def group_2(folder: str, limit: int | str, usage: float, cache: float = 0.0, high: int | str = "max") -> dict[str, str]:
    return {
        f"{folder}/memory.max": f"{limit}\n",
        f"{folder}/memory.high": f"{high}\n",
        f"{folder}/memory.current": f"{int(usage * GIB)}\n",
        f"{folder}/memory.stat": f"anon {GIB}\nactive_file {GIB}\ninactive_file {int(cache * GIB)}\n",
    }


def test_without_limits_it_is_what_the_machine_has(machine):
    assert machine({}) == 48
    assert (
        machine(
            {"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": "garbage\n\n30 23 0:26 / / rw - ext4 /dev/sda rw"}
        )
        == 48
    )


def test_a_limit_of_version_2_counts_less_what_is_used_but_for_cache(machine):
    files = {"proc/self/cgroup": "0::/job\n", "proc/self/mountinfo": MOUNT_2.format(top="/", at="/sys/fs/cgroup")}
    assert machine(files | group_2("sys/fs/cgroup/job", 10 * GIB, usage=7, cache=4)) == 7
    assert machine(group_2("sys/fs/cgroup/job", "max", usage=7, cache=4)) == 48
    assert machine(group_2("sys/fs/cgroup/job", 10 * GIB, usage=7, cache=4, high=8 * GIB)) == 5
    assert machine(group_2("sys/fs/cgroup/job", 10 * GIB, usage=11)) == 0  # just over, before the kernel has acted
    assert machine(group_2("sys/fs/cgroup/job", 100 * GIB, usage=1)) == 48


def test_a_limit_of_version_1_counts_likewise(machine):
    files = {
        "proc/self/cgroup": "12:cpu,cpuacct:/elsewhere\n4:memory:/slurm/job_7\n1:name=systemd:/\n0::/\n",
        "proc/self/mountinfo": MOUNT_1.format(top="/", at="/sys/fs/cgroup/memory"),
    }
    job = "sys/fs/cgroup/memory/slurm/job_7"
    assert machine(files | group_1(job, 16 * GIB, usage=9, cache=2)) == 9
    assert machine(group_1(job, UNLIMITED, usage=9)) == 48


@pytest.mark.parametrize("version", [1, 2])
def test_a_limit_of_any_group_above_counts(machine, version):
    mount, group, name, folder = (
        (MOUNT_1, group_1, "4:memory:", "sys/fs/cgroup/memory")
        if version == 1
        else (MOUNT_2, group_2, "0::", "sys/fs/cgroup")
    )
    files = {
        "proc/self/cgroup": f"{name}/user/job/step\n",
        "proc/self/mountinfo": mount.format(top="/", at=f"/{folder}"),
    }
    files |= group(f"{folder}/user/job/step", UNLIMITED, usage=1)
    files |= group(f"{folder}/user/job", 6 * GIB, usage=2)
    files |= group(f"{folder}/user", 20 * GIB, usage=19)
    assert machine(files) == 1
    assert machine(group(f"{folder}/user", UNLIMITED, usage=19)) == 4


@pytest.mark.parametrize(
    ("path", "top"),
    [
        ("/docker/abc", "/docker/abc"),  # the host's path, its own group mounted
        ("/", "/"),  # a namespace of its own
        ("/../../other", "/"),  # a group beyond the namespace
        ("/host/path", "/docker/abc"),
    ],
)
def test_inside_a_container_its_own_limit_is_found(machine, path, top):
    files = {"proc/self/cgroup": f"0::{path}\n", "proc/self/mountinfo": MOUNT_2.format(top=top, at="/sys/fs/cgroup")}
    assert machine(files | group_2("sys/fs/cgroup", 3 * GIB, usage=1)) == 2


def test_a_mount_with_a_blank_in_its_name_is_found(machine):
    files = {"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": MOUNT_2.format(top="/", at=r"/my\040groups")}
    assert machine(files | group_2("my groups", 3 * GIB, usage=1)) == 2


@pytest.mark.parametrize(
    ("environment", "gib"),
    [
        ({"SLURM_MEM_PER_NODE": "4096"}, 4),
        ({"SLURM_MEM_PER_CPU": "1024", "SLURM_CPUS_ON_NODE": "8"}, 8),
        ({"SLURM_MEM_PER_CPU": "1024", "SLURM_JOB_CPUS_PER_NODE": "6(x2),4"}, 6),
        ({"SLURM_MEM_PER_CPU": "1024", "SLURM_CPUS_PER_TASK": "3"}, 3),
        ({"SLURM_MEM_PER_CPU": "1024"}, 1),
        ({"SLURM_MEM_PER_GPU": "10240", "SLURM_GPUS_ON_NODE": "2"}, 20),
        ({"SLURM_MEM_PER_NODE": "0"}, 48),  # all of the node
        ({"SLURM_MEM_PER_NODE": "400000"}, 48),
        ({"SLURM_CPUS_ON_NODE": "8"}, 48),
        ({"SLURM_MEM_PER_NODE": "what"}, 48),
    ],
)
def test_what_a_slurm_job_was_given_counts(machine, environment, gib):
    assert machine({}, environment) == gib


def test_of_a_slurm_job_s_memory_what_this_process_uses_is_gone(machine):
    pages = GIB // os.sysconf("SC_PAGE_SIZE")
    statm = {"proc/self/statm": f"{9 * pages} {pages} 100 1 0 50 0\n"}
    assert machine(statm, {"SLURM_MEM_PER_NODE": "4096"}) == 3
    assert machine(statm, {"SLURM_MEM_PER_NODE": "512"}) == 0
    assert machine(statm) == 48


def test_the_least_counts(machine):
    files = {"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": MOUNT_2.format(top="/", at="/sys/fs/cgroup")}
    files |= group_2("sys/fs/cgroup", 12 * GIB, usage=1)
    assert machine(files, {"SLURM_MEM_PER_NODE": "16384"}) == 11
    assert machine(files, {"SLURM_MEM_PER_NODE": "8192"}) == 8


def test_where_nothing_is_told_it_is_all_of_the_memory(tmp_path):
    assert available_bytes(tmp_path, {}) == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0 < available_bytes(Path("/")) <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_a_grid_too_large_for_a_job_s_memory_is_refused(monkeypatch):
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "1")
    with pytest.raises(DataError, match=r"needs 0\.0 GiB and 0\.0 GiB are free"):
        check_grid_fits((100, 100, 100))


@pytest.mark.parametrize(("needed", "words"), [(3 * 2**29, "1.5 GiB"), (2**26, "64 MiB"), (7, "1 MiB")])
def test_a_need_is_told_beside_what_there_is(monkeypatch, needed, words):
    monkeypatch.setattr(memory, "available_bytes", lambda: 12 * 2**30)
    assert described_need(needed) == f"{words} of memory; 12 GiB are free"
