"""The class of each residue of a model: helix, sheet, nucleotide or other.

Helices and sheets are told from the hydrogen bonds of the backbone as DSSP does (W. Kabsch and C. Sander, Biopolymers
22, 2577, 1983): an electrostatic energy tells which N-H and C=O are bonded, patterns of bonds give turns and bridges,
and these helices and sheets. As in DSSP 4, π helices go before α helices. Neighbours come from a tree and bonds are
looked up in a list, so that time and memory grow with the residues, not with their pairs. Bends and turns are not told
from coil. Or helices and sheets are taken from the HELIX and SHEET records that a model's authors left.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import gemmi
import numpy as np
from scipy.spatial import cKDTree

from cryotools.core.bytestream import open_bytes
from cryotools.core.errors import CryotoolsWarning, DataError
from cryotools.core.selection import PROTEIN_BACKBONE
from cryotools.core.structure import NUCLEIC, PROTEIN, Structure

OTHER, HELIX, SHEET, NUCLEOTIDE = range(4)
CLASS_NAMES = ("other", "helix", "sheet", "nucleotide")
COIL = "-"
PEPTIDE_BOND = 2.5  # Å; residues farther apart are not bonded

_NEIGHBOURS = 9.0  # Å between Cα atoms; farther apart no bond is possible
_CHARGES = 27.888  # kcal/mol Å: 332 times the charges 0.42 and 0.20 of C=O and N-H
_BONDED, _CLASH = -0.5, -9.9  # kcal/mol: a bond lies below the first; atoms closer than 0.5 Å get the second
_CODES = {"H": HELIX, "G": HELIX, "I": HELIX, "E": SHEET, "B": SHEET}  # DSSP's eight states in three


@dataclass(frozen=True)
class Residues:
    """The residues of a structure's proteins and nucleic acids, as arrays of length m in the order of its file.

    Attributes
    ----------
    of_atom : int (n,), the residue of each atom of the structure, -1 for ligands and water
    model, chain, residue_number, insertion_code, residue_name : as in `Structure`
    kind : uint8 (m,), PROTEIN or NUCLEIC
    backbone : float64 (m, 4, 3), Å, the places of N, CA, C and O, of each the most occupied; NaN where there is none
    linked : bool (m,), bonded to the residue that follows; False for the last
    code : str (m,), DSSP's letter: H, G, I, E, B, or - for the rest
    classes : uint8 (m,), one of OTHER, HELIX, SHEET, NUCLEOTIDE
    known : bool (m,); False for amino acids that lack a part of the backbone, whose class is OTHER for want of better
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
    code: np.ndarray
    classes: np.ndarray
    known: np.ndarray

    def __len__(self) -> int:
        return len(self.kind)

    @property
    def ca(self) -> np.ndarray:
        """Positions of the Cα atoms (m, 3), Å; NaN for nucleotides and where there is none."""
        return self.backbone[:, PROTEIN_BACKBONE.index("CA")]

    def elements(self) -> np.ndarray:
        """The element each residue belongs to, int (m,) from 0: a run of bonded residues of one class."""
        same = self.linked[:-1] & (self.classes[1:] == self.classes[:-1])
        return np.cumsum(np.append(False, ~same)[: len(self)])


def assign(structure: Structure) -> Residues:
    """The residues of `structure` and their classes, by hydrogen bonds; each model is taken by itself.

    Nucleotides are the residues of nucleic acids, modified ones too, but not those of a ligand such as GTP: recorded
    as HETATM and bonded to no other.

    Raises
    ------
    DataError
        The structure holds no residue whose class can be told.
    """
    of_atom, first = _polymer_residues(structure)
    named = {
        key: getattr(structure, key)[first]
        for key in ("model", "chain", "residue_number", "insertion_code", "residue_name", "kind")
    }
    kind = named["kind"]
    protein = kind == PROTEIN
    backbone = np.stack([_places(structure, of_atom, len(first), (name,)) for name in PROTEIN_BACKBONE], axis=1)
    backbone[~protein] = np.nan
    linked = _linked(structure, of_atom, named, backbone)
    follows = np.append(False, linked[:-1])[: len(linked)]
    nucleotide = (kind == NUCLEIC) & ~(structure.hetero[first] & ~linked & ~follows)
    whole = protein & np.isfinite(backbone).all(axis=(1, 2))
    if not (whole | nucleotide).any():
        raise DataError(
            f"{structure.name}: no residue has its whole backbone (N, CA, C, O) and none is a nucleotide; "
            "secondary structure cannot be told"
        )
    if whole.sum() < 0.5 * protein.sum():
        lacking = f"{int((protein & ~whole).sum())} of {int(protein.sum())}"
        warnings.warn(
            f"{structure.name}: {lacking} amino acids lack backbone atoms; their secondary structure is unknown",
            CryotoolsWarning,
            stacklevel=2,
        )
    code = np.full(len(first), COIL)
    for number in np.unique(named["model"]):
        at = np.flatnonzero(whole & (named["model"] == number))
        code[at] = dssp(backbone[at], named["chain"][at], named["residue_name"][at] == "PRO")
    return Residues(
        of_atom=of_atom,
        **named,
        backbone=backbone,
        linked=linked,
        code=code,
        classes=np.where(nucleotide, NUCLEOTIDE, _classes(code)).astype(np.uint8),
        known=whole | ~protein,
    )


def with_author_records(residues: Residues, path: str | os.PathLike[str]) -> Residues:
    """`residues` with helices and sheets as the file at `path` records them (HELIX and SHEET, or their mmCIF tables).

    Amino acids outside the records are OTHER, those without a whole backbone known too; every model gets the same.

    Raises
    ------
    DataError
        The file has no such records.
    """
    with open_bytes(Path(path)) as stream:
        parsed = gemmi.read_structure_string(bytes(stream.read()), format=gemmi.CoorFormat.Detect)
    spans = [(SHEET, strand.start, strand.end) for sheet in parsed.sheets for strand in sheet.strands]
    spans += [(HELIX, helix.start, helix.end) for helix in parsed.helices]  # where both are recorded, helices stay
    if not spans:
        raise DataError(f"{path}: records neither helices nor sheets; leave the assignment to hydrogen bonds")
    protein = residues.kind == PROTEIN
    code = np.full(len(residues), COIL)
    for which, start, end in spans:
        code[_span(residues, start, end) & protein] = "H" if which == HELIX else "E"
    classes = np.where(protein, _classes(code), residues.classes).astype(np.uint8)
    return replace(residues, code=code, classes=classes, known=np.ones(len(residues), dtype=bool))


def _span(residues: Residues, start: gemmi.AtomAddress, end: gemmi.AtomAddress) -> np.ndarray:
    """Mask (m,) of the residues from `start` to `end`, insertion codes in alphabetical order behind their number."""
    place = np.char.add(np.char.mod("%011d", residues.residue_number.astype(np.int64) + 10**9), residues.insertion_code)
    low, high = (f"{(at.res_id.seqid.num or 0) + 10**9:011d}{at.res_id.seqid.icode.strip()}" for at in (start, end))
    return (residues.chain == start.chain_name) & (place >= low) & (place <= high)


def _classes(code: np.ndarray) -> np.ndarray:
    classes = np.full(len(code), OTHER, dtype=np.uint8)
    for letter, which in _CODES.items():
        classes[code == letter] = which
    return classes


def _polymer_residues(structure: Structure) -> tuple[np.ndarray, np.ndarray]:
    """The polymer residue of each atom (n,), -1 where it is none, and the first atom of each (m,)."""
    residue = structure.residue_index()
    polymer = np.isin(structure.kind, (PROTEIN, NUCLEIC))
    _, first, index = np.unique(residue[polymer], return_index=True, return_inverse=True)
    of_atom = np.full(len(structure), -1)
    of_atom[polymer] = index
    return of_atom, np.flatnonzero(polymer)[first]


def _places(structure: Structure, of_atom: np.ndarray, count: int, names: tuple[str, ...]) -> np.ndarray:
    """Where the atom called one of `names` is in each residue, (count, 3), the most occupied; NaN where it is not."""
    xyz = np.full((count, 3), np.nan)
    at = np.flatnonzero(np.isin(structure.atom_name, names) & (of_atom >= 0))[::-1]
    at = at[np.argsort(structure.occupancy[at], kind="stable")]  # the last to be written stays: the first of the best
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


def dssp(backbone: np.ndarray, chain: np.ndarray, proline: np.ndarray) -> np.ndarray:
    """DSSP's letter of each residue, str (n,): H, G, I, E, B, or - for the rest.

    Parameters
    ----------
    backbone : (n, 4, 3), Å, the places of N, CA, C and O, in the order of the chains; finite
    chain : (n,), any labels; bonds of sheets may join chains, helices lie within one
    proline : bool (n,); a proline has no hydrogen to give
    """
    count = len(backbone)
    gap = np.linalg.norm(backbone[1:, 0] - backbone[:-1, 2], axis=1)
    linked = (gap <= PEPTIDE_BOND) & (chain[1:] == chain[:-1])
    segment = np.cumsum(np.append(False, ~linked)[:count])
    bonds = _bonds(backbone, linked, proline)
    code = np.full(count, COIL)
    _set_sheets(code, _merged(_ladders(_bridges(bonds, linked)), segment))
    _set_helices(code, bonds, segment)
    return code


@dataclass(frozen=True)
class _Bonds:
    """Hydrogen bonds from the N-H of `donor` (k,) to the C=O of `acceptor` (k,), residues of `count`."""

    donor: np.ndarray
    acceptor: np.ndarray
    count: int

    def has(self, donor: np.ndarray, acceptor: np.ndarray) -> np.ndarray:
        """True where there is a bond; indices from 0 to count - 1."""
        return np.isin(donor * self.count + acceptor, self.donor * self.count + self.acceptor)


def _bonds(backbone: np.ndarray, linked: np.ndarray, proline: np.ndarray) -> _Bonds:
    """The bonds; each N-H has two at most, its strongest."""
    n, ca, c, o = backbone.swapaxes(0, 1)
    second = np.flatnonzero(linked) + 1
    hydrogen = np.full_like(n, np.nan)
    hydrogen[second] = n[second] + _unit(c[second - 1] - o[second - 1])  # 1 Å from N, against the C=O before it
    hydrogen[proline] = np.nan
    pairs = cKDTree(ca).query_pairs(_NEIGHBOURS, output_type="ndarray") if len(ca) else np.empty((0, 2), dtype=int)
    donor, acceptor = np.concatenate([pairs, pairs[:, ::-1]]).T.astype(np.int64)
    able = np.isfinite(hydrogen[donor, 0]) & (donor != acceptor + 1)
    donor, acceptor = donor[able], acceptor[able]
    energy = _energy(n[donor], hydrogen[donor], c[acceptor], o[acceptor])
    strong = energy < _BONDED
    donor, acceptor, energy = donor[strong], acceptor[strong], energy[strong]
    order = np.lexsort((energy, donor))
    donor, acceptor = donor[order], acceptor[order]
    third = np.append([False, False], donor[2:] == donor[:-2])[: len(donor)]  # or later, of its donor
    return _Bonds(donor[~third], acceptor[~third], len(backbone))


def _energy(n: np.ndarray, h: np.ndarray, c: np.ndarray, o: np.ndarray) -> np.ndarray:
    """Energies (k,) in kcal/mol between the groups N-H and C=O at these places (k, 3), to DSSP's three decimals."""
    on, ch, oh, cn = (np.linalg.norm(a - b, axis=1) for a, b in ((o, n), (c, h), (o, h), (c, n)))
    closest = np.minimum.reduce([on, ch, oh, cn])
    with np.errstate(divide="ignore", invalid="ignore"):
        energy = np.round(_CHARGES * (1 / on + 1 / ch - 1 / oh - 1 / cn), 3)
    return np.where(closest < 0.5, _CLASH, np.maximum(energy, _CLASH))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def _bridges(bonds: _Bonds, linked: np.ndarray) -> np.ndarray:
    """Bridges (b, 3): residues i < j, and 1 where they are antiparallel; in the order of i, then j."""
    donor, acceptor, count = bonds.donor, bonds.acceptor, bonds.count
    inner = np.zeros(count + 1, dtype=bool)  # with both neighbours; index -1 and count are outside
    inner[1 : count - 1] = linked[:-1] & linked[1:]
    found = []
    # each pattern has two bonds: one is given, the other is looked up
    for i, j, other, antiparallel in (
        (donor - 1, acceptor, (acceptor, donor - 2), 0),  # i + 1 to j, j to i - 1
        (donor - 1, acceptor + 1, (acceptor + 2, donor - 2), 1),  # i + 1 to j - 1, j + 1 to i - 1
        (donor, acceptor, (acceptor, donor), 1),  # i to j, j to i
    ):
        possible = inner[i] & inner[j] & (np.abs(i - j) >= 3)
        possible[possible] = bonds.has(other[0][possible], other[1][possible])
        low, high = np.minimum(i, j)[possible], np.maximum(i, j)[possible]
        found.append(np.stack([low, high, np.full_like(low, antiparallel)], axis=1))
    each = np.unique(np.concatenate(found), axis=0)
    again = np.append(False, np.all(each[1:, :2] == each[:-1, :2], axis=1))[: len(each)]
    return each[~again]  # a pair of both kinds counts as parallel


@dataclass
class _Ladder:
    """Bridges in a row, from residue `i[0]` to `i[1]` on one strand and `j[0]` to `j[1]`, all upwards, on the other."""

    antiparallel: int
    i: list[int]
    j: list[int]
    bridges: int = 1


def _ladders(bridges: np.ndarray) -> list[_Ladder]:
    """Rows of neighbouring bridges of one kind, in the order of their first residue."""
    ladders: list[_Ladder] = []
    ends: dict[tuple[int, int, int], _Ladder] = {}
    for i, j, antiparallel in bridges.tolist():
        before = ends.pop((antiparallel, i - 1, j + 1 if antiparallel else j - 1), None)
        ladder = before or _Ladder(antiparallel, [i, i], [j, j])
        if before:
            ladder.i[1] = i
            ladder.j[0 if antiparallel else 1] = j
            ladder.bridges += 1
        else:
            ladders.append(ladder)
        ends[antiparallel, i, j] = ladder
    return ladders


def _merged(ladders: list[_Ladder], segment: np.ndarray) -> list[_Ladder]:
    """Ladders joined across bulges: at most one more residue on one strand, four on the other."""
    gone: set[int] = set()
    for at, ladder in enumerate(ladders):
        if at in gone:
            continue
        for later in range(at + 1, len(ladders)):
            following = ladders[later]
            if following.i[0] - ladder.i[1] >= 6:
                break
            if later not in gone and _bulge_between(ladder, following, segment):
                ladder.i[1] = max(ladder.i[1], following.i[1])
                ladder.j = [min(ladder.j[0], following.j[0]), max(ladder.j[1], following.j[1])]
                ladder.bridges += following.bridges
                gone.add(later)
    return [ladder for at, ladder in enumerate(ladders) if at not in gone]


def _bulge_between(one: _Ladder, two: _Ladder, segment: np.ndarray) -> bool:
    i_gap = two.i[0] - one.i[1]
    j_gap = one.j[0] - two.j[1] if one.antiparallel else two.j[0] - one.j[1]
    if one.antiparallel != two.antiparallel or i_gap <= 0 or j_gap < 0:
        return False
    unbroken = (
        segment[one.i[0]] == segment[two.i[1]] and segment[min(one.j[0], two.j[0])] == segment[max(one.j[1], two.j[1])]
    )
    return bool(unbroken) and ((j_gap < 6 and i_gap < 3) or j_gap < 3)


def _set_sheets(code: np.ndarray, ladders: list[_Ladder]) -> None:
    for ladder in ladders:
        for first, last in (ladder.i, ladder.j):
            strand = code[first : last + 1]
            strand[strand != "E"] = "E" if ladder.bridges > 1 else "B"


def _set_helices(code: np.ndarray, bonds: _Bonds, segment: np.ndarray) -> None:
    """Two turns in a row make a helix; α goes before sheets, the others give way to what is there."""
    for letter, turn, over in (("H", 4, None), ("G", 3, "-G"), ("I", 5, "-IH")):
        turns = np.zeros(bonds.count, dtype=bool)
        of_turn = (bonds.donor - bonds.acceptor == turn) & (segment[bonds.donor] == segment[bonds.acceptor])
        turns[bonds.acceptor[of_turn]] = True
        first = np.flatnonzero(turns[1:] & turns[:-1]) + 1
        windows = first[:, None] + np.arange(turn)
        if over is not None:
            windows = windows[np.isin(code[windows], list(over)).all(axis=1)]
        code[windows] = letter
