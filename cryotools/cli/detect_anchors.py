"""`cryotools detect-anchors`: residues whose place and type can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import detail, note, print_json, progress, set_threads, skip_existing
from cryotools.core.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from cryotools.anchors.detected import Detection
    from cryotools.anchors.labels import ResidueTruth
    from cryotools.anchors.predict import AnchorDetector
    from cryotools.core.structures.structure import Structure

NAME = "detect-anchors"
EPILOG = """OUT.pdb and OUT.cif hold one CA per anchor, named after its most probable amino acid; the B factor is
confidence × 100, the probability in percent that an amino acid of this type is at this place. OUT.cxc beside it shows
map and anchors in ChimeraX. OUT.csv is a table with the runner-up types. With --all, every residue found is written,
whatever its confidence, and the table has all that is known of it: its path and neighbours, the probability of its
direction, of helix and strand, and of each of the twenty amino acids.

With --sequence, stretches of residues that fit the proteins' sequences get their types from there, as surely as they
fit; --fit says where each stretch fits and how likely that is by chance. Sequences that do not belong to the map fit
nowhere, which is said, and change nothing.

With --structure, anchors are compared with a model; --check scores its residues one by one: which fit what the map
shows, which lie where no residue is found, which belong further along the chain (out of register) or to a chain that
runs the other way.

Give the resolution if it is known. The networks were trained on maps from 1.8 to 4.8 Å; beyond 4.5 Å hardly any
residue is an anchor.

Examples:

cryotools detect-anchors map.mrc anchors.pdb --res 3 --preview anchors.png

cryotools detect-anchors map.mrc residues.csv --res 3 --all --json
"""


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
        opt.output("--check", metavar="CSV", help="Which residues of the model look misplaced or out of register."),
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
    threads = set_threads(threads)
    if skip_existing(out, no_clobber):
        return
    for option, table, of, given in (
        ("--fit", fit, "--sequence", sequence),
        ("--check", check, "--structure", structure),
    ):
        if table and not given:
            raise UsageError(f"{option} needs {of}")
    _check_arguments(out, [map_file, structure, sequence, weights, trace_weights], preview, [fit, check])
    from cryotools.anchors.check import warn_if_few
    from cryotools.anchors.hand import warn_if_left_handed
    from cryotools.anchors.output import write_anchors
    from cryotools.anchors.predict import AnchorDetector
    from cryotools.core.compute.runner import Compute
    from cryotools.core.maps.mapfile import read_map

    detector = AnchorDetector(weights, trace_weights, Compute(device, precision.value, threads), rotations)
    volume = read_map(map_file, voxel_size=voxel_size, replace_non_finite=replace_nan)
    volume = volume.with_data(-volume.data) if invert else volume
    model = _model(structure) if structure else None
    truth = model[1] if model else None
    sequences = _sequences(sequence) if sequence else None
    with progress() as reporter:
        detection = detector.detect(volume, resolution, progress=reporter)
    warn_if_left_handed(detection.residues)
    found: dict[str, Any] = {}
    if model and check:
        found["verdicts"] = _write_check(detector, detection, model[0], check)
    if sequences:
        detection, found["n_placed"] = _with_sequences(detection, sequences, fit)
    import numpy as np

    which = np.arange(len(detection.residues)) if every else detection.anchors(confidence)
    warn_if_few(detection, confidence)
    names = [table for table in (check, fit) if table]
    names += write_anchors(out, detection, which, map_file, every_head=every)
    if preview:
        from cryotools.anchors.preview import draw_anchors

        draw_anchors(preview, detection, detection.anchors(confidence), map_file, truth)
        names.append(preview)
    figures = {"map": map_file, "resolution_A": resolution, "confidence": confidence}
    figures |= _figures(detection, detection.anchors(confidence), truth) | found
    if json:
        print_json({**figures, "outputs": names})
    _summarise(map_file, figures, names)
    levels = detection.levels
    detail(f"background {levels.background:.4g}, molecule density {levels.strength:.4g}, {threads} threads")


def _check_arguments(out: str, given: list[str | None], preview: str | None, tables: list[str | None]) -> None:
    """Reject arguments that make no sense, before reading anything."""
    from cryotools.anchors.output import check_format, script_file
    from cryotools.core.files.output import check_output
    from cryotools.view.picture import check_can_draw

    suffix = check_format(out)
    inputs = [source for source in given if source and source != "-"]
    outputs = [out] if suffix == ".csv" else [out, script_file(out)]
    for output in [*outputs, *(table for table in tables if table)]:
        check_output(output, inputs)
    if preview:
        check_can_draw(preview)
        check_output(preview, inputs)


def _model(path: str) -> tuple[Structure, ResidueTruth]:
    """A model and its residues."""
    from cryotools.anchors.labels import residue_truth
    from cryotools.core.structures.structurefile import read_structure

    structure = read_structure(path)
    return structure, residue_truth(structure)


def _write_check(detector: AnchorDetector, detection: Detection, model: Structure, table: str) -> dict[str, int]:
    """Write how well each residue of a model fits the map; returns the number of residues of each verdict."""
    from cryotools.anchors.modelcheck import CHECK_COLUMNS, check_model
    from cryotools.core.files.output import write_text
    from cryotools.core.files.table import csv_text

    checked = check_model(detector, detection, model)
    write_text(table, csv_text(CHECK_COLUMNS, checked.rows()))
    return checked.counts()


def _sequences(path: str) -> dict[str, str]:
    """The sequences of a FASTA file."""
    from cryotools.core.structures.fasta import read_fasta

    return read_fasta(path)


def _with_sequences(detection: Detection, sequences: dict[str, str], table: str | None) -> tuple[Detection, int]:
    """The detection with what the sequences say of it, and the number of residues placed on them."""
    from dataclasses import replace

    from cryotools.anchors.reweight import apply_sequences
    from cryotools.anchors.sequence import fit_sequences
    from cryotools.anchors.sequencetable import FIT_COLUMNS, fit_rows
    from cryotools.core.files.output import write_text
    from cryotools.core.files.table import csv_text

    residues, fits = apply_sequences(detection.residues, fit_sequences(detection.residues, sequences), sequences)
    if table:
        write_text(table, csv_text(FIT_COLUMNS, fit_rows(fits, residues)))
    placed = sum(len(one) for one in fits if one.accepted)
    return replace(detection, residues=residues), placed


def _figures(detection: Detection, anchors: np.ndarray, truth: ResidueTruth | None) -> dict[str, Any]:
    """The result in numbers."""
    import numpy as np

    residues = detection.residues
    figures: dict[str, Any] = {
        "n_residues": len(residues),
        "n_paths": int(residues.path.max(initial=-1)) + 1,
        "n_anchors": len(anchors),
        "expected_right": float(residues.confidence[anchors].mean()) if len(anchors) else None,
        "n_nucleotides": len(detection.nucleotides["C4'"][0]),
    }
    if truth is not None:
        from cryotools.metrics.detection import match_points

        within = match_points(residues.ca[anchors], truth.ca, 3.0)
        right = residues.amino[anchors][within.found] == truth.amino[within.truth]
        figures |= {
            "n_in_model": len(truth),
            "recall": len(match_points(residues.ca, truth.ca, 3.0)) / max(len(truth), 1),
            "anchors_right": float(np.sum(right) / len(anchors)) if len(anchors) else None,
        }
    return figures


def _summarise(map_file: str, figures: dict[str, Any], names: list[str]) -> None:
    found = f"{figures['n_residues']} residues in {figures['n_paths']} paths"
    sure = f"{figures['n_anchors']} of them with a confidence of at least {figures['confidence']:g}"
    expected = figures["expected_right"]
    note(f"{map_file}: {found}, {sure}{f' ({expected:.0%} expected to be right)' if expected else ''}")
    if "verdicts" in figures:
        note("the model's residues: " + ", ".join(f"{count} {name}" for name, count in figures["verdicts"].items()))
    if "n_placed" in figures:
        note(f"{figures['n_placed']} residues fit the sequences")
    if figures.get("anchors_right") is not None:
        note(
            f"against the model: {figures['anchors_right']:.0%} of the anchors are right, {figures['recall']:.0%} of "
            f"its {figures['n_in_model']} residues are found within 3 A"
        )
    note(f"written: {', '.join(names)}")
