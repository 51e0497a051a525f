"""`make bench-realism SET=FOLDER FOLD=0`: learned and classical maps against experimental ones.

FOLDER is a training set made by `cryotools curate`; the maps of one fold are judged, of families that the networks must
not have seen. Everything is printed as Markdown, for docs/simulation-accuracy.md.
"""

from __future__ import annotations

import argparse
import sys

import downstream
import numpy as np
import speed
from fidelity import MEASURES, NEAR, Makers, fidelity
from tables import gains, interval, table

from cryotools.core.compute.checkpoint import shipped
from cryotools.core.compute.runner import Compute
from cryotools.core.maps.distance import near_points
from cryotools.metrics.correlation import pearson
from cryotools.realism.predict import evaluate
from cryotools.simulate.classical.formulas import MapOptions, molmap_density, pdb2mrc_density
from cryotools.simulate.learned.inputs import Condition
from cryotools.simulate.learned.predict import generate
from cryotools.simulate.learned.vae_predict import generate_vae
from cryotools.simulate.noise import half_maps
from cryotools.training.pairs import Pair, load_folder

FINEST = 2.1  # Å; voxels of 1 Å show no finer noise


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder")
    options.add_argument("--fold", type=int, default=0)
    options.add_argument("--only", choices=("fidelity", "realism", "downstream", "speed"), action="append")
    options.add_argument("--adversarial", help="a generator trained with a heavy adversary")
    options.add_argument("--plain", help="a plain SmoothL1 U-Net")
    options.add_argument("--evaluator", default=str(shipped("evaluation-discriminator")))
    options.add_argument("--structure", default="examples/1gbt.cif")
    chosen = options.parse_args()
    pairs = load_folder(chosen.folder)
    training, judged = ([p for p in pairs if (p.fold == chosen.fold) == held] for held in (False, True))
    parts = chosen.only or ["fidelity", "realism", "downstream", "speed"]
    if "speed" in parts:
        print_speed(chosen.structure)
    if parts == ["speed"]:
        return
    broader = best_factor(training)
    makers = all_makers(broader, chosen)
    if "fidelity" in parts:
        print_fidelity(judged, makers, broader)
    if "realism" in parts:
        print_realism(judged, makers, chosen.evaluator)
    if "downstream" in parts:
        print_downstream(training, judged, makers)


def best_factor(training: list[Pair]) -> float:
    """The factor on the resolution by which molmap comes nearest to the training maps, on average."""
    factors = np.round(np.arange(1.0, 1.85, 0.1), 1)
    means = []
    for factor in factors:
        scores = []
        for pair in training:
            near = near_points(pair.target.grid, pair.structure.xyz, NEAR)
            scores.append(pearson(_classical(pair, factor)[near], pair.target.data[near]))
        means.append(np.mean(scores))
    return float(factors[int(np.argmax(means))])


def all_makers(broader: float, chosen: argparse.Namespace) -> Makers:
    """What is compared, by name."""

    def learned(pair: Pair, b_factors: bool = False, **how: str) -> np.ndarray:
        condition = Condition(pair.resolution, b_factors)
        return generate(pair.structure, pair.target.grid, condition, Compute("cpu"), **how)

    makers: Makers = {
        "molmap": lambda pair: _classical(pair, 1.0),
        f"molmap {broader:g} ×": lambda pair: _classical(pair, broader),
        "pdb2mrc": lambda pair: pdb2mrc_density(
            pair.structure, pair.target.grid, MapOptions(pair.resolution, occupancy=False)
        ),
        "gan": learned,
        "gan, B": lambda pair: learned(pair, b_factors=True),
        "vae-gan": lambda pair: generate_vae(
            pair.structure, pair.target.grid, Condition(pair.resolution), None, Compute("cpu")
        ),
        "vae-gan, sample": lambda pair: generate_vae(
            pair.structure, pair.target.grid, Condition(pair.resolution), 1, Compute("cpu")
        ),
    }
    if chosen.adversarial:
        makers["gan, adversarial"] = lambda pair: learned(pair, weights=chosen.adversarial)
    if chosen.plain:
        makers["plain U-Net"] = lambda pair: learned(pair, weights=chosen.plain)
    return makers


def print_fidelity(judged: list[Pair], makers: Makers, broader: float) -> None:
    """Measurement 1."""
    scores = [fidelity(pair, makers) for pair in judged]
    print(f"\n## Fidelity\n\nk fitted on the training folds: {broader:g}")
    for number, setting in enumerate(("As made", "Amplitudes matched")):
        print(f"\n### {setting}")
        for measure in MEASURES:
            rows = [{name: values[measure] for name, values in each[number].items()} for each in scores]
            print(table(measure, judged, rows))
            baseline = max(("molmap", f"molmap {broader:g} ×"), key=lambda name: np.mean([row[name] for row in rows]))
            print("\n" + "; ".join(gains(name, baseline, rows) for name in ("gan", "gan, B")))


def print_realism(judged: list[Pair], makers: Makers, evaluator: str) -> None:
    """Measurement 2: the share of structured voxels near atoms that the discriminator calls real."""
    extra: Makers = {"experimental": lambda pair: pair.target.data, **makers}
    for name in ("molmap", "gan", "gan, B"):
        extra[f"{name} + noise"] = lambda pair, make=makers[name]: _noisy(pair, make(pair))
    rows = []
    for pair in judged:
        made = {name: pair.target.with_data(make(pair)) for name, make in extra.items()}
        how = {"weights": evaluator, "compute": Compute("cpu")}
        verdicts = {name: evaluate(volume, pair.structure, **how) for name, volume in made.items()}
        rows.append({name: verdict.fraction_real for name, verdict in verdicts.items()})
    print("\n## Realism\n" + table("Fraction of voxels called real", judged, rows))
    right = [(row["experimental"] + 1 - row["molmap"]) / 2 for row in rows]
    print(f"\naccuracy of the discriminator, experimental against molmap: {interval(right)}")


def print_downstream(training: list[Pair], judged: list[Pair], makers: Makers, steps: int = 300) -> None:
    """Measurement 3."""
    sources: Makers = {
        "experimental": lambda pair: pair.target.data,
        "molmap": makers["molmap"],
        "gan, B": makers["gan, B"],
        "gan, B + noise": lambda pair: _noisy(pair, makers["gan, B"](pair)),
        "vae-gan, sample": makers["vae-gan, sample"],
    }
    protein = [pair for pair in judged if len(downstream.backbone_classes(pair.structure)[1]) > 20]
    columns = {}
    for name, make in sources.items():
        columns[name] = downstream.train_and_test(training, protein, make, steps)
        print(name, np.round(columns[name], 3), file=sys.stderr, flush=True)
    rows = [{name: values[number] for name, values in columns.items()} for number in range(len(protein))]
    print("\n## Worth as training data\n" + table("Mean F1 of helix, sheet and the rest", protein, rows))


def print_speed(structure: str) -> None:
    """Measurement 4."""
    costs = speed.measure(structure, 3.0)
    print("\n## Speed\n\n| | CPU s | peak MB |\n|---|---|---|")
    for name, (seconds, memory) in costs.items():
        print(f"| {name} | {seconds:.1f} | {memory:.0f} |")
    ours, theirs = (seconds for seconds, _ in costs.values())
    print(f"\nratio: {theirs / ours:.1f}")


def _classical(pair: Pair, factor: float) -> np.ndarray:
    return molmap_density(pair.structure, pair.target.grid, MapOptions(factor * pair.resolution, occupancy=False))


def _noisy(pair: Pair, data: np.ndarray) -> np.ndarray:
    """With the noise that a reconstruction at the pair's resolution has."""
    return half_maps(data, pair.target.voxel_size, max(pair.resolution, FINEST))[2]


if __name__ == "__main__":
    main()
