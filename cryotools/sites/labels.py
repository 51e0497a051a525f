"""Which residues of a structure touch what: other protein chains, ligands, nucleic acids.

A residue belongs to a site if one of its heavy atoms lies within 5 Å of a heavy atom of the partner. The three kinds
of sites do not exclude one another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from cryotools.core.errors import DataError
from cryotools.core.maps.distance import near_points, nearest_points
from cryotools.core.maps.volume import Grid
from cryotools.core.structures.chemistry.residuetables import names
from cryotools.core.structures.residues import Residues, find_residues
from cryotools.core.structures.structure import LIGAND, NUCLEIC, PROTEIN, Structure

SITE_NAMES = ("interface", "ligand", "nucleic")
INTERFACE_SITE, LIGAND_SITE, NUCLEIC_SITE = range(3)
CONTACT = 5.0  # Å between heavy atoms
SITE_REACH = 3.0  # Å from a heavy atom of a residue to the voxels that carry its labels
_LEAST_LIGAND = 6  # heavy atoms
_LEAST_CHAIN = 5  # residues; a shorter chain is a ligand rather than a partner protein

# buffers, cryoprotectants, precipitants and detergents, which bind where they are abundant; and sugars of glycans
NO_LIGANDS = names(
    "GOL EDO PGO PDO MPD MRD DMS IPA EOH TRS BTB TAM EPE MES NHE CXS MPO B3P BIS IMD HEZ BU3 PEG PGE PG4 1PE 2PE P6G "
    "PE3 PE4 PE5 P33 12P 15P 7PE XPE SO4 PO4 PI ACT ACY FMT CIT FLC TLA TAR MLI MLA SIN NO3 BME DTT DTV TCE "
    "BOG BGL LMT LMU LDA DDQ C8E C10 CE1 SDS UND LMN HTG HTO OLC OLA OLB D10 D12 HEX NAG NDG BMA MAN FUC FUL"
)


@dataclass(frozen=True, eq=False)
class SiteLabels:
    """The binding sites of a structure.

    Attributes
    ----------
    residues : all residues of the structure, nucleotides included
    sites : bool (3, m), whether a residue belongs to a site, in the order of `SITE_NAMES`; False for nucleotides
    known : bool (3, m), False where the structure does not tell, and for nucleotides
    partner : uint8 (n,), for each atom the bits 1 << site of the sites at which it can be a partner
    """

    residues: Residues
    sites: np.ndarray
    known: np.ndarray
    partner: np.ndarray


def label_sites(structure: Structure, *, complete: bool = True) -> SiteLabels:
    """The sites of a `structure` of one model.

    Every chain needs its own name, so give the copies in an assembly one each. Residues that touch no partner are
    negative, except where the partner may be absent from the file: for interfaces, in a structure with a single protein
    chain; and if the structure is not `complete` (chains or ligands were left out), for interfaces always, and for
    ligands and nucleic acids if it has none.

    Raises
    ------
    DataError
        The structure has no protein.
    """
    residues = find_residues(structure)
    protein = residues.kind == PROTEIN
    if not protein.any():
        raise DataError(f"{structure.name}: contains no protein, so there are no binding sites to label")
    chain = np.unique(residues.chain, return_inverse=True)[1]
    lengths = np.bincount(chain[protein], minlength=chain.max() + 1)
    partner = _partners(structure, residues, lengths[chain] >= _LEAST_CHAIN)
    atoms = np.flatnonzero((residues.of_atom >= 0) & (structure.element != 1))
    atoms = atoms[protein[residues.of_atom[atoms]]]
    sites = np.zeros((len(SITE_NAMES), len(residues)), dtype=bool)
    tree = cKDTree(structure.xyz[atoms])
    for site in range(len(SITE_NAMES)):
        others = np.flatnonzero(partner >> site & 1)
        if len(others):
            pairs = cKDTree(structure.xyz[others]).sparse_distance_matrix(tree, CONTACT, output_type="coo_matrix")
            mine, theirs = residues.of_atom[atoms[pairs.col]], others[pairs.row]
            apart = np.ones(len(mine), dtype=bool)
            if site == INTERFACE_SITE:
                apart = chain[mine] != chain[residues.of_atom[theirs]]
            sites[site, mine[apart]] = True
    told = np.array([(partner >> site & 1).any() for site in range(len(SITE_NAMES))]) | complete
    told[INTERFACE_SITE] = complete and np.count_nonzero(lengths >= _LEAST_CHAIN) > 1
    return SiteLabels(residues, sites, (sites | told[:, None]) & protein, partner)


def voxel_sites(
    grid: Grid, structure: Structure, of_atom: np.ndarray, labels: SiteLabels
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The labels of a grid's voxels, from the atoms of `structure` and the labelled residue of each, `of_atom` (n,) (-1
    for none): the sites and whether they are known, as bits 1 << site, uint8 (nz, ny, nx), and a mask (nz, ny, nx) of
    the voxels on the protein, within 3 Å of it and nearest to it. Elsewhere it is known that there are no sites.
    """
    near = near_points(grid, structure.xyz, SITE_REACH)
    _, which = nearest_points(grid, near, structure.xyz)
    residue = of_atom[which]
    protein = (residue >= 0) & (labels.residues.kind[residue] == PROTEIN)
    on = np.zeros(grid.shape, dtype=bool)
    on[near] = protein
    bits = (1 << np.arange(len(SITE_NAMES)))[:, None]
    sites, known = np.zeros(grid.shape, dtype=np.uint8), np.full(grid.shape, bits.sum(), dtype=np.uint8)
    sites[on] = (labels.sites * bits).sum(axis=0)[residue[protein]]
    known[on] = (labels.known * bits).sum(axis=0)[residue[protein]]
    return sites, known, on


def _partners(structure: Structure, residues: Residues, long: np.ndarray) -> np.ndarray:
    """Bits of the sites at which each atom (n,) can be a partner; `long` (m,) are residues of chains long enough."""
    index, of_atom = structure.residue_index(), residues.of_atom
    heavy, polymer = structure.element != 1, of_atom >= 0
    follows = np.append(False, residues.linked[:-1])
    free = (residues.kind == NUCLEIC) & structure.hetero[residues.first_atom] & ~residues.linked & ~follows
    protein = polymer & (residues.kind == PROTEIN)[of_atom] & long[of_atom]
    nucleic = polymer & ((residues.kind == NUCLEIC) & ~free)[of_atom]
    small = (structure.kind == LIGAND) | (polymer & free[of_atom])  # free nucleotides such as ATP are ligands
    small &= ~np.isin(structure.residue_name, sorted(NO_LIGANDS))
    size = np.bincount(index[heavy], minlength=int(index.max()) + 1)
    ligand = small & (size[index] >= _LEAST_LIGAND)
    bits = protein << INTERFACE_SITE | ligand.astype(int) << LIGAND_SITE | nucleic.astype(int) << NUCLEIC_SITE
    return np.where(heavy, bits, 0).astype(np.uint8)
