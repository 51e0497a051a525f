"""One run of one program on one set: what it cost, and how good it is."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from programs import ParticleSet

from cryotools.heterogeneity.runs import open_run
from cryotools.heterogeneity.scoring.score import score_run


@dataclass(frozen=True)
class Measured:
    """`seconds` of processor time, and the figures of `score-drgn`; `epochs` is 0 where there are none."""

    name: str
    program: str
    epochs: int
    seconds: float
    scores: dict[str, Any]


def measure(program: str, epochs: int, particles: ParticleSet, command: list[str], images: int) -> Measured:
    """Run a program unless that was done before, and score it.

    Raises
    ------
    SystemExit
        It fails.
    """
    folder = particles.folder(program, epochs)
    seconds = run_once(folder, command)
    scores = score_run(open_run(folder), particles.truth(), images=images).summary()
    return Measured(particles.name, program, epochs, seconds, scores)


def run_once(folder: Path, command: list[str]) -> float:
    """Run a program that makes `folder`, unless that was done before; the processor time that it took, in seconds."""
    record = folder.parent / f"{folder.name}.json"
    if not record.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        seconds = run_timed(command)
        record.write_text(json.dumps({"command": command, "seconds": seconds}))
    return float(json.loads(record.read_text())["seconds"])


def run_timed(command: list[str]) -> float:
    """Run a command on one thread; the processor time in seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False, capture_output=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: failed with {done.returncode}\n{done.stderr.decode()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
