"""`cryotools eval-sse`: how well secondary structure in maps agrees with models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cryotools.cli import options as opt
from cryotools.cli import sserun
from cryotools.cli.console import complain, note, print_json, progress, set_threads, skip_existing, spell

if TYPE_CHECKING:
    from cryotools.core.progress import Progress
    from cryotools.curation.pairlist import Entry
    from cryotools.sse.evaluate import Evaluation, Predict, Reading

NAME = "eval-sse"
EPILOG = """The true class of a residue comes from DSSP's hydrogen bonds in MODEL; the predicted class is the one with
the highest mean probability at its backbone. recall and precision are those of residues in helices, sheets and nucleic
acids whose backbone density is at least 1 σ; q3 is the fraction of all amino acids that are right. The baseline columns
are the scores of giving all residues the same class: quote them beside the scores. With --list there is one line per
map, followed by the mean, the median and their 95 % bootstrap intervals over maps.

--list takes the same CSV file as curate. --probabilities scores existing class maps on any grid: PREFIX_helix.mrc,
PREFIX_sheet.mrc and PREFIX_nucleotide.mrc (or Haruspex's PREFIX_npair.mrc); with --list, {id} in PREFIX stands for the
id of each pair.

Examples:

cryotools eval-sse map.mrc examples/1gbt.cif --res 3 --json

cryotools eval-sse --list pairs.csv --csv scores.csv --residues residues.csv
"""


def command(
    map_file: Annotated[str | None, typer.Argument(metavar="MAP", help="The map to score.")] = None,
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="The model built into it.")] = None,
    pairs: Annotated[
        str | None, opt.main("--list", metavar="PAIRS", help="CSV list of maps and models, instead of one pair.")
    ] = None,
    resolution: opt.ReportedResolution = None,
    assignment: sserun.Assignment = sserun.Classes.dssp,
    invert: opt.Invert = False,
    weights: Annotated[str | None, opt.weights("train-sse")] = None,
    bias: opt.Bias = 0.0,
    probabilities: Annotated[
        str | None,
        opt.main(
            "--probabilities", metavar="PREFIX", help="Score these existing class maps instead of running a network."
        ),
    ] = None,
    csv: Annotated[str | None, opt.output("--csv", metavar="FILE", help="The scores as CSV; - is stdout.")] = None,
    residues: Annotated[
        str | None,
        opt.output("--residues", metavar="FILE", help="All residues with their probabilities as CSV."),
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
    """Score helices, sheets and nucleotides in maps against models."""
    threads = set_threads(threads)
    last = next((table for table in (csv, residues) if table and table != "-"), None)
    if last and skip_existing(last, no_clobber):
        return
    _check_outputs(csv, residues, json=json)
    _check_network(probabilities, weights, rotations, bias, precision)
    entries = _entries(map_file, model, pairs, resolution)
    _check_entries(entries, probabilities, by_author=assignment == "author")
    _check_tables((csv, residues), [file for file in (pairs, weights) if file], entries)
    from cryotools.core.compute.runner import Compute
    from cryotools.sse.evaluate import Reading, by_files, by_network, evaluate_pair

    reading = Reading(voxel_size, replace_nan, invert, by_author=assignment == "author")
    with progress() as reporter:
        if probabilities:
            predict = by_files(probabilities)
        else:
            compute = Compute(device, precision.value, threads)
            predict = by_network(weights, compute, rotations, bias, None if pairs else reporter)
        if pairs:
            found = _evaluate(entries, predict, reading, reporter)
        else:
            found = [evaluate_pair(entries[0], predict, reading)]
    _write(found, csv, residues, json=json)
    if any(each.error for each in found):
        raise typer.Exit(1)


def _check_outputs(csv: str | None, residues: str | None, *, json: bool) -> None:
    """Reject results that would go to the same place."""
    from cryotools.core.errors import UsageError

    if json and csv == "-":
        raise UsageError("--json and --csv - both write to standard output; give one")
    if residues == "-":
        raise UsageError("--residues cannot go to standard output; name a file")
    if csv and residues and Path(csv).resolve() == Path(residues).resolve():
        raise UsageError(f"--csv and --residues both write {csv}; name different files")


def _check_network(
    probabilities: str | None, weights: str | None, rotations: int, bias: float, precision: opt.Precision
) -> None:
    """Reject options for a network when none is run."""
    from cryotools.core.errors import UsageError

    less = precision not in ("fp32", "auto")
    given = {"--weights": weights, "--rotations": rotations != 1, "--bias": bias, "--precision": less}
    wrong = next((option for option, value in given.items() if value), None)
    if probabilities and wrong:
        raise UsageError(f"--probabilities runs no network; leave out {wrong}")


def _check_entries(entries: list[Entry], probabilities: str | None, *, by_author: bool) -> None:
    """Reject options that the pairs do not allow."""
    from cryotools.core.errors import UsageError

    if probabilities and len(entries) > 1 and "{id}" not in probabilities:
        raise UsageError(f"--probabilities {probabilities}: put {{id}} where each pair's id belongs")
    if by_author and any(entry.model == "-" for entry in entries):
        raise UsageError("--assignment author reads the model twice; give a file instead of -")


def _check_tables(tables: tuple[str | None, ...], inputs: list[str], entries: list[Entry]) -> None:
    """Reject tables that cannot be written or would overwrite an input, before reading anything."""
    from cryotools.core.files.output import check_output

    inputs = inputs + [file for entry in entries for file in (entry.map, entry.model)]
    for table in tables:
        if table and table != "-":
            check_output(table, inputs)


def _entries(map_file: str | None, model: str | None, pairs: str | None, resolution: float | None) -> list[Entry]:
    """The single pair, or those of the list."""
    from cryotools.core.errors import UsageError
    from cryotools.curation.pairlist import Entry, read_list

    if pairs is None:
        if not (map_file and model):
            raise UsageError("give a map and its model, or a list of pairs with --list")
        told = float("nan") if resolution is None else resolution
        return [Entry(Path(map_file).name, map_file, model, told, "", 0)]
    if map_file or resolution is not None:
        raise UsageError(f"--list names the {'maps and models' if map_file else 'resolutions'}; give one or the other")
    entries = read_list(pairs)
    if by_id := [entry.id for entry in entries if not (entry.map and entry.model)]:
        raise UsageError(f"{pairs}: {by_id[0]} gives an accession instead of a file; download it first")
    return entries


def _evaluate(entries: list[Entry], predict: Predict, reading: Reading, reporter: Progress) -> list[Evaluation]:
    """Evaluate every pair, reporting errors as they occur."""
    from cryotools.sse.evaluate import evaluate_list

    reporter.start(len(entries), "maps")
    found = []
    for judged in evaluate_list(entries, predict, reading):
        each = replace(judged, error=spell(judged.error))
        found.append(each)
        reporter.advance()
        if each.error:
            complain("error", f"{each.id}: {each.error}")
    return found


def _write(found: list[Evaluation], csv: str | None, residues: str | None, *, json: bool) -> None:
    """Write the requested tables, and the main scores to stderr."""
    from cryotools.core.files.output import write_text
    from cryotools.sse.evaluate import annotation_residues_csv_text, annotation_scores_csv_text

    if residues and not all(each.error for each in found):
        write_text(residues, annotation_residues_csv_text(found))
    if csv and csv != "-":
        write_text(csv, annotation_scores_csv_text(found))
    if json:
        print_json(_figures(found))
    elif csv == "-":
        typer.echo(annotation_scores_csv_text(found), nl=False)
    _say(found)


def _figures(found: list[Evaluation]) -> dict[str, object]:
    """The output of --json."""
    from dataclasses import asdict

    from cryotools.sse.evaluate import summary

    over = summary(found) if len(found) > 1 else {}
    means = {name: {score: asdict(each) for score, each in scores.items()} for name, scores in over.items()}
    return {"maps": [each.row() for each in found], **means}


def _say(found: list[Evaluation]) -> None:
    """Print the main scores beside the baseline of one class for all residues."""
    from dataclasses import asdict

    from cryotools.sse.evaluate import summary

    scores = [each.scores for each in found if each.scores]
    if not scores:
        return
    if len(found) == 1:
        name, value = found[0].id, asdict(scores[0])
    else:
        name = f"mean of {len(scores)} of {len(found)} maps"
        value = {score: each.value for score, each in summary(found)["mean"].items()}
    shown = {key: sserun.score(number) for key, number in value.items()}
    recall, precision, q3 = (f"{shown[key]} ({shown[f'{key}_baseline']})" for key in ("recall", "precision", "q3"))
    note(
        f"{name}: recall {recall}, precision {precision}, Q3 {q3}; in parentheses: the scores of the most common class"
    )
