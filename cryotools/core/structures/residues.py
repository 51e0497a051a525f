"""The residues of a structure's chains: their identity, order and bonding, and their density in a map."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cryotools.core.maps.levels import in_sigma
from cryotools.core.maps.volume import Volume
from cryotools.core.structures.chemistry.letters import one_letters
from cryotools.core.structures.selection import PROTEIN_BACKBONE, select
from cryotools.core.structures.structure import NUCLEIC, PROTEIN, Structure

PEPTIDE_BOND = 2.5  # Å, as in DSSP; residues whose ends are farther apart are not bonded
_CA_BOND = (2.7, 4.2)  # Å between bonded Cα atoms: cis to trans, with errors


@dataclass(frozen=True)
class Residues:
    """The protein and nucleic acid residues of a structure, as arrays of length m in file order.

    Attributes
    ----------
    of_atom : int (n,), the residue of each atom of the structure, -1 for ligands and water
    model, chain, residue_number, insertion_code, residue_name : as in `Structure`
    kind : uint8 (m,), PROTEIN or NUCLEIC
    backbone : float64 (m, 4, 3), Å, positions of N, CA, C and O at their highest occupancy; NaN if missing
    linked : bool (m,), bonded to the next residue; False for the last
    """

    of_atom: np.ndarray
    model: np.ndarray
    chain: np.ndarray
    residue_number: np.ndarray
    insertion_code: np.ndarray
    residue_name: np.ndarray
    kind: np.ndarray
    backbone: np.ndarray
    linked: np.ndarray

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def first_atom(self) -> np.ndarray:
        """The first atom of each residue, int (m,)."""
        atoms = np.flatnonzero(self.of_atom >= 0)
        return atoms[np.unique(self.of_atom[atoms], return_index=True)[1]]

    @property
    def ca(self) -> np.ndarray:
        """Positions of the Cα atoms (m, 3), Å; NaN for nucleotides and if missing."""
        return self.backbone[:, PROTEIN_BACKBONE.index("CA")]

    @property
    def letters(self) -> np.ndarray:
        """One-letter codes, str (m,): X or N if there is none; modified residues have their parent's."""
        return one_letters(self.residue_name, self.kind)

    @property
    def missing(self) -> np.ndarray:
        """Number of residue numbers skipped before the next residue of the chain, int (m,); 0 at the end of a chain and
        between bonded residues, whatever their numbers.
        """
        gap = np.zeros(len(self), dtype=np.int64)
        same = (self.model[1:] == self.model[:-1]) & (self.chain[1:] == self.chain[:-1]) & ~self.linked[:-1]
        step = np.diff(self.residue_number.astype(np.int64)) - 1
        gap[:-1] = np.where(same, np.maximum(step, 0), 0)
        return gap

    def sequences(self, *, gaps: bool = False) -> dict[str, str]:
        """The one-letter sequence of each chain of the first model, in file order; with `gaps`, a dash for each missing
        residue number.

        Residues with the same chain name form one chain, wherever they are in the file.
        """
        parts: dict[str, list[str]] = {}
        letters, missing = self.letters, self.missing
        for at in np.flatnonzero(self.model == self.model[:1]) if len(self) else ():
            dashes = "-" * int(missing[at]) if gaps else ""
            parts.setdefault(str(self.chain[at]), []).append(str(letters[at]) + dashes)
        return {chain: "".join(part) for chain, part in parts.items()}


def find_residues(structure: Structure) -> Residues:
    """The protein and nucleic acid residues of `structure`; there may be none.

    Consecutive residues of a chain are linked if their peptide bond (C to N) or phosphodiester bond (O3' to P) is at
    most 2.5 Å long.
    """
    of_atom, first = _polymer_residues(structure)
    keys = ("model", "chain", "residue_number", "insertion_code", "residue_name", "kind")
    named = {key: getattr(structure, key)[first] for key in keys}
    backbone = np.stack([_places(structure, of_atom, len(first), (name,)) for name in PROTEIN_BACKBONE], axis=1)
    backbone[named["kind"] != PROTEIN] = np.nan
    linked = _linked(structure, of_atom, named, backbone)
    return Residues(of_atom=of_atom, **named, backbone=backbone, linked=linked)


def traced_links(residues: Residues, at: np.ndarray) -> np.ndarray:
    """Whether each of the amino acids `at` (n,) is bonded to the next one there, bool (n,): by its peptide bond, or by
    the distance of their Cα if the atoms of that are missing, as in traces.
    """
    here, after = at[:-1], at[1:]
    bonded = residues.linked[here] & (after == here + 1)
    traced = np.isnan(residues.backbone[here, 2, 0]) | np.isnan(residues.backbone[after, 0, 0])
    apart = np.linalg.norm(residues.ca[after] - residues.ca[here], axis=1)
    near = (apart > _CA_BOND[0]) & (apart < _CA_BOND[1]) & (residues.chain[here] == residues.chain[after])
    return np.append(bonded | (traced & near), np.zeros(min(len(at), 1), dtype=bool))


def polymer_backbone(structure: Structure) -> np.ndarray:
    """Mask (n,) of the backbone atoms, including sugar atoms named with * instead of ' in old files."""
    return select(replace(structure, atom_name=np.char.replace(structure.atom_name, "*", "'")), "backbone")


def backbone_means(volume: Volume, structure: Structure, group: np.ndarray, count: int) -> np.ndarray:
    """Mean of `volume` over the backbone atoms of each group inside the map, (count,); NaN if there are none.

    `group` (n,) is the group of each atom, -1 for none.
    """
    atoms = np.flatnonzero(polymer_backbone(structure) & (group >= 0) & volume.grid.contains(structure.xyz))
    total = np.bincount(group[atoms], weights=volume.sample(structure.xyz[atoms]), minlength=count)
    number = np.bincount(group[atoms], minlength=count)
    return np.divide(total, number, out=np.full(count, np.nan), where=number > 0)


def backbone_sigma(volume: Volume, structure: Structure, residues: Residues) -> np.ndarray:
    """Mean density (m,) at the backbone atoms of each residue, in σ above the map's mean; NaN if none is in the map.

    The backbone is N, CA, C and O of amino acids, and the sugar and phosphate of nucleotides.

    Raises
    ------
    DataError
        The map is constant.
    """
    return backbone_means(in_sigma(volume), structure, residues.of_atom, len(residues))


def _polymer_residues(structure: Structure) -> tuple[np.ndarray, np.ndarray]:
    """The polymer residue of each atom (n,), -1 for other atoms, and the first atom of each residue (m,)."""
    residue = structure.residue_index()
    polymer = np.isin(structure.kind, (PROTEIN, NUCLEIC))
    _, first, index = np.unique(residue[polymer], return_index=True, return_inverse=True)
    of_atom = np.full(len(structure), -1)
    of_atom[polymer] = index
    return of_atom, np.flatnonzero(polymer)[first]


def _places(structure: Structure, of_atom: np.ndarray, count: int, names: tuple[str, ...]) -> np.ndarray:
    """Position in each residue of the atom called one of `names`, (count, 3), at highest occupancy; NaN if missing."""
    xyz = np.full((count, 3), np.nan)
    at = np.flatnonzero(np.isin(structure.atom_name, names) & (of_atom >= 0))[::-1]
    at = at[np.argsort(structure.occupancy[at], kind="stable")]  # the last one written wins: the best
    xyz[of_atom[at]] = structure.xyz[at]
    return xyz


def _linked(
    structure: Structure, of_atom: np.ndarray, named: dict[str, np.ndarray], backbone: np.ndarray
) -> np.ndarray:
    """True for each residue (m,) with a peptide or phosphodiester bond to the next one of its chain."""
    protein = (named["kind"] == PROTEIN)[:, None]
    count = len(protein)
    head = np.where(protein, backbone[:, 0], _places(structure, of_atom, count, ("P",)))
    tail = np.where(protein, backbone[:, 2], _places(structure, of_atom, count, ("O3'", "O3*")))
    linked = np.zeros(count, dtype=bool)
    near = np.linalg.norm(head[1:] - tail[:-1], axis=1) <= PEPTIDE_BOND  # NaN compares false
    same = [named[key][1:] == named[key][:-1] for key in ("model", "chain", "kind")]
    linked[:-1] = near & np.all(same, axis=0)
    return linked
