"""`cryotools train-anchors`: train the networks of detect-anchors."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cryotools.cli import options as opt
from cryotools.cli import trainrun as run
from cryotools.cli.console import progress
from cryotools.core.errors import UsageError

if TYPE_CHECKING:
    import torch

    from cryotools.anchors.learning.tasks import Training
    from cryotools.training.pairs import Pair
    from cryotools.training.task import Task

NAME = "train-anchors"
EPILOG = """DATA is a folder made by `cryotools curate`. There are two networks to train, each in a run of its own:
trace finds Cα atoms and chains, type names the amino acid in a residue's frame. OUT/model.safetensors is for
detect-anchors --trace-weights and --weights. A third, aanchor, is the published one, for comparison.

--domains says what a network learns from: em are the maps of DATA, sim boxes simulated from --structures, xray boxes of
the density of --crystals (a folder of folders, each with model.pdb.gz and data.mtz.gz with the columns FWT and PHWT).
Without em, all maps of DATA are held out, whatever --fold says. --structures is a folder, a text file with one path per
line, or a CSV table with the column file and optionally homolog_of_fold, to leave out relatives of the held-out maps.
OUT/boxes (or --cache) keeps the boxes for the next run; OUT also receives metrics.csv, losses.png, config.json, and
state.pt, from which --resume continues.

--adapt makes the features of the type network those of all domains alike: mmd by their maximum mean discrepancy, paired
also by the features of the same residues in a map and in its simulation, adversarial by a network that tries to tell
the domains apart. It needs em beside other domains.

Examples:

cryotools train-anchors training-set types --structures examples --simulated 2 --fold none --steps 2 --width 4

cryotools train-anchors training-set chains --network trace --fold none --versions 1 --steps 2 --width 4
"""


class Network(StrEnum):
    """The network to train."""

    type = "type"
    trace = "trace"
    aanchor = "aanchor"


class Adapt(StrEnum):
    """How the features of domains are brought together."""

    none = "none"
    mmd = "mmd"
    paired = "paired"
    adversarial = "adversarial"


def command(
    data: run.Data,
    out: run.Out,
    network: Annotated[
        Network, opt.main("--network", metavar="NAME", help="Which network: type, trace or aanchor.")
    ] = Network.type,
    domains: Annotated[
        str,
        opt.main("--domains", metavar="A,B", help="What to learn from: any of em, sim and xray; default: all given."),
    ] = "em,sim,xray",
    adapt: Annotated[
        Adapt, opt.main("--adapt", metavar="NAME", help="Adapt domains: none, mmd, paired or adversarial.")
    ] = Adapt.none,
    structures: Annotated[
        str | None, opt.main("--structures", metavar="PATH", help="Structures to simulate: a folder or a list.")
    ] = None,
    crystals: Annotated[
        str | None, opt.main("--crystals", metavar="FOLDER", help="Crystals with their density (2mFo-DFc).")
    ] = None,
    simulated: Annotated[
        int | None, opt.main("--simulated", min=1, metavar="N", help="Boxes to simulate; default: three per structure.")
    ] = None,
    crystalline: Annotated[
        int | None, opt.main("--crystalline", min=1, metavar="N", help="Boxes of crystals; default: seven per crystal.")
    ] = None,
    versions: Annotated[
        int,
        opt.main("--versions", min=1, metavar="N", help="Versions of each experimental map, including the original."),
    ] = 10,
    fold: run.Fold = "0",
    steps: run.Steps = 5000,
    batch: Annotated[
        int, opt.main("--batch", min=1, metavar="N", help="Maps per update and process; cubes, for trace.")
    ] = 6,
    width: Annotated[
        int | None, opt.main("--width", min=1, metavar="N", help="Channels at the finest level; ignored with --init.")
    ] = None,
    learning_rate: run.LearningRate = 2e-3,
    init: Annotated[
        str | None, opt.main("--init", metavar="FILE", help="Start from the weights of this trained network.")
    ] = None,
    cache: Annotated[str | None, opt.main("--cache", metavar="FOLDER", help="Folder that keeps the boxes.")] = None,
    resume: run.Resume = False,
    every: run.Every = 500,
    snapshots: run.Snapshots = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    seed: opt.Seed = 0,
    device: opt.Device = "auto",
    precision: opt.TrainingPrecision = opt.Precision.auto,
    threads: opt.Threads = None,
    workers: run.Workers = None,
    debug: opt.Debug = False,
) -> None:
    """Train the networks that find residues and name amino acids in maps."""
    chosen = _domains(domains, structures, crystals)

    def build(pairs: list[Pair], held_out: list[Pair], place: torch.device, kept: Path) -> tuple[Task, dict[str, Any]]:
        from cryotools.anchors.learning.crystals import list_crystals
        from cryotools.anchors.learning.tasks import AnchorOptions, Boxes, describe_anchors, make_anchor_task
        from cryotools.core.structures.structurelist import unrelated_structures

        boxes, held = Path(cache) if cache else Path(out) / "boxes", held_out[0].fold if held_out else None
        unrelated = unrelated_structures(structures, held, to_any="em" not in chosen) if structures else []
        sources = Boxes(
            boxes,
            unrelated if "sim" in chosen else [],
            list_crystals(Path(crystals)) if crystals and "xray" in chosen else [],
            simulated,
            crystalline,
        )
        config = _training(network, width, batch)
        options = AnchorOptions(config, versions, sources, init, place, seed, kept, adapt.value)
        with progress() as reporter:
            task = make_anchor_task(pairs, held_out, options, reporter)
        return task, describe_anchors(task, options)

    asked = run.Run(
        data,
        out,
        fold,
        steps,
        learning_rate,
        every,
        seed,
        device,
        precision,
        threads,
        workers,
        resume,
        only_judged="em" not in chosen,
        snapshots=snapshots,
    )
    run.train_and_report(asked, build, json)


def _training(network: Network, width: int | None, batch: int) -> Training:
    """The settings of a network's training, those not given being its own."""
    from cryotools.anchors.aanchor import AAnchorConfig
    from cryotools.anchors.learning.aanchor import AAnchorTraining
    from cryotools.anchors.learning.trace import TraceTraining
    from cryotools.anchors.learning.types import TypeTraining
    from cryotools.anchors.network import ResidueTypeConfig, TraceConfig

    given = {"width": width} if width else {}
    if network == Network.trace:
        return TraceTraining(TraceConfig(**given), batch=batch)
    if network == Network.aanchor:
        return AAnchorTraining(AAnchorConfig(**given), maps=batch)
    return TypeTraining(ResidueTypeConfig(**given), maps=batch)


def _domains(text: str, structures: str | None, crystals: str | None) -> list[str]:
    """The domains to learn from, checked against the options that supply them."""
    chosen = [name.strip() for name in text.split(",")]
    wrong = [name for name in chosen if name not in ("em", "sim", "xray")]
    if wrong:
        raise UsageError(f"--domains {text}: {wrong[0] or 'an empty name'} is none of em, sim and xray")
    given = {"sim": structures, "xray": crystals}
    asked = text != "em,sim,xray"
    for name, option in (("sim", "--structures"), ("xray", "--crystals")):
        if asked and name in chosen and not given[name]:
            raise UsageError(f"--domains {text}: {name} needs {option}")
    return [name for name in chosen if name == "em" or given[name]]
