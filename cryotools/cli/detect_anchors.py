"""`cryotools detect-anchors`: residues whose place and type can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryotools.cli import anchorrun
from cryotools.cli import options as opt
from cryotools.cli.console import detail, note, print_json, progress, set_threads, skip_existing
from cryotools.core.errors import UsageError

if TYPE_CHECKING:
    from cryotools.anchors.compare import ModelComparison
    from cryotools.anchors.detected import Detection
    from cryotools.anchors.modelcheck import ModelCheck
    from cryotools.anchors.sequence import SequenceFit
    from cryotools.core.structures.structure import Structure
    from cryotools.view.chimerax import MapSource

NAME = "detect-anchors"
EPILOG = """OUT.pdb and OUT.cif hold one CA per anchor, named after its most probable amino acid; the B factor is
confidence × 100, the probability in percent that an amino acid of this type is at this place. OUT.cxc beside it shows
map and anchors in ChimeraX. OUT.csv is a table with the runner-up types. With --all, every residue found is written,
whatever its confidence, and the table has all that is known of it: its path and neighbours, the probability of its
direction, of helix and strand, and of each of the twenty amino acids.

With --sequence, stretches of residues that fit the proteins' sequences get their types from there, as surely as they
fit; --fit says where each stretch fits and how likely that is by chance. Sequences that do not belong to the map fit
nowhere, which is said, and change nothing.

--homologs is a folder made by `cryotools find-homologs`, or of structures, and needs --res. The best three of each
query are docked rigidly; where they fit significantly, residues found near their Cα atoms get the query's amino acids
by the alignment, as surely as place and density agree. The queries' sequences are also placed as by --sequence, unless
that is given. A plain folder gives its structures' own amino acids, as of a predicted model. With --method finetune the
network of chains is fitted to the map instead, and kept in the user's cache folder for the next call.

With --structure, anchors are compared with a model; --check scores its residues one by one: which fit what the map
shows, which lie where no residue is found, which belong further along the chain (out of register) or to a chain that
runs the other way. If its name ends in .pdb or .cif, the scores are the B factors of the model.

Give the resolution if it is known. The networks were trained on maps from 1.8 to 4.8 Å; beyond 4.5 Å hardly any
residue is an anchor.

Examples:

cryotools detect-anchors map.mrc anchors.pdb --res 3 --preview anchors.png

cryotools detect-anchors map.mrc residues.csv --res 3 --all --json
"""


@dataclass(frozen=True)
class _Found:
    """What is found, at which confidence, and what a model and sequences say of it."""

    detection: Detection
    confidence: float
    structure: Structure | None = None
    model: ModelComparison | None = None
    checked: ModelCheck | None = None
    fits: list[SequenceFit] | None = None


def command(
    map_file: Annotated[str, typer.Argument(metavar="MAP", help="The map to search.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="File to write: .pdb, .cif or .csv.")],
    resolution: opt.ReportedResolution = None,
    confidence: Annotated[
        float, opt.main("--confidence", "-c", min=0, max=1, metavar="X", help="Least confidence of an anchor.")
    ] = 0.8,
    every: Annotated[
        bool, opt.main("--all", metavar="", help="Write all residues found, with all that is known.")
    ] = False,
    sequence: Annotated[
        str | None,
        opt.main(
            "--sequence", metavar="FASTA", help="Sequences of the map's proteins, to place paths and check types."
        ),
    ] = None,
    homologs: Annotated[
        str | None, opt.main("--homologs", metavar="FOLDER", help="Also use these structures of homologs; see below.")
    ] = None,
    method: Annotated[
        anchorrun.Method,
        opt.main("--method", metavar="NAME", help="How homologs are used: dock or finetune; see below."),
    ] = anchorrun.Method.dock,
    copies: Annotated[
        int | None,
        opt.main("--copies", min=1, metavar="N", help="Copies of each homolog to dock; default: all significant."),
    ] = None,
    structure: Annotated[
        str | None, opt.main("--structure", "-s", metavar="MODEL", help="Compare with this model.")
    ] = None,
    invert: opt.Invert = False,
    weights: Annotated[str | None, opt.weights("train-anchors")] = None,
    trace_weights: Annotated[
        str | None,
        opt.main("--trace-weights", metavar="FILE", help="Find chains with this network instead of the shipped one."),
    ] = None,
    fit: Annotated[
        str | None, opt.output("--fit", metavar="CSV", help="Where stretches of residues fit the sequences.")
    ] = None,
    check: Annotated[
        str | None,
        opt.output(
            "--check", metavar="FILE", help="Which residues of the model look misplaced: a table, or a .pdb or .cif."
        ),
    ] = None,
    preview: Annotated[
        str | None, opt.output("--preview", metavar="PNG", help="Also draw the anchors as a picture.")
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
    """Find amino acids that can be trusted in a map of 2 to 4 Å."""
    if homologs and resolution is None:
        raise UsageError("--homologs needs the map's resolution; give --res")
    if not homologs and copies is not None:
        raise UsageError("--copies is for homologs that are docked; add --homologs")
    threads = set_threads(threads)
    if skip_existing(out, no_clobber):
        return
    _check_tables(fit, check, sequence, structure)
    _check_outputs(out, [fit, check, preview], [map_file, structure, sequence, weights, trace_weights])
    from cryotools.anchors.predict import AnchorDetector
    from cryotools.core.compute.runner import Compute
    from cryotools.core.errors import naming
    from cryotools.core.maps.mapfile import read_map
    from cryotools.core.structures.fasta import read_fasta
    from cryotools.core.structures.structurefile import read_structure

    detector = AnchorDetector(weights, trace_weights, Compute(device, precision.value, threads), rotations)
    volume = read_map(map_file, voxel_size=voxel_size, replace_non_finite=replace_nan)
    volume = volume.with_data(-volume.data) if invert else volume
    model = read_structure(structure) if structure else None
    sequences = read_fasta(sequence) if sequence else None
    used = anchorrun.HomologUse(homologs, method, copies, weights, trace_weights) if homologs else None
    with progress() as reporter, naming(map_file):
        if used:
            detector = used.tuned(detector, volume, resolution, reporter)
        detection = detector.detect(volume, resolution, reporter)
    checked, fits = None, None
    told: dict[str, Any] = {}
    if model is not None and check:
        from cryotools.anchors.modelcheck import check_model

        checked = check_model(detector, detection, model)
    if sequences:
        from cryotools.anchors.reweight import with_sequences

        detection, fits = with_sequences(detection, sequences)
    if used:
        with progress() as reporter, naming(map_file):
            detection, fits, told = used.docked(detection, fits, reporter)
    compared = None
    if model is not None:
        from cryotools.anchors.compare import compare_with_model

        compared = compare_with_model(detection, model)
    from cryotools.anchors.check import warn_if_few
    from cryotools.view.chimerax import MapSource

    warn_if_few(detection, confidence)
    found = _Found(detection, confidence, model, compared, checked, fits)
    source = MapSource(map_file, invert, placed=voxel_size is not None)
    names = _write(found, out, source, every=every, fit=fit, check=check, preview=preview)
    figures = {"map": map_file, "resolution_A": resolution, **told, **_figures(found), "outputs": names}
    if json:
        print_json(figures)
    _summarise(figures)
    levels = detection.levels
    detail(f"background {levels.background:.4g}, molecule density {levels.strength:.4g}, {threads} threads")


def _check_tables(fit: str | None, check: str | None, sequence: str | None, structure: str | None) -> None:
    if fit and not sequence:
        raise UsageError("--fit needs --sequence")
    if check and not structure:
        raise UsageError("--check needs --structure")


def _check_outputs(out: str, others: list[str | None], given: list[str | None]) -> None:
    """Reject names of outputs that make no sense, before reading anything; the picture is the last of `others`."""
    from pathlib import Path

    from cryotools.anchors.output import script_file
    from cryotools.core.files.output import check_output
    from cryotools.view.picture import check_can_draw

    outputs = [name for name in (script_file(out), *others, out) if name]
    inputs = [source for source in given if source and source != "-"]
    if others[-1]:
        check_can_draw(others[-1])
    for output in outputs:
        check_output(output, inputs)
    places = [Path(name).resolve() for name in outputs]
    twice = [name for name, place in zip(outputs, places, strict=True) if places.count(place) > 1]
    if twice:
        raise UsageError(f"{twice[-1]}: is the name of two outputs; give each its own")


def _write(
    found: _Found, out: str, source: MapSource, *, every: bool, fit: str | None, check: str | None, preview: str | None
) -> list[str]:
    """Write all files, or none if one cannot be written; returns their names."""
    import numpy as np

    from cryotools.anchors.output import write_anchors
    from cryotools.core.files.output import output_set, write_text
    from cryotools.core.files.table import csv_text

    detection = found.detection
    anchors = detection.anchors(found.confidence)
    names = []
    with output_set():
        if found.checked is not None and found.structure is not None and check:
            from cryotools.anchors.modelcheck import write_check

            write_check(check, found.structure, found.checked)
            names.append(check)
        if found.fits is not None and fit:
            from cryotools.anchors.sequencetable import FIT_COLUMNS, fit_rows

            write_text(fit, csv_text(FIT_COLUMNS, fit_rows(found.fits, detection.residues)))
            names.append(fit)
        if preview:
            from cryotools.anchors.preview import draw_anchors

            draw_anchors(preview, detection, anchors, source.file, found.model)
            names.append(preview)
        which = np.arange(len(detection.residues)) if every else anchors
        names += write_anchors(out, detection, which, source, every_head=every)
    return names


def _figures(found: _Found) -> dict[str, Any]:
    """The result in numbers."""
    residues = found.detection.residues
    anchors = found.detection.anchors(found.confidence)
    figures: dict[str, Any] = {
        "confidence": found.confidence,
        "n_residues": len(residues),
        "n_paths": int(residues.path.max(initial=-1)) + 1,
        "n_anchors": len(anchors),
        "expected_right": float(residues.confidence[anchors].mean()) if len(anchors) else None,
        "n_nucleotides": len(found.detection.nucleotides["C4'"][0]),
    }
    if found.model is not None:
        share = found.model.share_right(anchors)
        figures |= {"n_in_model": len(found.model.truth), "recall": found.model.recall, "anchors_right": share}
    if found.checked is not None:
        figures["verdicts"] = found.checked.counts()
    if found.fits is not None:
        figures["n_placed"] = sum(len(one) for one in found.fits if one.accepted)
    return figures


def _summarise(figures: dict[str, Any]) -> None:
    found = f"{figures['n_residues']} residues in {figures['n_paths']} paths"
    sure = f"{figures['n_anchors']} of them with a confidence of at least {figures['confidence']:g}"
    expected = figures["expected_right"]
    note(f"{figures['map']}: {found}, {sure}{f' ({expected:.0%} expected to be right)' if expected else ''}")
    if "verdicts" in figures:
        note("the model's residues: " + ", ".join(f"{count} {name}" for name, count in figures["verdicts"].items()))
    if "n_placed" in figures:
        note(f"{figures['n_placed']} residues fit the sequences")
    if "n_in_model" in figures:
        share = figures["anchors_right"]
        right = f"{share:.0%} of the anchors are right, " if share == share else ""
        note(
            f"against the model: {right}{figures['recall']:.0%} of its {figures['n_in_model']} residues are found "
            "within 3 A"
        )
    note(f"written: {', '.join(figures['outputs'])}")
