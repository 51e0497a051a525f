"""Check a model against a map, residue by residue: which look misplaced, out of register or reversed?

As in DAQ (G. Terashi et al., Nat. Methods 19, 1116, 2022), a residue's score is the log-odds of its type in the density
at its place, against the map's mean, averaged over nine residues on either side; here it is seen in the residue's own
frame, and stretches that fit better in another way are told by their significance (`anchors.register`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import softmax

from cryotools.anchors.detected import Detection
from cryotools.anchors.labels import AMINO_ACIDS
from cryotools.anchors.network import NONE
from cryotools.anchors.placement import log_odds_of_types
from cryotools.anchors.predict import AnchorDetector, direction_odds
from cryotools.anchors.register import FARTHEST, SHIFTED, SHIFTS, Mismatch, RegisterScores, register_scores
from cryotools.anchors.types import types_at
from cryotools.core.errors import DataError
from cryotools.core.files.output import write_text
from cryotools.core.files.table import csv_text
from cryotools.core.maps.prepare import prepare_map
from cryotools.core.structures.residues import find_residues, traced_links
from cryotools.core.structures.structure import PROTEIN, Structure
from cryotools.core.structures.write import cif_text, pdb_text

FITS, UNSEEN, UNKNOWN_FIT = "fits", "unseen", "unknown"  # verdicts beside the kinds of mismatches
CHECK_COLUMNS = (
    *("chain", "residue_number", "insertion_code", "residue", "score", "presence"),
    *("best_shift", "shift_gain", "verdict"),
)
CHECK_REMARKS = (
    "A model checked against a map by detect-anchors of cryotools.",
    "B factors are score x 100: log-odds in nats of a residue's type at its place, averaged over 19 residues.",
)
_NEAR = 3.0  # Å from a residue found in the map, as its presence is calibrated
_UNSEEN = 0.15  # presence below which there seems to be no residue
_B_RANGE = (-99.99, 999.99)  # of a PDB file's column


@dataclass(frozen=True)
class ModelCheck:
    """The n amino acids of the first model of a structure, checked against a map.

    Attributes
    ----------
    chain, residue_number, insertion_code, residue_name : as in `Structure`, (n,)
    of_atom : int, for each atom of the structure its row here, -1 for others
    register : their scores, and the stretches that fit better in another way
    presence : float64 (n,), the probability that a Cα is near each one's
    """

    chain: np.ndarray
    residue_number: np.ndarray
    insertion_code: np.ndarray
    residue_name: np.ndarray
    of_atom: np.ndarray
    register: RegisterScores
    presence: np.ndarray

    def __len__(self) -> int:
        return len(self.presence)

    @property
    def mismatches(self) -> list[Mismatch]:
        """The stretches that fit significantly better in another way, in chain order."""
        return self.register.mismatches

    @property
    def verdicts(self) -> np.ndarray:
        """For each residue the kind of mismatch it is in, else UNSEEN if no residue is found near it, FITS, or
        UNKNOWN_FIT without a score; str (n,).
        """
        verdict = np.where(self.presence < _UNSEEN, UNSEEN, FITS).astype(object)
        verdict[(verdict == FITS) & np.isnan(self.register.score)] = UNKNOWN_FIT
        for one in self.mismatches:
            verdict[one.begin : one.end] = one.kind
        return verdict.astype(str)

    def counts(self) -> dict[str, int]:
        """The number of residues of each verdict that occurs."""
        return dict(Counter(self.verdicts.tolist()))

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row of CHECK_COLUMNS for each residue. `best_shift` is how much further along the chain the amino acids
        belong that are seen at the residue and its neighbours, and `shift_gain` what this would add to the score.
        """
        shift, gain = self._best_shifts()
        for at, verdict in enumerate(self.verdicts.tolist()):
            yield {
                "chain": str(self.chain[at]),
                "residue_number": int(self.residue_number[at]),
                "insertion_code": str(self.insertion_code[at]),
                "residue": str(self.residue_name[at]),
                "score": float(self.register.score[at]),
                "presence": float(self.presence[at]),
                "best_shift": int(shift[at]),
                "shift_gain": float(gain[at]),
                "verdict": verdict,
            }

    def _best_shifts(self) -> tuple[np.ndarray, np.ndarray]:
        """The shift (n,) that fits best around each residue, that of its stretch if it is in one, and its gain (n,)."""
        gain = self.register.shifted - self.register.score[:, None]
        best = np.where(np.isnan(gain), -np.inf, gain).argmax(axis=1)
        best[np.isnan(gain).all(axis=1)] = FARTHEST  # no shift
        for one in self.mismatches:
            if one.kind == SHIFTED:
                best[one.begin : one.end] = FARTHEST + one.shift
        return SHIFTS[best], gain[np.arange(len(best)), best]


def check_model(detector: AnchorDetector, detection: Detection, structure: Structure) -> ModelCheck:
    """Check the amino acids of the first model of `structure` against a map in which `detector` found `detection`.

    Residues without a Cα are left out. The first and the last one of a chain without gaps have no frame and no
    log-odds of their own, only those of their neighbours.

    Raises
    ------
    DataError
        No amino acid with a Cα lies in the map.
    """
    residues = find_residues(structure)
    protein = (residues.kind == PROTEIN) & np.isfinite(residues.ca).all(axis=1)
    at = np.flatnonzero(protein & (residues.model == residues.model[0])) if len(residues) else np.zeros(0, dtype=int)
    ca = residues.ca[at]
    inside = detection.volume.grid.contains(ca)
    if not inside.any():
        raise DataError(f"{structure.name}: no amino acid lies in the map; check that both have the same origin")
    linked = traced_links(residues, at)
    framed = inside & linked & np.append(False, linked[:-1])
    odds, backward = _seen(detector, detection, ca, np.flatnonzero(framed))
    types = np.array([AMINO_ACIDS.find(letter) for letter in residues.letters[at]])
    row = np.full(len(residues) + 1, -1)
    row[at] = np.arange(len(at))
    return ModelCheck(
        **{key: getattr(residues, key)[at] for key in ("chain", "residue_number", "insertion_code", "residue_name")},
        of_atom=row[residues.of_atom],
        register=register_scores(odds, np.where(types < 0, len(AMINO_ACIDS), types), linked, backward),
        presence=_presence(detection, ca),
    )


def scored_structure(structure: Structure, check: ModelCheck) -> Structure:
    """`structure` with score × 100 in place of B factors, within what a PDB file can hold; 0 for atoms without one."""
    score = np.append(np.nan_to_num(100 * check.register.score), 0.0)
    return replace(structure, b_factor=np.clip(score[check.of_atom], *_B_RANGE).astype(np.float32))


def write_check(path: str, structure: Structure, check: ModelCheck) -> None:
    """Write a table of CHECK_COLUMNS, or, if `path` ends in .pdb or .cif, the structure with its scores as B factors.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix in (".pdb", ".cif"):
        text = pdb_text if suffix == ".pdb" else cif_text
        write_text(path, text(scored_structure(structure, check), CHECK_REMARKS))
    else:
        write_text(path, csv_text(CHECK_COLUMNS, check.rows()))


def _seen(
    detector: AnchorDetector, detection: Detection, ca: np.ndarray, framed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds (n, 20) of amino acids at Cα atoms (n, 3), and nats (n,) in favour of the chain's running backwards; 0
    for residues other than `framed` (k,), whose neighbours are the ones before and after them.
    """
    prepared = prepare_map(detection.volume, detection.resolution, detection.levels).volume
    index = prepared.world_to_index(ca)
    before, here, after = index[framed - 1], index[framed], index[framed + 1]
    logits, reverse = (
        types_at(detector.types, prepared.data, first, here, last, detection.resolution, detector.compute)
        for first, last in ((before, after), (after, before))
    )
    types = softmax(logits[:, :NONE] / detector.types.config.temperature, axis=1)
    mean = np.concatenate([types, detection.residues.types]).mean(axis=0) if len(types) else np.ones(NONE)
    odds, backward = np.zeros((len(ca), NONE)), np.zeros(len(ca))
    odds[framed] = log_odds_of_types(types, mean)[:, :NONE]
    alone = np.full(len(framed), -1)  # each residue for itself
    backward[framed] = -detector.calibration.direction * direction_odds(logits, reverse, alone)
    return odds, backward


def _presence(detection: Detection, ca: np.ndarray) -> np.ndarray:
    """The presence (n,) of the nearest residue found near Cα atoms (n, 3); 0 if there is none."""
    found = detection.residues
    if not len(found):
        return np.zeros(len(ca))
    distance, which = cKDTree(found.ca).query(ca)
    return np.where(distance <= _NEAR, found.presence[which], 0.0)
