"""How struc2map names, labels and writes what it made, for one structure and for each of a list."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from cryotools.cli.console import check_map_output, label, skip_existing
from cryotools.cli.mapresult import MapResult, beside

if TYPE_CHECKING:
    from cryotools.simulate.batch import Job
    from cryotools.simulate.struc2map import Simulated, Simulation

AUTO = "auto"


@dataclass(frozen=True)
class MapWriter:
    """Writes maps in the MRC mode `mode`; with `half_maps` their half maps, too, whatever made the noise.

    With `no_clobber` files that exist stay, and with `make_folders` folders that do not exist are made.
    """

    mode: int
    half_maps: bool = False
    no_clobber: bool = False
    make_folders: bool = False

    def outputs(self, job: Job) -> list[str]:
        """The map, its half maps and its samples."""
        return [job.output, *chain(*self._companions(job).values())]

    def check(self, job: Job, preview: str | None = None) -> None:
        """Refuse outputs that cannot be written, or that are inputs."""
        simulation = job.simulation
        given = [job.structure, simulation.grid.like, simulation.match, simulation.options.network]
        inputs: list[str | None] = [source for source in given if isinstance(source, str)]
        if self.make_folders:
            Path(job.output).parent.mkdir(parents=True, exist_ok=True)
        check_map_output(job.output, preview, inputs)
        for companion in self.outputs(job)[1:]:
            check_map_output(companion, None, inputs)

    def write(self, job: Job, made: Simulated) -> None:
        """Write the maps and say nothing."""
        self.result(job, made).write()

    def result(self, job: Job, made: Simulated) -> MapResult:
        """The map with what belongs to it, on its way to its files."""
        simulation, options = job.simulation, job.simulation.options
        how = f"--method {simulation.method} --res {options.resolution:g} --weights {options.weights}"
        volumes = {"half": made.halves, "sample": made.samples}
        companions = {
            kind: [
                (path, volume)
                for path, volume in zip(paths, volumes[kind], strict=True)
                if not skip_existing(path, self.no_clobber)
            ]
            for kind, paths in self._companions(job).items()
        }
        return MapResult(
            job.output,
            made.volume,
            made.atoms,
            label(f"{Path(job.structure).name} {how}"),
            self.mode,
            more=_refinements(simulation, made.sharpness),
            companions=companions,
            sharpness=made.sharpness,
        )

    def _companions(self, job: Job) -> dict[str, list[str]]:
        """Names of further maps by their kind."""
        counts = {"half": 2 if self.half_maps else 0, "sample": job.simulation.samples}
        return {kind: beside(job.output, kind, count) for kind, count in counts.items() if count}


def _refinements(simulation: Simulation, sharpness: float | None) -> str:
    """The header's second line: these options where they were given."""
    words = ["--bfactor"] * simulation.options.b_factors
    if sharpness is not None:
        words.append(f"--sharpen {sharpness:.4g}")
    if isinstance(simulation.match, str):
        words.append(f"(of {Path(simulation.match).name[:30]})")
    if simulation.half_maps or simulation.noise:
        level = AUTO if simulation.half_maps else f"{simulation.noise:g}"
        words.append(f"--noise {level} --seed {simulation.seed}")
    return " ".join(words)
