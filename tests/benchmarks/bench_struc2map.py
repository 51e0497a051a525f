"""`make bench`: CPU seconds and memory of whole processes, side by side, as ratios to gemmi and to plain numpy.

Each row makes the same map of the same structure on the same grid with each program in turn, several times, and
gives medians. Ratios travel between machines; seconds do not.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from structures import write_copies

HERE = Path(__file__).parent
SIZES = (1_000, 10_000, 50_000, 300_000)
SETTINGS = ((4.0, 1.0), (2.0, 0.7))
HEADER = """\
| atoms | res / apix, Å | cryotools, CPU s | gemmi, CPU s | numpy, CPU s | CPU ÷ gemmi | CPU ÷ numpy | memory ÷ gemmi |
|---|---|---|---|---|---|---|---|"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    chosen = options.parse_args()
    print(
        f"{processor()}, {len(os.sched_getaffinity(0))} processors, Python {platform.python_version()}, one thread each"
    )
    print(f"medians of {chosen.runs} runs in turn; CPU = user + system seconds of the whole process\n")
    print(HEADER)
    with tempfile.TemporaryDirectory() as folder:
        for wanted in chosen.sizes:
            structure = Path(folder) / f"{wanted}.cif"
            atoms = write_copies(structure, wanted)
            for resolution, apix in SETTINGS:
                print(row(structure, atoms, resolution, apix, chosen.runs, Path(folder)), flush=True)
    seconds, _ = measure([*program(), "--help"], 5)
    print(f"\n`cryotools --help`: {seconds:.2f} CPU s")


def row(structure: Path, atoms: int, resolution: float, apix: float, runs: int, folder: Path) -> str:
    output, numbers = str(folder / "map.mrc"), [str(resolution), str(apix)]
    scale = ["--res", numbers[0], "--apix", numbers[1], "--threads", "1", "--quiet"]
    commands = {
        "cryotools": [*program(), "struc2map", str(structure), output, "--method", "molmap", *scale],
        "gemmi": [sys.executable, str(HERE / "gemmi_map.py"), str(structure), output, *numbers],
        "numpy": [sys.executable, str(HERE / "numpy_map.py"), str(structure), output, *numbers],
    }
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            taken[name].append(measure(command, 1))
    cpu = {name: statistics.median(seconds for seconds, _ in values) for name, values in taken.items()}
    memory = {name: statistics.median(size for _, size in values) for name, values in taken.items()}
    cells = [f"{atoms:,}", f"{resolution:g} / {apix:g}", *(f"{cpu[name]:.2f}" for name in commands)]
    cells += [f"{cpu['cryotools'] / cpu['gemmi']:.2f}", f"{cpu['cryotools'] / cpu['numpy']:.2f}"]
    cells += [f"{memory['cryotools'] / memory['gemmi']:.2f}"]
    return "| " + " | ".join(cells) + " |"


def measure(command: list[str], runs: int) -> tuple[float, float]:
    """Median CPU seconds and peak resident kilobytes of a process, by the operating system's own account."""
    taken = measure_each(command, runs)
    return statistics.median(user + system for user, system, _ in taken), statistics.median(
        size for _, _, size in taken
    )


def measure_each(command: list[str], runs: int) -> list[tuple[float, float, float]]:
    """User seconds, system seconds and peak resident kilobytes of each run of a process."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    taken = []
    for _ in range(runs):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"failed: {' '.join(command)}")
        taken.append((used.ru_utime, used.ru_stime, used.ru_maxrss))
    return taken


def program() -> list[str]:
    return [str(Path(sys.executable).with_name("cryotools"))]


def processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
