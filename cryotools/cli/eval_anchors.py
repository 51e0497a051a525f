"""`cryotools eval-anchors`: how well the residues found in maps agree with models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryotools.cli import options as opt
from cryotools.cli.console import complain, note, print_json, progress, set_threads, skip_existing, spell

if TYPE_CHECKING:
    from cryotools.anchors.evaluate import AnchorEvaluation
    from cryotools.anchors.predict import AnchorDetector
    from cryotools.core.progress import Progress
    from cryotools.curation.pairlist import Entry

NAME = "eval-anchors"
EPILOG = """PAIRS is the same CSV file as that of curate: columns id, map, model, resolution, family. OUT has one line
per map: Cα atoms found within 1, 2 and 3 Å and their order; anchors of a confidence of at least 0.8, right if
one-to-one within 3 Å (or 1.5 Å) of the centre of mass of a residue of their type; the precision of the most confident;
the calibration error; and amino acids, beside the fraction of the most common one (majority), in the frames of the
model's own Cα atoms (columns that begin with true_), in the same frames centred on the residue's centre of mass (mass_)
and where residues were found (found_). Lines with the mean and its 95 % bootstrap interval over maps follow.
Residues found in density that has no model do not count. --plots draws which amino acid is taken for which at true Cα
atoms, how often residues of each confidence are right, and the fraction wrong among the most confident.

Examples:

cryotools eval-anchors pairs.csv scores.csv

cryotools eval-anchors pairs.csv - --shard 1/4 --json
"""


def command(
    pairs: Annotated[str, typer.Argument(metavar="PAIRS", help="CSV list of maps and models.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="The scores as CSV; - is standard output.")],
    weights: Annotated[str | None, opt.weights("train-anchors")] = None,
    trace_weights: Annotated[
        str | None,
        opt.main("--trace-weights", metavar="FILE", help="Find chains with this network instead of the shipped one."),
    ] = None,
    fold: Annotated[
        int | None, opt.main("--fold", min=0, metavar="N", help="Score only the maps of this fold of the list.")
    ] = None,
    plots: Annotated[
        str | None,
        opt.output("--plots", metavar="FOLDER", help="Draw confusion.png and confidence.png, of all maps, there."),
    ] = None,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    device: opt.Device = "auto",
    precision: opt.ResultPrecision = opt.Precision.fp32,
    threads: opt.Threads = None,
    rotations: opt.Rotations = 1,
    shard: opt.Shard = None,
    debug: opt.Debug = False,
) -> None:
    """Score the residues that detect-anchors finds in maps against models."""
    threads = set_threads(threads)
    if out != "-" and skip_existing(out, no_clobber):
        return
    entries = _entries(pairs, fold, shard)
    _check_outputs(out, plots, [pairs, weights, trace_weights], entries)
    from cryotools.anchors.predict import AnchorDetector
    from cryotools.core.compute.runner import Compute

    detector = AnchorDetector(weights, trace_weights, Compute(device, precision.value, threads), rotations)
    with progress() as reporter:
        found = _evaluate(detector, entries, reporter)
    _write(found, out, plots, json=json)
    if any(each.error for each in found):
        raise typer.Exit(1)


def _entries(pairs: str, fold: int | None, shard: str | None) -> list[Entry]:
    """The pairs of the list, or of one of its folds, that this process is to do."""
    from cryotools.core.errors import UsageError
    from cryotools.core.files.shards import parse_shard
    from cryotools.curation.pairlist import read_list

    entries = read_list(pairs)
    if by_id := [entry.id for entry in entries if not (entry.map and entry.model)]:
        raise UsageError(f"{pairs}: {by_id[0]} gives an accession instead of a file; download it first")
    if fold is not None:
        folds = sorted({entry.fold for entry in entries})
        entries = [entry for entry in entries if entry.fold == fold]
        if not entries:
            raise UsageError(f"--fold {fold}: {pairs} has no map in it; its folds are {', '.join(map(str, folds))}")
    return parse_shard(shard).of(entries)


def _check_outputs(out: str, plots: str | None, inputs: list[str | None], entries: list[Entry]) -> None:
    """Reject files that cannot be written, and a table that would overwrite an input, before reading anything."""
    from cryotools.core.files.output import check_output

    if plots is not None:
        from cryotools.anchors.evaluate import PLOTS
        from cryotools.view.picture import check_can_draw

        for name in PLOTS:
            check_can_draw(str(Path(plots, name)))
    if out != "-":
        files = [file for entry in entries for file in (entry.map, entry.model)]
        check_output(out, [file for file in (*inputs, *files) if file])


def _evaluate(detector: AnchorDetector, entries: list[Entry], reporter: Progress) -> list[AnchorEvaluation]:
    """Evaluate every pair, reporting errors as they occur."""
    from cryotools.anchors.evaluate import evaluate_anchor_list

    reporter.start(len(entries), "maps")
    found = []
    for judged in evaluate_anchor_list(detector, entries):
        found.append(replace(judged, error=spell(judged.error)))
        reporter.advance()
        if judged.error:
            complain("error", f"{judged.id}: {found[-1].error}")
    return found


def _write(found: list[AnchorEvaluation], out: str, plots: str | None, *, json: bool) -> None:
    """Write the table and the plots, and the main scores to stderr."""
    from dataclasses import asdict

    from cryotools.anchors.evaluate import anchor_scores_csv_text, anchor_summary, draw_evaluations
    from cryotools.core.files.output import write_text

    text, over = anchor_scores_csv_text(found), anchor_summary(found)
    if out != "-":
        write_text(out, text)
    if plots is not None:
        draw_evaluations(plots, found)
    if json:
        print_json({"maps": [each.row() for each in found], "mean": {name: asdict(one) for name, one in over.items()}})
    elif out == "-":
        typer.echo(text, nl=False)
    if over:
        mean = {name: one.value for name, one in over.items()}
        note(
            f"mean of {sum(not each.error for each in found)} of {len(found)} maps: Cα recall {mean['recall_3']:.3f} "
            f"and precision {mean['precision_3']:.3f} at 3 Å, {mean['rmsd']:.2f} Å; forward {mean['forward']:.3f}, "
            f"backward {mean['backward']:.3f}; anchors right {mean['precision']:.3f}, share {mean['share']:.3f}; "
            f"amino acids at true Cα {mean['true_top1']:.3f} (most common one: {mean['true_majority']:.3f})"
        )
