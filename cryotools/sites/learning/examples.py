"""Labelled boxes to train on: complexes as they are, and chains whose partners were removed from the map.

A network that only sees complexes learns to recognise the partner. To predict where one would bind, it must see the
chain alone and be told where its partner was; so boxes of both kinds are made, with the labels of the complex.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.progress import Progress
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.simulate.boxes import BoxStyle, Experiment, digest_boxes, keep_boxes, simulate_box, without_solvent
from cryotools.sites.labels import INTERFACE_SITE, SiteLabels, label_sites, voxel_sites
from cryotools.sites.network import site_channels
from cryotools.training.store import ExampleStore

_WAY = 1  # increase when the simulation changes; stored boxes are then not reused
STYLE = BoxStyle(finer=(3.5, 5.0), coarser=(5.0, 7.0), fine=0.6, learned=0.4, mobile=0.3)
_COMPLEX, _ALONE = 0.4, 0.4  # fractions of the boxes; in the rest ligands and nucleic acids alone are removed
_KEPT_ALONE = 0.3  # of the chains alone keep their own ligands and nucleic acids
_AT_SITE = 0.7  # fraction of boxes around an atom of a site
_LEAST_ALONE = 30  # residues of a chain that is shown alone
CLASS_UNIT = 255  # stored value of the probability 1


@dataclass(frozen=True)
class SiteExample:
    """A box of 64 Å, labelled.

    Attributes
    ----------
    density : float16 (nz, ny, nx), in the prepared form
    classes : uint8 (4, nz, ny, nx), probabilities of `annotate-sse` × 255
    sites, known : uint8 (nz, ny, nx), bits 1 << site: whether there is one, and whether that is known
    on : bool (nz, ny, nx), voxels on the protein
    resolution : Å
    centres : int16 (n, 3), the voxels (z, y, x) around which cubes are drawn
    """

    density: np.ndarray
    classes: np.ndarray
    sites: np.ndarray
    known: np.ndarray
    on: np.ndarray
    resolution: float
    centres: np.ndarray


def site_examples(
    structures: Sequence[Path],
    count: int,
    folder: Path,
    incomplete: Collection[str] = (),
    seed: int = 0,
    progress: Progress | None = None,
) -> Sequence[SiteExample]:
    """`count` examples from `structures`, stored in `folder` (see `simulate.boxes.keep_boxes`); the files named in
    `incomplete` lack chains or ligands of their entries.
    """
    make = partial(make_site_example, incomplete=frozenset(incomplete))
    store = ExampleStore(SiteExample, folder)
    return keep_boxes(store, structures, count, make, way=f"sites-{_WAY}", seed=seed, progress=progress)


def digest_sites(structures: Sequence[Path], seed: int) -> str:
    """Eight characters that identify these structures in this order, the seed and the simulation method."""
    return digest_boxes(structures, seed, f"sites-{_WAY}")


def make_site_example(
    structure: Structure,
    random: np.random.Generator,
    incomplete: Collection[str] = (),
    *,
    style: BoxStyle = STYLE,
    experiment: Experiment | None = None,
    chain: str | None = None,
) -> SiteExample:
    """One random box simulated from `structure`, the whole or a part of it, with the labels of the whole.

    With a `chain`, the box lies around that one, it is the one shown alone, and kinds of sites that it lacks are
    unknown. `style` and `experiment` are those of `simulate.boxes`.

    Raises
    ------
    DataError
        The structure has no protein, or none of its sites is known.
    """
    structure = without_solvent(structure)
    labels = label_sites(structure, complete=structure.name not in incomplete)
    if chain is not None:
        labels = _known_of(labels, chain)
    if not labels.known.any():
        raise DataError(f"{structure.name}: tells nothing about binding sites")
    shown = np.flatnonzero(shown_atoms(structure, labels, random, chain))
    of_atom = labels.residues.of_atom[shown]
    around = _around(of_atom, labels, random)
    if chain is not None and (around & (structure.chain[shown] == chain)).any():
        around &= structure.chain[shown] == chain
    box = simulate_box(structure[shown], random, around, style, experiment)
    of_atom = of_atom[box.atoms]
    sites, known, on = voxel_sites(box.volume.grid, box.structure, of_atom, labels)
    classes = site_channels(box.density, box.resolution)[1:]
    centres = np.argwhere(on & (sites > 0))
    if len(centres) == 0 or random.random() > _AT_SITE:
        centres = np.argwhere(on)
    if len(centres) == 0:
        raise DataError(f"{structure.name}: no protein lies in the box")
    return SiteExample(
        box.density.astype(np.float16),
        np.rint(classes * CLASS_UNIT).astype(np.uint8),
        sites,
        known,
        on,
        box.resolution,
        centres.astype(np.int16),
    )


def shown_atoms(
    structure: Structure, labels: SiteLabels, random: np.random.Generator, chain: str | None = None
) -> np.ndarray:
    """Mask (n,) of the atoms from which a box is made: all, one protein chain (`chain`, or any), or protein alone."""
    kind, residues = random.random(), labels.residues
    if kind < _COMPLEX:
        return np.ones(len(structure), dtype=bool)
    protein = (residues.of_atom >= 0) & (residues.kind[residues.of_atom] == PROTEIN)
    if kind >= _COMPLEX + _ALONE:
        return protein
    chains = residues.chain[residues.kind == PROTEIN]
    names, lengths = np.unique(chains, return_counts=True)
    names = names[lengths >= min(_LEAST_ALONE, lengths.max())]
    alone = structure.chain == (names[random.integers(len(names))] if chain is None else chain)
    return alone & protein if random.random() > _KEPT_ALONE else alone | (~protein & _beside(structure, alone))


def _known_of(labels: SiteLabels, chain: str) -> SiteLabels:
    """The labels with those kinds of sites alone that a chain has."""
    has = np.asarray(labels.sites[:, labels.residues.chain == chain].any(axis=1))
    return replace(labels, known=labels.known & has[:, None])


def _beside(structure: Structure, chain: np.ndarray) -> np.ndarray:
    """Mask (n,) of atoms in residues or molecules within contact of the atoms of `chain`."""
    from scipy.spatial import cKDTree

    index = structure.residue_index()
    near = cKDTree(structure.xyz[chain & (structure.kind == PROTEIN)]).query(structure.xyz)[0] < 15.0
    return np.isin(index, index[near])


def _around(of_atom: np.ndarray, labels: SiteLabels, random: np.random.Generator) -> np.ndarray:
    """Mask (n,) of the atoms around which a box may lie: those of one kind of site, or of residues of which something
    is known.
    """
    told = labels.known.max(axis=0)
    known = np.zeros(len(of_atom), dtype=bool)
    known[of_atom >= 0] = told[of_atom[of_atom >= 0]]
    present = [site for site, members in enumerate(labels.sites) if (known & members[of_atom]).any()]
    if present and random.random() < _AT_SITE:
        rarest = [site for site in present if site != INTERFACE_SITE] or present
        choice = rarest if random.random() < 0.5 else present
        return known & labels.sites[choice[random.integers(len(choice))]][of_atom]
    return known if known.any() else of_atom >= 0
