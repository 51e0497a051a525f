"""The landscape of volumes: conformations found by comparing volumes, not latent numbers.

Volumes are made at representatives of many small clusters, and compared voxel by voxel where the molecule is. Places
far apart in the latent space may have the same volume, and near ones different volumes; here only the volumes count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import binary_dilation
from scipy.spatial.distance import pdist, squareform

from cryotools.core.errors import ArgumentError
from cryotools.heterogeneity.analysis.clusters import Clusters

COMPONENTS = 10  # of the volumes that are kept
MOST_CONFORMATIONS = 10  # that are looked for
_INSIDE = 0.2  # of the strongest mean density of the volumes, from where on there is molecule
_STRONGEST = 99.9  # percentile
_MARGIN = 2  # voxels around it
_AS_GOOD = 0.05  # difference of mean silhouettes that tells little
_NO_STRUCTURE = 0.25  # mean silhouette; L. Kaufman and P. Rousseeuw, Finding Groups in Data, 1990
_RARE = 0.01  # of the particles; fewer make no conformation


@dataclass(frozen=True)
class Landscape:
    """m volumes, and where all n particles are among them.

    Attributes
    ----------
    clusters : m clusters of particles, with a volume for the representative of each
    mask : voxels (z, y, x) that were compared
    shares : (r,), the part of the variance between volumes that is along each of their principal components
    scores : (m, r), the volumes' places along these components
    tree : merges of average linkage (m - 1, 4), in root-mean-square differences between volumes
    conformation : (m,) of each volume, from 0, the one with most particles first
    typical : (k,), the volume of each conformation that is most like the others
    separation : mean silhouette of the particles' volumes, from 0 (a continuum) to 1 (separate groups)
    places : (n, 2), the particles along the first two components, interpolated between volumes
    """

    clusters: Clusters
    mask: np.ndarray
    shares: np.ndarray
    scores: np.ndarray
    tree: np.ndarray
    conformation: np.ndarray
    typical: np.ndarray
    separation: float
    places: np.ndarray

    def labels(self) -> np.ndarray:
        """The conformation (n,) of each particle: that of the volume of its cluster."""
        return self.conformation[self.clusters.labels]

    def counts(self) -> np.ndarray:
        """Particles (k,) in each conformation."""
        return np.bincount(self.labels(), minlength=len(self.typical))


def volume_landscape(
    latent: np.ndarray,
    clusters: Clusters,
    volume: Callable[[np.ndarray], np.ndarray],
    conformations: int | None = None,
) -> Landscape:
    """Compare the volumes of `clusters` (3 or more) of places `latent` (n, q).

    Conformations are groups of volumes by average linkage; groups with less than 1 % of the particles are joined to the
    nearest other one. Of 2 to 10 conformations, the most are taken whose mean silhouette is within 0.05 of the largest
    (P. Rousseeuw, J. Comput. Appl. Math. 20, 53, 1987), or the fewest if that is below 0.25, which tells of no groups.

    Parameters
    ----------
    volume : gives voxels (z, y, x) at a place (q,)
    conformations : their number, if it is known

    Raises
    ------
    ArgumentError
        There are fewer than three volumes, or not as many as conformations.
    """
    count = len(clusters)
    if count < 3:
        raise ArgumentError("landscape", count, "give three volumes or more")
    if conformations is not None and not 1 <= conformations <= count:
        raise ArgumentError("conformations", conformations, f"give 1 to {count}, the number of volumes")
    volumes = np.stack([volume(latent[particle]) for particle in clusters.representatives]).astype(np.float32)
    mask = molecule_mask(volumes)
    inside = volumes[:, mask]
    scores, shares = _components(inside)
    away = pdist(inside) / np.sqrt(inside.shape[1])
    tree = linkage(away, "average")
    weights = clusters.counts()
    conformation = _conformations(tree, squareform(away), weights, conformations)
    return Landscape(
        clusters,
        mask,
        shares,
        scores,
        tree,
        conformation,
        _typical(conformation, squareform(away), weights),
        silhouette(squareform(away), conformation, weights),
        _interpolated(latent, latent[clusters.representatives], scores[:, :2]),
    )


def molecule_mask(volumes: np.ndarray) -> np.ndarray:
    """Voxels (z, y, x) inside the molecule in at least one of `volumes` (m, z, y, x), with a margin of two voxels."""
    level = _INSIDE * np.percentile(volumes.mean(axis=0), _STRONGEST)
    mask = binary_dilation((volumes > level).any(axis=0), iterations=_MARGIN)
    return mask if mask.any() else np.ones_like(mask)


def silhouette(away: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> float:
    """The mean silhouette of items with distances `away` (m, m) in groups `labels` (m,), in means over items of these
    weights (m,); 0 for an item alone in its group, and for a single group.
    """
    groups = np.arange(labels.max() + 1)
    if len(groups) < 2:
        return 0.0
    items = np.arange(len(labels))
    member = labels == groups[:, None]
    mass, sums = member @ weights, (away * weights) @ member.T
    others = mass[labels] - weights
    within = np.divide(sums[items, labels], others, out=np.zeros(len(labels)), where=others > 0)
    means = sums / mass
    means[items, labels] = np.inf
    between = means.min(axis=1)
    larger = np.maximum(within, between)
    found = np.divide(between - within, larger, out=np.zeros_like(larger), where=(larger > 0) & (others > 0))
    return float(np.average(found, weights=weights))


def _components(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores (m, r) of volumes (m, voxels) along their principal components, and the components' shares (r,)."""
    centred = (inside - inside.mean(axis=0)).astype(np.float64)
    sizes, vectors = np.linalg.eigh(centred @ centred.T)
    sizes, vectors = np.maximum(sizes[::-1], 0), vectors[:, ::-1]
    kept = min(COMPONENTS, len(sizes) - 1)
    scores = vectors[:, :kept] * np.sqrt(sizes[:kept] / inside.shape[1])
    flip = np.sign(scores[np.abs(scores).argmax(axis=0), np.arange(kept)])
    return scores * np.where(flip == 0, 1, flip), sizes[:kept] / (sizes.sum() or 1.0)


def _conformations(tree: np.ndarray, away: np.ndarray, weights: np.ndarray, wanted: int | None) -> np.ndarray:
    if wanted == 1:
        return np.zeros(len(weights), dtype=int)
    cuts: dict[int, np.ndarray] = {}
    for groups in range(2, len(weights) + 1):
        labels = _without_rare(fcluster(tree, groups, "maxclust") - 1, away, weights)
        if labels.max() + 1 > (wanted or MOST_CONFORMATIONS):
            break
        cuts.setdefault(int(labels.max()) + 1, labels)
    if wanted is not None:
        return cuts[wanted] if wanted in cuts else _by_size(fcluster(tree, wanted, "maxclust") - 1, weights)
    separation = {number: silhouette(away, labels, weights) for number, labels in cuts.items() if number > 1}
    if not separation:
        return np.zeros(len(weights), dtype=int)
    best = max(separation.values())
    good = [number for number, value in separation.items() if value >= best - _AS_GOOD]
    return cuts[max(good) if best >= _NO_STRUCTURE else min(separation)]


def _without_rare(labels: np.ndarray, away: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Groups with the heaviest first, those of very few particles joined to the nearest of the others."""
    labels = _by_size(labels, weights)
    share = np.bincount(labels, weights) / weights.sum()
    large = np.flatnonzero(share >= _RARE)
    means = np.stack([away[:, labels == group].mean(axis=1) for group in large], axis=1)
    rare = share[labels] < _RARE
    return np.where(rare, means.argmin(axis=1), labels)  # the heavy groups are the first ones


def _by_size(labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The same groups, the heaviest first."""
    order = np.argsort(-np.bincount(labels, weights), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return rank[labels]


def _typical(labels: np.ndarray, away: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Of each group the item with the smallest mean distance to the others."""
    found = []
    for group in range(labels.max() + 1):
        members = np.flatnonzero(labels == group)
        found.append(members[(away[np.ix_(members, members)] @ weights[members]).argmin()])
    return np.array(found)


def _interpolated(latent: np.ndarray, nodes: np.ndarray, values: np.ndarray) -> np.ndarray:
    return RBFInterpolator(nodes, values, kernel="linear", degree=0)(latent)
