"""Measurement 3: what simulated maps are worth as training data.

The same small network learns helix, sheet and the rest (at Cα, by DSSP's hydrogen bonds in the models) from molmap
maps, from generated maps, and from the real ones, of the training folds; each is tested on real maps of the held-out
fold.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from cryotools.core.maps.rotations import cut, rotate
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.nn.unet import UNet, UNetConfig
from cryotools.sse.truth.assign import HELIX, NUCLEOTIDE, OTHER, SHEET, assign
from cryotools.training.pairs import Pair

_CLASSES = np.zeros(4, dtype=int)  # the classes of sse.truth.assign as 0, 1, 2
_CLASSES[[HELIX, SHEET, OTHER]] = range(3)
_CUBE, _BATCH = 24, 16
_CHANNELS = 1


class Residues:
    """A pair's density, scaled by its structured part, and the class at each Cα: `at` (n, 3) voxels, `label` (n,)."""

    def __init__(self, pair: Pair, data: np.ndarray) -> None:
        from cryotools.realism.inputs import mask_map

        self.density = mask_map(Volume.on(pair.target.grid, data)).volume.data.astype(np.float32)
        xyz, self.label = backbone_classes(pair.structure)
        self.at = np.rint(pair.target.grid.world_to_index(xyz)).astype(int)[:, ::-1]


def backbone_classes(structure: Structure) -> tuple[np.ndarray, np.ndarray]:
    """Cα positions (n, 3) and classes (n,), by DSSP's hydrogen bonds; nucleotides are left out."""
    residues = assign(structure)
    protein = residues.known & (residues.kind == PROTEIN) & (residues.classes != NUCLEOTIDE)
    return residues.ca[protein], _CLASSES[residues.classes[protein]]


def train_and_test(
    training: list[Pair], tested: list[Pair], make: Callable[[Pair], np.ndarray], steps: int, seed: int = 0
) -> list[float]:
    """Mean F1 over the classes, of a network trained on `make`'s maps, on each real map of `tested`."""
    torch.manual_seed(seed)
    network = UNet(UNetConfig(_CHANNELS, 3, 0, 16, 2)).to(memory_format=torch.channels_last_3d)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
    maps = [Residues(pair, make(pair)) for pair in training]
    maps = [each for each in maps if len(each.at) > 20]
    share = np.sqrt([len(each.at) for each in maps])
    counts = np.bincount(np.concatenate([each.label for each in maps]), minlength=3)
    weight = torch.tensor(np.sqrt(counts.sum() / np.maximum(counts, 1)), dtype=torch.float32)
    random = np.random.default_rng(seed)
    network.train()
    for _ in range(steps):
        density, label = _batch(random, maps, share / share.sum())
        loss = functional.cross_entropy(network(density), label, weight, ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return [_score(network.eval(), Residues(pair, pair.target.data)) for pair in tested]


def _batch(random: np.random.Generator, maps: list[Residues], share: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Cubes (b, 1, n, n, n) around residues and classes (b, n, n, n), -1 but within a voxel of Cα positions."""
    density, label = [], []
    for number in random.choice(len(maps), _BATCH, p=share):
        chosen = maps[number]
        start = chosen.at[random.integers(len(chosen.at))] - _CUBE // 2 + random.integers(-6, 7, 3)
        marks = np.full((_CUBE,) * 3, -1, dtype=np.int64)
        local = chosen.at - start
        inside = np.all((local >= 0) & (local < _CUBE), axis=1)
        marks[tuple(local[inside].T)] = chosen.label[inside]
        turn = int(random.integers(24))
        density.append(np.ascontiguousarray(rotate(cut(chosen.density, start, _CUBE), turn)))
        label.append(np.ascontiguousarray(rotate(marks, turn)))
    cubes = torch.from_numpy(np.stack(density))[:, None].to(memory_format=torch.channels_last_3d)
    return cubes, torch.from_numpy(np.stack(label))


@torch.inference_mode()
def _score(network: nn.Module, residues: Residues) -> float:
    """Mean F1 of the classes that occur."""
    padded = np.pad(residues.density, [(0, -n % 4) for n in residues.density.shape])
    found = network(torch.from_numpy(padded)[None, None])[0].argmax(dim=0).numpy()[tuple(residues.at.T)]
    scores = []
    for which in np.unique(residues.label):
        right = ((found == which) & (residues.label == which)).sum()
        scores.append(2 * right / ((found == which).sum() + (residues.label == which).sum()))
    return float(np.mean(scores))
