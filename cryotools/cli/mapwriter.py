"""How struc2map names, labels and writes its maps, for a single structure and for each one of a list."""

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
    """Writes maps in MRC mode `mode`; with `half_maps` also their half maps, whatever the source of the noise.

    With `no_clobber` existing files are kept, and with `make_folders` missing folders are created.
    """

    mode: int
    half_maps: bool = False
    no_clobber: bool = False
    make_folders: bool = False

    def outputs(self, job: Job) -> list[str]:
        """Names of the map, its half maps and its samples."""
        return [job.output, *chain(*self._companions(job).values())]

    def check(self, job: Job, preview: str | None = None) -> None:
        """Reject outputs that cannot be written or are inputs."""
        simulation = job.simulation
        given = [job.structure, simulation.grid.like, simulation.match, simulation.options.network]
        inputs: list[str | None] = [source for source in given if isinstance(source, str)]
        if self.make_folders:
            Path(job.output).parent.mkdir(parents=True, exist_ok=True)
        check_map_output(job.output, preview, inputs)
        for companion in self.outputs(job)[1:]:
            check_map_output(companion, None, inputs)

    def write(self, job: Job, made: Simulated) -> None:
        """Write the maps; print nothing."""
        self.result(job, made).write()

    def result(self, job: Job, made: Simulated) -> MapResult:
        """The map with its companions, ready to be written."""
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
        """Names of the companion maps by kind."""
        counts = {"half": 2 if self.half_maps else 0, "sample": job.simulation.samples}
        return {kind: beside(job.output, kind, count) for kind, count in counts.items() if count}


def _refinements(simulation: Simulation, sharpness: float | None) -> str:
    """The header's second label: these options if they were given."""
    words = ["--bfactor"] * simulation.options.b_factors
    if sharpness is not None:
        words.append(f"--sharpen {sharpness:.4g}")
    if isinstance(simulation.match, str):
        words.append(f"(of {Path(simulation.match).name[:30]})")
    if simulation.half_maps or simulation.noise:
        level = AUTO if simulation.half_maps else f"{simulation.noise:g}"
        words.append(f"--noise {level} --seed {simulation.seed}")
    return " ".join(words)
