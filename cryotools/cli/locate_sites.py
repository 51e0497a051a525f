"""`cryotools locate-sites`: interfaces, ligand sites and contacts with nucleic acids in a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import label, note, print_json, progress, set_threads, skip_existing

if TYPE_CHECKING:
    from cryotools.sites.output import SiteFiles
    from cryotools.sites.predict import LocatedSites
    from cryotools.sites.residues import SiteResidues

NAME = "locate-sites"
EPILOG = """Writes PREFIX_interface.mrc, PREFIX_ligand.mrc and PREFIX_nucleic.mrc, the probability (0 to 1) that a part
of the protein touches, within 5 Å, another protein chain, a ligand, or DNA or RNA: whether the partner is in the map or
not. They overlay the input map, on its grid. PREFIX_sites.csv and PREFIX_sites.pdb hold the centres of sites (chain I
interfaces, L ligands, N nucleic acids), their B factors confidence × 100. PREFIX.cxc shows all in ChimeraX.

With --structure, PREFIX_residues.csv has one line per amino acid of the model. --homologs, a folder made by
find-homologs, then adds their conservation and the sites of their own structures. Without a model the folder has no
effect, except through weights that were fine-tuned on homologs (--weights).

The network was trained on maps of 3.5 to 7 Å. Give the resolution if it is known.

Examples:

cryotools locate-sites map.mrc found --res 4.5 --preview found.png

cryotools locate-sites map.mrc scored --res 4.5 --structure examples/1gbt.cif --json
"""


def command(
    map_file: Annotated[str, typer.Argument(metavar="MAP", help="The map to search.")],
    prefix: Annotated[str, typer.Argument(metavar="OUT_PREFIX", help="Prefix of the output file names.")],
    resolution: opt.ReportedResolution = None,
    structure: Annotated[
        str | None, opt.main("--structure", "-s", metavar="MODEL", help="Score the residues of this model.")
    ] = None,
    homologs: Annotated[
        str | None, opt.main("--homologs", metavar="DIR", help="Use these results of find-homologs.")
    ] = None,
    invert: opt.Invert = False,
    weights: Annotated[str | None, opt.weights("train-sites")] = None,
    preview: Annotated[
        str | None, opt.output("--preview", metavar="PNG", help="Also draw the sites as a picture.")
    ] = None,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    device: opt.Device = "auto",
    precision: opt.ResultPrecision = opt.Precision.fp32,
    threads: opt.Threads = None,
    rotations: opt.Rotations = 1,
    voxel_size: opt.VoxelSize = None,
    replace_nan: opt.ReplaceNan = None,
    debug: opt.Debug = False,
) -> None:
    """Find binding sites and interfaces in a map."""
    threads = set_threads(threads)
    from cryotools.sites.output import site_files

    files = site_files(prefix)
    if skip_existing(files.maps[-1], no_clobber):
        return
    _check_outputs(files, map_file, structure, weights, preview)
    from cryotools.core.compute.runner import Compute
    from cryotools.core.errors import naming
    from cryotools.core.structures.structurefile import read_structure
    from cryotools.homologs.search.hits import read_homologs
    from cryotools.sites.evidence import gather_evidence
    from cryotools.sites.predict import SiteLocator
    from cryotools.sse.evaluate import Reading

    locator = SiteLocator(weights, Compute(device, precision.value, threads), rotations)
    folder = read_homologs(homologs) if homologs else None
    reading = Reading(voxel_size, replace_nan, invert)
    volume = reading.volume(map_file)
    model = read_structure(structure) if structure else None
    evidence = gather_evidence(model, folder) if model is not None and folder else None
    if folder and model is None:
        note(f"{homologs}: has no effect without a model; give --structure, or --weights tuned on homologs")
    with progress() as reporter, naming(map_file):
        located = locator.locate(volume, resolution, reporter)
    residues = located.residues(model, evidence) if model is not None else None
    names = _write(files, located, residues, map_file, structure, reading.invert, voxel_size is not None)
    if preview:
        from cryotools.sites.preview import draw_sites

        draw_sites(preview, located, map_file)
        names.append(preview)
    figures = {"map": map_file, "resolution_A": resolution, **_figures(located, residues), "outputs": names}
    if json:
        print_json(figures)
    _summarise(map_file, figures, located)


def _check_outputs(
    files: SiteFiles, map_file: str, structure: str | None, weights: str | None, preview: str | None
) -> None:
    """Reject outputs that cannot be written, before reading anything."""
    from cryotools.core.files.output import check_output
    from cryotools.view.picture import check_can_draw

    inputs = [source for source in (map_file, structure, weights) if source and source != "-"]
    for output in files.all(bool(structure)):
        check_output(output, inputs)
    if preview:
        check_can_draw(preview)
        check_output(preview, inputs)


def _write(
    files: SiteFiles,
    located: LocatedSites,
    residues: SiteResidues | None,
    map_file: str,
    structure: str | None,
    invert: bool,
    placed: bool,
) -> list[str]:
    """Write the files that begin with the prefix; returns their names."""
    from cryotools.sites.output import site_script, write_sites
    from cryotools.view.chimerax import MapSource

    source = MapSource(map_file, invert, placed=placed)
    script = site_script(files, located, residues, source, None if structure == "-" else structure)
    return write_sites(files, located, residues, script=script, label=label(f"of {map_file}"))


def _figures(located: LocatedSites, residues: SiteResidues | None) -> dict[str, Any]:
    """The result in numbers."""
    import numpy as np

    from cryotools.sites.labels import SITE_NAMES

    figures: dict[str, Any] = {}
    for site, name in enumerate(SITE_NAMES):
        mine = [one for one in located.centres if one.kind == site]
        figures[f"n_{name}"] = len(mine)
        figures[f"best_{name}"] = mine[0].confidence if mine else None
    if residues is not None:
        there = np.isfinite(residues.probabilities).all(axis=0)
        figures["n_residues"] = int(there.sum())
        for site, name in enumerate(SITE_NAMES):
            figures[f"n_residues_{name}"] = int((residues.probabilities[site, there] >= 0.5).sum())
    return figures


def _summarise(map_file: str, figures: dict[str, Any], located: LocatedSites) -> None:
    from cryotools.sites.labels import SITE_NAMES

    parts = []
    for name in SITE_NAMES:
        best = figures[f"best_{name}"]
        parts.append(f"{figures[f'n_{name}']} {name}" + (f" (best {best:.2f})" if best is not None else ""))
    note(f"{map_file}: centres of sites: {', '.join(parts)}")
    note(f"written: {', '.join(figures['outputs'])}")
