"""`cryotools score-drgn`: how well a reconstruction agrees with the truth of a simulated set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cryotools.cli import options as opt
from cryotools.cli import particleset as of
from cryotools.cli.console import note, print_json, progress, set_threads, skip_existing

if TYPE_CHECKING:
    from cryotools.heterogeneity.scoring.score import EnsembleScores

NAME = "score-drgn"
EPILOG = """TRUTH is the folder that simulate-particles writes: truth.csv and a map of each state. With labels alone (a
.csv with a column state, or .npy, .pkl or text with a number per particle; -1 is junk) only the latent space is scored.

Volumes at the places of random images, and at the mean place of each state, are compared with the true ones: area is
that below the FSC over k / box, up to largest_area (CryoBench's score), masked_area that within a soft mask of the true
volume. baseline is what the mean of all true volumes scores, which has no noise: only a run that tells states apart can
be above it.

The latent space: ari and ami (adjusted Rand index and mutual information) and accuracy of k-means; neighbours, the
share of the 50 nearest ones that are of the same state or nearest on the motion, beside that by chance; rank
correlations of the motion; junk_roc_area, 0.5 by chance, of the distance from the middle.

Examples:

cryotools score-drgn latent truth scores.csv --images 4 --plot scores.png

cryotools score-drgn latent labels.txt scores.csv --clusters 2 --json
"""


def command(
    folder: of.Run,
    truth_file: Annotated[str, typer.Argument(metavar="TRUTH", help="Folder of the truth, or a file of labels.")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="CSV: a row for each image and state measured.")],
    images: Annotated[int, opt.main("--images", min=1, metavar="N", help="Random images to measure.")] = 100,
    clusters: Annotated[
        int | None, opt.main("--clusters", min=1, metavar="K", help="Clusters of k-means; default: one per state.")
    ] = None,
    cyclic: Annotated[bool, opt.main("--cyclic", metavar="", help="The motion ends where it began.")] = False,
    plot: Annotated[
        str | None, opt.output("--plot", metavar="PNG", help="Also draw the latent space and the FSC curves.")
    ] = None,
    no_clobber: opt.NoClobber = False,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    seed: opt.Seed = 0,
    threads: opt.Threads = None,
    voxel_size: of.RunVoxelSize = None,
    debug: opt.Debug = False,
) -> None:
    """Score volumes and latent space of a reconstruction against the truth."""
    if skip_existing(out, no_clobber):
        return
    set_threads(threads)
    from pathlib import Path

    from cryotools.core.files.output import check_output, output_set, write_text
    from cryotools.heterogeneity.runs import open_run
    from cryotools.heterogeneity.scoring.score import score_run
    from cryotools.heterogeneity.truth import TABLE, read_truth
    from cryotools.view.picture import check_can_draw

    run = open_run(folder, voxel_size=voxel_size)
    check_output(out, [str(run.file), truth_file, str(Path(truth_file) / TABLE)])
    if plot:
        check_can_draw(plot)
    truth = read_truth(truth_file)
    with progress() as reporter:
        scores = score_run(run, truth, images=images, clusters=clusters, cyclic=cyclic, seed=seed, progress=reporter)
    with output_set():
        if plot:
            from cryotools.heterogeneity.scoring.plot import draw_scores

            draw_scores(plot, scores, run.latent() if run.zdim else None, folder)
        write_text(out, scores.csv_text())
    figures = {"folder": folder, "truth": truth_file, **scores.summary(), "outputs": [out, *([plot] if plot else [])]}
    if json:
        print_json(figures)
    _summarise(figures, scores)


def _summarise(figures: dict[str, Any], scores: EnsembleScores) -> None:
    def shown(name: str) -> str:
        return f"{figures[name]:.3f}"

    if scores.volumes:
        for kind, what in (("image", "images"), ("state", "states")):
            area, masked = (
                f"{shown(f'{kind}_{mask}area_mean')} ± {shown(f'{kind}_{mask}area_std')}, median "
                f"{shown(f'{kind}_{mask}area_median')} (mean volume: {shown(f'{kind}_{mask}baseline_mean')})"
                for mask in ("", "masked_")
            )
            note(f"FSC area, {what} ({figures[f'{what}_measured']}): {area}; masked {masked}")
        note(f"the largest area is {shown('largest_area')}")
    if scores.places and scores.places.clusters:
        note(
            f"{figures['clusters']} clusters: ARI {shown('ari')}, AMI {shown('ami')}, accuracy {shown('accuracy')} "
            f"(most common state: {shown('accuracy_baseline')})"
        )
    if scores.places:
        note(f"neighbours: {shown('neighbours')} (by chance: {shown('neighbours_by_chance')})")
    if scores.places and scores.places.motion:
        circular = f", circular {shown('motion_circular')}" if figures["motion_circular"] >= 0 else ""
        note(
            f"motion: rank correlation {shown('motion_correlation')} with component {figures['motion_component']}"
            f"{circular}, of distances {shown('motion_distances')}"
        )
    if figures["n_junk"] and scores.places:
        note(f"junk: area below the ROC curve {shown('junk_roc_area')}")
    note(f"written: {', '.join(figures['outputs'])}")
