"""An atomic model as arrays, one entry per atom.

`read_structure` is in `core.structures.structurefile`, the selection language in `core.structures.selection`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from cryotools.core.errors import DataError

LIGAND, PROTEIN, NUCLEIC, WATER = range(4)
KIND_NAMES = ("ligand", "protein", "nucleic acid", "water")

_HASHED = 64  # number of atoms whose elements enter the hash


@dataclass(frozen=True, eq=False, repr=False)
class Structure:
    """Atoms as parallel arrays of length n, not to be modified in place.

    Two structures are equal if all their arrays are (NaN equals NaN); `name` is not compared.

    Attributes
    ----------
    xyz : float64 (n, 3), Å
    element : uint8 (n,), atomic number; deuterium is 1
    atom_name, residue_name, chain : str (n,), without padding; a blank chain is ''
    residue_number : int32 (n,)
    insertion_code, altloc : str (n,), '' if there is none
    occupancy, b_factor : float32 (n,); b_factor in Å². Occupancies are as in the file, even if negative or
        NaN: `usable_occupancy` checks them
    hetero : bool (n,), recorded as HETATM
    kind : uint8 (n,), one of LIGAND, PROTEIN, NUCLEIC, WATER; ions are ligands, modified
        residues of a polymer belong to the polymer
    model : int32 (n,), model number as in the file
    name : str, source of the structure, for messages
    """

    xyz: np.ndarray
    element: np.ndarray
    atom_name: np.ndarray
    residue_name: np.ndarray
    chain: np.ndarray
    residue_number: np.ndarray
    insertion_code: np.ndarray
    altloc: np.ndarray
    occupancy: np.ndarray
    b_factor: np.ndarray
    hetero: np.ndarray
    kind: np.ndarray
    model: np.ndarray
    name: str = ""

    def __len__(self) -> int:
        return len(self.xyz)

    def __repr__(self) -> str:
        counts = np.bincount(self.kind, minlength=len(KIND_NAMES))
        kinds = ", ".join(f"{n} of {name}" for n, name in zip(counts, KIND_NAMES, strict=True) if n)
        return f"<Structure {self.name or 'without a name'}: {len(self)} atoms{f' ({kinds})' if kinds else ''}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Structure):
            return NotImplemented
        return self is other or all(_same(getattr(self, key), getattr(other, key)) for key in ATOM_FIELDS)

    def __hash__(self) -> int:
        return hash((len(self), *self.element[:: max(1, len(self) // _HASHED)].tolist()))

    def __getitem__(self, which: np.ndarray) -> Structure:
        """The atoms selected by a mask, an index array or a slice, in that order."""
        return replace(self, **{key: getattr(self, key)[which] for key in ATOM_FIELDS})

    def with_xyz(self, xyz: np.ndarray) -> Structure:
        """The same atoms at other positions `(n, 3)`, Å."""
        return replace(self, xyz=np.asarray(xyz, dtype=np.float64).reshape(len(self), 3))

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest coordinates `(3,)`, Å."""
        return self.xyz.min(axis=0), self.xyz.max(axis=0)

    def atom_words(self, at: int) -> str:
        """Description of atom `at` for messages: `atom CA of ALA A17`."""
        return f"atom {self.atom_name[at]} of {self.residue_name[at]} {self.chain[at]}{self.residue_number[at]}"

    def usable_occupancy(self) -> np.ndarray:
        """`occupancy` as float64 (n,), for callers that weight atoms by it.

        Raises
        ------
        DataError
            An occupancy is negative or not a number, which reading accepts because few functions use it.
        """
        bad = np.flatnonzero(~(self.occupancy >= 0))
        if len(bad):
            more = f" ({len(bad)} atoms in all)" if len(bad) > 1 else ""
            raise DataError(
                f"{self.name}: {self.atom_words(int(bad[0]))} has no occupancy or a negative one{more}; "
                "correct the occupancies, or ignore them with `occupancy=False`"
            )
        return self.occupancy.astype(np.float64)

    def residue_index(self) -> np.ndarray:
        """Residue index of each atom, int (n,), counted from 0 in file order.

        Consecutive copies of a residue, as in an assembly, are distinguished by their first atom.
        """
        keys = (self.model, self.chain, self.residue_number, self.insertion_code)
        starts = np.zeros(len(self), dtype=bool)
        for key in keys:
            starts[1:] |= key[1:] != key[:-1]
        starts[:1] = True
        first = np.maximum.accumulate(np.where(starts, np.arange(len(self)), 0))
        starts |= (self.atom_name == self.atom_name[first]) & (self.altloc == self.altloc[first])
        return np.cumsum(starts) - 1

    def most_occupied(self) -> np.ndarray:
        """Mask (n,) of the atoms without alternate locations, and of the most occupied one of each of the others."""
        residue, each = self.residue_index(), np.arange(len(self))
        order = np.lexsort((each, -self.occupancy, self.atom_name, residue))
        residue, name = residue[order], self.atom_name[order]
        mask = np.zeros(len(self), dtype=bool)
        mask[order[np.append(True, (residue[1:] != residue[:-1]) | (name[1:] != name[:-1]))[: len(self)]]] = True
        return mask


ATOM_FIELDS = tuple(field.name for field in fields(Structure) if field.name != "name")


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays hold the same values."""
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f")


def concatenate(parts: list[Structure]) -> Structure:
    """All atoms of `parts`, one after another; the name is that of the first part."""
    return Structure(
        **{key: np.concatenate([getattr(p, key) for p in parts]) for key in ATOM_FIELDS}, name=parts[0].name
    )
