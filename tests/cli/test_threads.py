"""The number of threads, as all commands fix it before anything is computed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cryotools.cli import console

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@pytest.fixture
def machine(monkeypatch):
    """A machine of eight processors, of which a container gets as many as given; the environment is put back."""
    for variable in (*VARIABLES, "SLURM_CPUS_PER_TASK"):
        monkeypatch.setenv(variable, "")
        monkeypatch.delenv(variable)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)

    def limit(granted):
        monkeypatch.setattr(console.cgroup, "processors", lambda: granted)

    limit(None)
    return limit


@pytest.mark.parametrize(
    ("asked", "slurm", "granted", "threads"),
    [
        (None, None, None, 8),
        (None, None, 2, 2),
        (None, None, 64, 8),
        (None, "3", 2, 3),
        (None, "", None, 8),
        (None, "0", None, 8),
        (5, "3", 2, 5),
    ],
)
def test_threads_are_those_asked_for_or_the_job_s_or_what_may_be_used(
    machine, monkeypatch, asked, slurm, granted, threads
):
    machine(granted)
    if slurm is not None:
        monkeypatch.setenv("SLURM_CPUS_PER_TASK", slurm)
    assert console.set_threads(asked) == threads
    assert {os.environ[variable] for variable in VARIABLES} == {str(threads)}


def test_torch_takes_them_up():
    script = (
        "from cryotools.cli.console import set_threads; set_threads(1); import torch; print(torch.get_num_threads())"
    )
    environment = {key: value for key, value in os.environ.items() if key not in VARIABLES}
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout == "1\n"
