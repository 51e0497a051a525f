"""Targets of the trace network at known places, whatever the rotation of a cube, and its losses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from residue_examples import small_example

from cryotools.anchors.learning.domains import SIM
from cryotools.anchors.learning.examples import ResidueExample
from cryotools.anchors.learning.points import rotated_points
from cryotools.anchors.learning.trace import TraceTask, TraceTraining
from cryotools.anchors.network import TraceConfig
from cryotools.core.maps.rotations import cut, rotate, start_around

SIZE = 16
SMALL = TraceTraining(TraceConfig(width=4, levels=2), cube=SIZE, batch=2)
NAMES = ("ca", "path", "p", "c4", "c1")  # channels of the points


class Choices:
    """Random numbers of which the rotation is chosen and the rest are those of a generator."""

    def __init__(self, rotation: int, seed: int = 0) -> None:
        self.rotation, self.source = rotation, np.random.default_rng(seed)

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
        return getattr(self.source, name)

    def integers(self, *limits, **more):  # type: ignore[no-untyped-def]
        return self.rotation if limits == (24,) else self.source.integers(*limits, **more)


@pytest.fixture(scope="module")
def example() -> ResidueExample:
    """A map of noise with points at places that are known to a fraction of a voxel."""
    random = np.random.default_rng(5)
    size = (20, 22, 24)
    counts = dict(zip(NAMES, (7, 9, 2, 2, 2), strict=True))
    places = {name: random.uniform(4, 16, (count, 3)).astype(np.float32) for name, count in counts.items()}
    nothing = np.full(7, -1, dtype=np.int32)
    return ResidueExample(
        density=random.normal(1, 0.1, size).astype(np.float16),
        counts=(random.random(size) < 0.9).astype(np.uint8),
        resolution=3.0,
        source="made",
        mass=places["ca"],
        amino=np.zeros(7, np.uint8),
        state=np.array([0, 1, 2, 0, 1, 2, 1], np.uint8),
        before=nothing,
        after=nothing,
        **places,
    )


@pytest.fixture(scope="module")
def task(example: ResidueExample) -> TraceTask:
    return TraceTask({SIM: (1.0, [[example]])}, [], SMALL)


def voxels() -> np.ndarray:
    z, y, x = np.indices((SIZE,) * 3)
    return np.stack([x, y, z], axis=-1).astype(float)


def start_of(example: ResidueExample, counts: np.ndarray, rotation: int) -> np.ndarray:
    """Where a cube was cut, z, y, x."""
    start = start_around(np.random.default_rng(0), example.ca[:, ::-1], SIZE)
    assert np.array_equal(rotate(cut(example.counts, start, SIZE), rotation), counts)
    return start


@pytest.mark.parametrize("rotation", range(24))
def test_targets_are_where_the_rotation_takes_the_points(
    task: TraceTask, example: ResidueExample, rotation: int
) -> None:
    _, _, points, offset, state, counts = task._cube(example, Choices(rotation))  # type: ignore[arg-type]
    start = start_of(example, counts.astype(np.uint8), rotation)

    def moved(name: str) -> np.ndarray:
        return rotated_points(getattr(example, name) - start[::-1], rotation, SIZE)

    for channel, name in enumerate(NAMES):
        inside = moved(name)[np.all((moved(name) >= 0) & (moved(name) <= SIZE - 1), axis=1)]
        apart = np.linalg.norm(inside - np.rint(inside), axis=1)
        sigma = 0.9 if name == "path" else 1.0
        heights = points[channel][tuple(np.rint(inside).astype(int).T[::-1])]
        assert (heights >= np.exp(-(apart**2) / (2 * sigma**2)) - 1e-5).all()  # another point may be nearer
    ca = moved("ca")
    distance = np.linalg.norm(voxels()[..., None, :] - ca, axis=-1)
    nearest, known = distance.argmin(axis=-1), np.isfinite(offset[0])
    assert np.array_equal(known, (distance.min(axis=-1) <= 1.8) & known)
    assert known.sum() > 20
    there = voxels() + np.moveaxis(offset, 0, -1)
    assert np.allclose(there[known], ca[nearest[known]], atol=1e-4)
    assert np.array_equal(state[known], example.state[nearest[known]])
    assert (state[distance.min(axis=-1) > 2.4] == -1).all()


def test_density_and_counts_are_rotated_together(task: TraceTask, example: ResidueExample) -> None:
    for rotation in (0, 7, 16):
        seen, *_, counts = task._cube(example, Choices(rotation))  # type: ignore[arg-type]
        start = start_of(example, counts.astype(np.uint8), rotation)
        expected = rotate(cut(example.density, start, SIZE), rotation).astype(np.float32)
        assert np.array_equal(seen[0] != 0, expected != 0)
        inside = expected != 0
        assert np.corrcoef(seen[0][inside], expected[inside])[0, 1] > 0.2


def losses(task: TraceTask, batch: tuple[torch.Tensor, ...]) -> Mapping[str, float]:
    torch.manual_seed(0)
    task.networks["trace"].load_state_dict(TraceTask({}, [], SMALL).networks["trace"].state_dict())
    return task.step(batch, 0)


def test_what_does_not_count_does_not_matter(task: TraceTask) -> None:
    density, conditions, points, offset, state, counts = task.batch(np.random.default_rng(0), 0)
    left_out = counts == 0
    assert left_out.any()
    other = points.clone(), offset.clone(), state.clone()
    other[0].movedim(1, -1)[left_out] = 0.5
    other[1].movedim(1, -1)[left_out] = 7.0
    other[2][left_out] = 1
    assert losses(task, (density, conditions, *other, counts)) == losses(
        task, (density, conditions, points, offset, state, counts)
    )


def test_cubes_without_residues_have_finite_losses(task: TraceTask) -> None:
    density, conditions, points, offset, state, counts = task.batch(np.random.default_rng(0), 0)
    empty = (torch.zeros_like(points), torch.full_like(offset, float("nan")), torch.full_like(state, -1))
    found = losses(task, (density, conditions, *empty, torch.zeros_like(counts)))
    assert found == {"points": 0, "offset": 0, "state": 0}


def test_cubes_of_a_protein_hold_density_at_its_ca(trypsin: Path) -> None:
    task = TraceTask({SIM: (1.0, [[small_example(trypsin)]])}, [], SMALL)
    density, conditions, points, *_ = task.batch(np.random.default_rng(0), 0)
    assert density.shape == (2, 1, SIZE, SIZE, SIZE)
    assert conditions.shape == (2, 2)
    at = points[:, 0] > 0.8
    assert density[:, 0][at].mean() > 2 * density[:, 0][points[:, 0] == 0].mean()
