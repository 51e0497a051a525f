"""`make bench-realism SET=FOLDER FOLD=0`: learned and classical maps against experimental ones, map by map.

FOLDER is a training set made by `cryotools curate`. Scores are for the maps of one fold, as made: only the reported
resolution is given. The last lines are means with 95 % bootstrap intervals over maps.
"""

from __future__ import annotations

import argparse

import numpy as np

from cryotools.core.distance import distance_to_points
from cryotools.metrics.correlation import cosine, pearson, ssim, strong_part
from cryotools.simulate.inputs import Condition
from cryotools.simulate.methods import MapOptions, molmap
from cryotools.simulate.predict import generate
from cryotools.training.pairs import Pair, load_folder

NEAR = 3.0
BROADER = 1.3


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder")
    options.add_argument("--fold", type=int, default=0)
    chosen = options.parse_args()
    pairs = [pair for pair in load_folder(chosen.folder) if pair.fold == chosen.fold]
    table = [scores(pair) for pair in pairs]
    for measure in ("Pearson near atoms", "cosine near atoms", "PCC", "SSIM"):
        print(f"\n{measure}\n\n| map | Å | {' | '.join(table[0])} |\n|---|---|{'---|' * len(table[0])}")
        for pair, row in zip(pairs, table, strict=True):
            cells = " | ".join(f"{values[measure]:.3f}" for values in row.values())
            print(f"| {pair.id} | {pair.resolution:g} | {cells} |")
        print(f"| mean | | {' | '.join(interval([row[name][measure] for row in table]) for name in table[0])} |")


def scores(pair: Pair) -> dict[str, dict[str, float]]:
    """Every measure of every kind of map of one pair."""
    grid, structure, target = pair.target.grid, pair.structure, pair.target.data
    near = distance_to_points(grid, structure.xyz) <= NEAR
    made = {
        "molmap": molmap(structure, grid, MapOptions(pair.resolution, occupancy=False)),
        f"molmap, {BROADER} ×": molmap(structure, grid, MapOptions(BROADER * pair.resolution, occupancy=False)),
        "gan": generate(structure, grid, Condition(pair.resolution, b_factors=False), "cpu"),
        "gan, B factors": generate(structure, grid, Condition(pair.resolution, b_factors=True), "cpu"),
    }
    strong = strong_part(target)
    return {
        name: {
            "Pearson near atoms": pearson(data[near], target[near]),
            "cosine near atoms": cosine(data[near], target[near]),
            "PCC": pearson(strong_part(data), strong),
            "SSIM": ssim(strong_part(data), strong),
        }
        for name, data in made.items()
    }


def interval(values: list[float]) -> str:
    """The mean and the middle 95 % of means of resampled maps."""
    random = np.random.default_rng(0)
    means = random.choice(values, (10000, len(values))).mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"**{np.mean(values):.3f}** ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
