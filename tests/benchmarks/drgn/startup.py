"""Processor and wall time of a command until a line of its output says that training has begun."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from programs import PEER, ParticleSet, command_of
from tables import table

_TICKS = os.sysconf("SC_CLK_TCK")
_FIRST = "first step"
# the program, told when its first step is due
_OWN = f"""
import sys
from cryotools.heterogeneity.learning.task import ReconstructionTask
def step(*_):
    print("{_FIRST}", flush=True)
    sys.stdin.read()
ReconstructionTask.step = step
from cryotools.cli.main import main
main(sys.argv[1:])
"""


def startup_table(particles: ParticleSet, peer: str | None) -> str:
    """A line per program and thing to start."""
    own, out = [sys.executable, "-m", "cryotools"], str(particles.work / f"{particles.name}_begun")
    train = ["train-drgn", *particles.inputs, out, "--threads", "1"]
    rows = [
        ["train-drgn", "help", *_until([*own, "train-drgn", "--help"], None)],
        [
            "train-drgn",
            "first step, `--components 0`",
            *_until([sys.executable, "-c", _OWN, *train, "--components", "0"], _FIRST),
        ],
        ["train-drgn", "first step, subspace included", *_until([sys.executable, "-c", _OWN, *train], _FIRST)],
    ]
    if peer:
        told = command_of(PEER, particles, 1, 256, peer)
        told[told.index("-o") + 1] = out
        rows += [
            [PEER, "help", *_until([peer, "train_vae", "--help"], None)],
            [PEER, "first 16 images trained on", *_until([*told, "--log-interval", "16"], "Train Epoch")],
        ]
    return table(["program", "until", "processor time, s", "wall time, s"], rows)


def _until(command: list[str], line: str | None) -> list[float]:
    """Processor and wall time in seconds until the command prints `line`, or ends if it is None."""
    began = time.monotonic()
    before = os.times()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as running:
        assert running.stdout is not None
        for text in running.stdout:
            if line is not None and line in text:
                fields = Path(f"/proc/{running.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
                spent = (int(fields[11]) + int(fields[12])) / _TICKS
                wall = time.monotonic() - began
                running.kill()
                return [spent, wall]
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    if line is not None or running.returncode:
        raise SystemExit(f"{' '.join(command)}: ended with {running.returncode}, without '{line}'")
    return [spent, time.monotonic() - began]
