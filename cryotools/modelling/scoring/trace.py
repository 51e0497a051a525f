"""The Cα trace of a model: its amino acids in chain order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cryotools.core.errors import DataError
from cryotools.core.structures.residues import Residues, traced_links
from cryotools.core.structures.structure import PROTEIN


@dataclass(frozen=True)
class ModelTrace:
    """The n amino acids of a model that have a Cα, as they follow in the file.

    Attributes
    ----------
    ca : float64 (n, 3), Å
    letters, chain : str (n,); X is an unknown amino acid
    before, after : int (n,), the residues bonded to it, -1 if there is none
    row : int (n,), its index among the structure's `Residues`
    """

    ca: np.ndarray
    letters: np.ndarray
    chain: np.ndarray
    before: np.ndarray
    after: np.ndarray
    row: np.ndarray

    def __len__(self) -> int:
        return len(self.ca)

    @property
    def piece(self) -> np.ndarray:
        """The number of the unbroken piece of chain that each residue is in, int (n,)."""
        return np.cumsum(self.before < 0) - 1

    def chains(self) -> dict[str, np.ndarray]:
        """The residues of each chain by its name, int (k,)."""
        names = dict.fromkeys(self.chain.tolist())
        return {name: np.flatnonzero(self.chain == name) for name in names}


def model_trace(residues: Residues, name: str) -> ModelTrace:
    """The amino acids of `residues`, of the structure called `name`, that have a Cα.

    Raises
    ------
    DataError
        There is none.
    """
    at = np.flatnonzero((residues.kind == PROTEIN) & np.isfinite(residues.ca).all(axis=1))
    if not len(at):
        what = "nucleotides only" if len(residues) else "no amino acid"
        raise DataError(f"{name}: has no CA atoms ({what}); give the model of a protein")
    linked = traced_links(residues, at)
    after = np.where(linked, np.arange(len(at)) + 1, -1)
    before = np.append(-1, np.where(linked, np.arange(len(at)), -1)[:-1])
    return ModelTrace(residues.ca[at], residues.letters[at], residues.chain[at], before, after, at)
