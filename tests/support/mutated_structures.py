"""Homologs made from one structure: a share of its residues changed, as a backbone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np

from cryotools.core.files.output import write_text
from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.core.structures.structurefile import read_structure
from cryotools.core.structures.write import cif_text, pdb_text

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def _name(letter: str) -> str:
    return gemmi.expand_one_letter(letter, gemmi.ResidueKind.AA)


def backbone(path: Path) -> Structure:
    """N, CA, C and O of the proteins of a structure."""
    structure = read_structure(path)
    return structure[(structure.kind == PROTEIN) & np.isin(structure.atom_name, ["N", "CA", "C", "O"])]


def mutated(structure: Structure, share: float, seed: int = 0) -> Structure:
    """`structure` with so large a share of its residues changed to others."""
    rng = np.random.default_rng(seed)
    residues = find_residues(structure)
    names = residues.residue_name.copy()
    for at in rng.permutation(len(names))[: round(share * len(names))]:
        names[at] = rng.choice([name for name in map(_name, LETTERS) if name != names[at]])
    return replace(structure, residue_name=names[residues.of_atom])


def sequence(structure: Structure) -> str:
    return next(iter(find_residues(structure).sequences().values()))


def shuffled(letters: str, seed: int = 0) -> str:
    return "".join(np.random.default_rng(seed).permutation(list(letters)))


def renamed(structure: Structure, letters: str) -> Structure:
    """`structure` with the sequence `letters`."""
    names = np.array([_name(letter) for letter in letters])
    return replace(structure, residue_name=names[find_residues(structure).of_atom])


def homolog_database(folder: Path, source: Path) -> str:
    """A folder of structures related to `source` and others, one of them damaged; returns the sequence of `source`.

    twin has its sequence, near.cif seven tenths of it, far.pdb.gz half, part.cif its residues 81 to 180; other.cif the
    same letters in another order.
    """
    folder.mkdir()
    whole = backbone(source)
    letters = sequence(whole)
    residue = find_residues(whole).of_atom
    write_text(folder / "twin.cif", cif_text(whole))
    write_text(folder / "near.cif", cif_text(mutated(whole, 0.3)))
    write_text(folder / "far.pdb.gz", pdb_text(mutated(whole, 0.5, seed=1)))
    write_text(folder / "part.cif", cif_text(mutated(whole[(residue >= 80) & (residue < 180)], 0.2, seed=2)))
    write_text(folder / "other.cif", cif_text(renamed(whole, shuffled(letters))))
    (folder / "damaged.pdb").write_text("ATOM      1  CA  ALA A   1      11.104   6.134\n")
    return letters
