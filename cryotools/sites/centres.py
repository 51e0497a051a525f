"""Centres of binding sites: where probable voxels lie together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter
from scipy.spatial import cKDTree

from cryotools.core.maps.volume import Grid
from cryotools.core.structures.structure import LIGAND, Structure
from cryotools.sites.confidence import SiteCalibration
from cryotools.sites.labels import SITE_NAMES

CENTRE_COLUMNS = ("site", "kind", "chain", "residue", "x_A", "y_A", "z_A", "confidence", "volume_A3")
CENTRE_REMARKS = (
    "Pseudo-atoms at binding sites that locate-sites of cryotools sees.",
    "Chain I, residues IFC: interfaces with proteins. Chain L, LIG: ligand sites. Chain N, NUC: nucleic acid contacts.",
    "B factors are confidence x 100, the calibrated mean probability of the site's voxels.",
)
SITE_CHAINS = ("I", "L", "N")
_RESIDUES = ("IFC", "LIG", "NUC")
_SMOOTH = 2.0  # Å
_APART = (10.0, 8.0, 10.0)  # Å between centres of one kind
_AROUND = 6.0  # Å, within which voxels belong to a centre
_LEAST = 0.25  # smoothed probability of a centre
_LEAST_VOLUME = 60.0  # Å3 of probable voxels: about half a residue
_FALLS = 0.5  # of the centre's probability, at which its voxels end


@dataclass(frozen=True, eq=False)
class SiteCentre:
    """A centre of a site of `kind`, one of `SITE_NAMES`, by number: its position `xyz` (3,) in Å, `confidence` (the
    mean probability of its voxels, calibrated) and their `volume`, Å³.
    """

    kind: int
    xyz: np.ndarray
    confidence: float
    volume: float


def find_centres(probabilities: np.ndarray, grid: Grid, calibration: SiteCalibration) -> list[SiteCentre]:
    """Centres in maps (3, nz, ny, nx) of probability, the most probable of each kind first.

    A centre begins as a maximum of the probability, smoothed by 2 Å, of at least 0.25; weaker ones within 8 Å (ligands)
    or 10 Å of a stronger one are left out. It lies at the weighted mean of the voxels within 6 Å whose probability is
    at least half of the maximum; 60 Å³ of them are needed.
    """
    sigma = [_SMOOTH / step for step in grid.voxel_size[::-1]]
    each = float(np.prod(grid.voxel_size))
    centres: list[SiteCentre] = []
    for kind, probability in enumerate(probabilities):
        smooth = gaussian_filter(probability, sigma)
        peaks = np.argwhere((smooth >= _LEAST) & (smooth == maximum_filter(smooth, size=3)))
        if not len(peaks):
            continue
        heights = smooth[tuple(peaks.T)]
        order = np.argsort(-heights, kind="stable")
        places = grid.index_to_world(peaks[order][:, ::-1])
        likely = np.argwhere(probability >= _FALLS * _LEAST)
        if not len(likely):
            continue
        where, values = grid.index_to_world(likely[:, ::-1]), probability[tuple(likely.T)]
        tree = cKDTree(where)
        found: list[SiteCentre] = []
        for place, height in zip(places, heights[order], strict=True):
            if any(np.linalg.norm(place - one.xyz) < _APART[kind] for one in found):
                continue
            near = np.array(tree.query_ball_point(place, _AROUND), dtype=int)
            near = near[values[near] >= _FALLS * height]
            if len(near) * each < _LEAST_VOLUME:
                continue
            weights = values[near]
            middle = (where[near] * weights[:, None]).sum(axis=0) / weights.sum()
            sure = _confidence(calibration, kind, float(weights.mean()))
            found.append(SiteCentre(kind, middle, sure, len(near) * each))
        centres += sorted(found, key=lambda one: -one.confidence)
    return centres


def centre_rows(centres: list[SiteCentre]) -> list[dict[str, Any]]:
    """A table with a row per centre, with the chain and residue number of `centre_structure`."""
    return [
        {
            "site": number,
            "kind": SITE_NAMES[one.kind],
            "chain": SITE_CHAINS[one.kind],
            "residue": residue,
            **{f"{axis}_A": float(at) for axis, at in zip("xyz", one.xyz, strict=True)},
            "confidence": one.confidence,
            "volume_A3": one.volume,
        }
        for number, (one, residue) in enumerate(zip(centres, _numbers(centres), strict=True), start=1)
    ]


def centre_structure(centres: list[SiteCentre]) -> Structure:
    """The centres as pseudo-atoms, each a residue of its own, with confidence × 100 as B factor."""
    n = len(centres)
    kinds = [one.kind for one in centres]
    blank = np.full(n, "")
    return Structure(
        xyz=np.array([one.xyz for one in centres], dtype=np.float64).reshape(n, 3),
        element=np.full(n, 6, dtype=np.uint8),
        atom_name=np.full(n, "C"),
        residue_name=np.array([_RESIDUES[kind] for kind in kinds], dtype="U3"),
        chain=np.array([SITE_CHAINS[kind] for kind in kinds], dtype="U1"),
        residue_number=np.array(_numbers(centres), dtype=np.int32),
        insertion_code=blank,
        altloc=blank,
        occupancy=np.ones(n, dtype=np.float32),
        b_factor=np.array([100 * one.confidence for one in centres], dtype=np.float32),
        hetero=np.ones(n, dtype=bool),
        kind=np.full(n, LIGAND, dtype=np.uint8),
        model=np.ones(n, dtype=np.int32),
    )


def _confidence(calibration: SiteCalibration, kind: int, mean: float) -> float:
    means = np.zeros(len(SITE_NAMES))
    means[kind] = mean
    return float(calibration.of_whole_proteins(means)[kind])


def _numbers(centres: list[SiteCentre]) -> list[int]:
    """Residue numbers, from 1 for each kind."""
    return [sum(earlier.kind == one.kind for earlier in centres[: at + 1]) for at, one in enumerate(centres)]
