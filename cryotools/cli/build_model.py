"""`cryotools build-model`: an atomic model from a map and sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import note, print_json, progress, set_threads, skip_existing

if TYPE_CHECKING:
    from cryotools.modelling.build import BuiltModel

NAME = "build-model"
EPILOG = """OUT.cif has all atoms of each chain that is found. A chain that fits one of the sequences has its numbers
(label_seq_id is the position in the FASTA record); what could not be traced is a gap. Chains that fit nowhere are UNK.
The B factor is confidence × 100, the probability in percent that a residue of this type is at this place.

OUT.csv has a row for each residue, with the types that the map suggests; OUT.cxc shows map and model in ChimeraX.
--report writes a page on the model with a picture: completeness, geometry, and what to look at first.

Without --sequence, residues have their most probable types, and --profiles writes a profile of each chain to search a
sequence database with (hmmsearch). Give the resolution if it is known. Maps of 6 Å or worse
are refused, as no chain can be traced in them. Nucleic acid is not built.

--symmetry takes Cn, Dn, T, O or I, with the main axis along z through the map's centre, or a file of operators (BIOMT
records, an mmCIF table, or rows of twelve numbers). Maps without this symmetry are refused.

If the helices are left-handed, the map is probably a mirror image, which is said; --flip builds into its mirror image
along x.

Examples:

cryotools build-model map.mrc model.cif --sequence proteins.fasta --res 3

cryotools build-model map.mrc model.cif --sequence proteins.fasta --res 3 --report model.md

cryotools build-model map.mrc model.cif --res 3 --profiles chains.hmm
"""


def command(
    map_file: Annotated[str, typer.Argument(metavar="MAP", help="The map to build into.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="The model to write, .cif.")],
    sequence: Annotated[
        str | None, opt.main("--sequence", metavar="FASTA", help="Sequences of the map's proteins.")
    ] = None,
    resolution: opt.ReportedResolution = None,
    mask: Annotated[
        str | None, opt.main("--mask", "-m", metavar="MAP", help="Build inside this mask only (where it is above 0.5).")
    ] = None,
    symmetry: Annotated[
        str | None,
        opt.main("--symmetry", metavar="C4|D7|FILE", help="Build one unit of a symmetric map, and copy it."),
    ] = None,
    flip: Annotated[bool, opt.main("--flip", metavar="", help="Build into the mirror image along x.")] = False,
    invert: opt.Invert = False,
    weights: Annotated[str | None, opt.weights("train-anchors")] = None,
    trace_weights: Annotated[
        str | None,
        opt.main("--trace-weights", metavar="FILE", help="Find chains with this network instead of the shipped one."),
    ] = None,
    report: Annotated[
        str | None, opt.output("--report", metavar="MD", help="Also write a report, with a picture beside it.")
    ] = None,
    profiles: Annotated[
        str | None,
        opt.output("--profiles", metavar="HMM", help="Also write a HMMER profile of each chain without a sequence."),
    ] = None,
    work: Annotated[
        str | None,
        opt.main("--work", metavar="FOLDER", help="Keep what is found on the way; a run that was interrupted goes on."),
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
    """Build an atomic model into a map of 2 to 4.5 Å."""
    threads = set_threads(threads)
    if skip_existing(out, no_clobber):
        return
    _check_outputs(out, report, profiles, [map_file, mask, sequence, weights, trace_weights])
    from cryotools.anchors.predict import AnchorDetector
    from cryotools.core.compute.runner import Compute
    from cryotools.core.errors import naming
    from cryotools.core.maps.mapfile import read_map
    from cryotools.core.structures.fasta import read_fasta
    from cryotools.modelling.build import build_in_map
    from cryotools.modelling.masking import inside, mirrored
    from cryotools.modelling.symmetry import find_operators
    from cryotools.view.chimerax import MapSource

    detector = AnchorDetector(weights, trace_weights, Compute(device, precision.value, threads), rotations)
    volume = read_map(map_file, voxel_size=voxel_size, replace_non_finite=replace_nan)
    volume = volume.with_data(-volume.data) if invert else volume
    sequences = read_fasta(sequence) if sequence else None
    if mask:
        with naming(mask):
            volume = inside(volume, read_map(mask, voxel_size=voxel_size))
    volume = mirrored(volume) if flip else volume
    with naming(map_file):
        operators = find_operators(symmetry, volume) if symmetry else None
    with progress() as reporter, naming(map_file):
        model = build_in_map(detector, volume, resolution, sequences, reporter, operators, work)
    source = MapSource(map_file, invert, placed=voxel_size is not None)
    names = _write(out, report, profiles, model, source, flip)
    figures = {"map": map_file, "resolution_A": resolution, **_figures(model), "outputs": names}
    if json:
        print_json(figures)
    _summarise(figures, flip)


def _check_outputs(out: str, report: str | None, profiles: str | None, given: list[str | None]) -> None:
    from cryotools.core.files.output import check_output
    from cryotools.modelling.results.output import beside, check_name
    from cryotools.modelling.results.profiles import check_can_profile
    from cryotools.view.picture import check_can_draw

    check_name(out)
    inputs = [source for source in given if source and source != "-"]
    for name in (out, beside(out, ".csv"), beside(out, ".cxc"), *filter(None, (report, profiles))):
        check_output(name, inputs)
    if profiles:
        check_can_profile()
    if report:
        check_can_draw(beside(report, ".png"))


def _write(out: str, report: str | None, profiles: str | None, model: BuiltModel, source: Any, flip: bool) -> list[str]:
    from cryotools.core.files.output import output_set
    from cryotools.modelling.results.output import write_model

    names = []
    with output_set():
        if report:
            from cryotools.modelling.results.report import write_model_report

            names += write_model_report(report, model, source.file)
        if profiles:
            from cryotools.modelling.results.profiles import write_profiles

            names += write_profiles(profiles, model)
        names += write_model(out, model, source, flipped=flip)
    return names


def _figures(model: BuiltModel) -> dict[str, Any]:
    from cryotools.modelling.results.report import model_figures

    return model_figures(model)


def _summarise(figures: dict[str, Any], flip: bool) -> None:
    placed = f"{figures['n_placed']} of them on the sequences" if figures["n_sequences"] else "without a sequence"
    note(f"{figures['map']}: {figures['n_residues']} residues in {figures['n_chains']} chains, {placed}")
    note(
        f"Ramachandran: {figures['favoured']:.0%} favoured, {figures['outliers']:.1%} outliers; bonds within "
        f"{figures['bond_rmsd_A']:.3f} A, angles within {figures['angle_rmsd']:.1f} degrees of ideal"
    )
    if figures["left_handed"]:
        note(f"the helices built are left-handed: build again {'without' if flip else 'with'} --flip")
    note(f"written: {', '.join(figures['outputs'])}")
