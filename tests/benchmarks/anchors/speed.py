"""Time and memory of detect-anchors beside those of annotate-sse, each map by a program of its own.

python tests/benchmarks/anchors/speed.py pairs.csv --device cpu
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
from benchtools import table

from cryotools.core.maps.mapfile import read_map
from cryotools.curation.pairlist import Entry, read_list

PROGRAMS = {"detect-anchors": "residues.csv", "annotate-sse": "classes"}  # and what each writes
# Linux counts into ru_maxrss what the parent had before a program began, but not into VmHWM
_CHILD = """
import sys
from pathlib import Path
from cryotools.cli.main import main
code = main(sys.argv[2:])
used = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
Path(sys.argv[1]).write_text(used[0])
raise SystemExit(code)
"""


@dataclass(frozen=True)
class Used:
    """Seconds from start to end of a program, and its peak resident memory."""

    seconds: float
    mebibytes: float


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("list")
    options.add_argument("--device", default="cpu")
    chosen = options.parse_args(arguments)
    print(report(read_list(chosen.list), chosen.device))


def report(entries: Sequence[Entry], device: str) -> str:
    """A line per map; each ratio is that of detect-anchors to annotate-sse."""
    rows = []
    for entry in entries:
        anchors, classes = (measure(program, entry, device) for program in PROGRAMS)
        size = " × ".join(map(str, read_map(entry.map).data.shape[::-1]))
        times = [f"{anchors.seconds:.1f}", f"{classes.seconds:.1f}", anchors.seconds / classes.seconds]
        rows.append([entry.id, size, *times, f"{anchors.mebibytes:.0f}", f"{classes.mebibytes:.0f}"])
    head = ["map", "voxels", "seconds", "annotate-sse", "ratio", "peak memory, MiB", "annotate-sse"]
    return table(head, rows)


def measure(program: str, entry: Entry, device: str) -> Used:
    """Run a command on the map of one pair, with shipped networks, start of the program included."""
    told = [] if entry.resolution != entry.resolution else ["--res", f"{entry.resolution:g}"]
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder, PROGRAMS[program]))
        return used_by([program, entry.map, out, *told, "--device", device, "--quiet"])


def used_by(arguments: Sequence[str]) -> Used:
    """What cryotools uses in a process of its own (on Linux); if it fails, the benchmark ends."""
    with tempfile.TemporaryDirectory() as folder:
        peak = Path(folder, "peak")
        begin = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", _CHILD, str(peak), *arguments], check=False)
        seconds = time.perf_counter() - begin
        if done.returncode:
            raise SystemExit(f"cryotools {' '.join(arguments)}: failed with {done.returncode}")
        return Used(seconds, int(peak.read_text()) / 1024)


if __name__ == "__main__":
    main()
