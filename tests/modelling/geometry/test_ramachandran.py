"""Ramachandran plots: known regions, classes, and what the table says of the structure it was not made from."""

from __future__ import annotations

import numpy as np
import pytest
from ideal_chains import HELIX, STRAND, chain

from cryotools.core.structures.residues import find_residues
from cryotools.core.structures.structurefile import read_structure
from cryotools.modelling.geometry.ramachandran import (
    ALLOWED,
    CLASSES,
    FAVOURED,
    OUTLIER,
    UNRATED,
    RamachandranTable,
    ramachandran_classes,
    ramachandran_scores,
    ramachandran_table,
)


def _rate(name: str, phi: float, psi: float) -> int:
    scores = ramachandran_scores(find_residues(chain(f"AA{name}AA" if name != "-" else "AAAPA", phi, psi)))
    return int(scores.verdict[2])


@pytest.mark.parametrize(("phi", "psi"), [HELIX, STRAND, (-65, 140)])
def test_helices_strands_and_polyproline_are_favoured(phi, psi):
    assert [_rate(name, phi, psi) for name in "AVI"] == [FAVOURED] * 3


def test_a_left_handed_helix_is_for_glycine_and_no_branched_residue():
    assert _rate("G", 60, 40) == FAVOURED
    assert _rate("A", 60, 40) == FAVOURED
    assert _rate("V", 60, 40) != FAVOURED


@pytest.mark.parametrize(("phi", "psi"), [(0, 0), (120, 60), (150, -20), (0, 90)])
def test_where_atoms_overlap_is_an_outlier(phi, psi):
    assert _rate("A", phi, psi) == OUTLIER
    assert _rate("V", phi, psi) == OUTLIER


def test_positive_phi_is_an_outlier_for_proline_alone_and_usual_for_glycine():
    assert _rate("P", 70, 30) == OUTLIER
    assert _rate("G", 85, 5) == FAVOURED
    assert _rate("G", 100, -170) == FAVOURED


def test_classes_go_by_the_residue_the_next_one_and_the_peptide_bond():
    residues = find_residues(chain("AGPIPVA"))
    names = [CLASSES[kind] if kind >= 0 else "" for kind in ramachandran_classes(residues)]
    assert names == ["", "glycine", "trans-proline", "before proline", "trans-proline", "Ile or Val", ""]
    cis = find_residues(chain("AAPAA", *STRAND, omega=0.0))
    assert CLASSES[ramachandran_classes(cis)[2]] == "cis-proline"


def test_ends_of_chains_are_not_rated():
    scores = ramachandran_scores(find_residues(chain("AAAA")))
    assert scores.verdict.tolist() == [UNRATED, FAVOURED, FAVOURED, UNRATED]
    assert np.isnan(scores.log_density[[0, 3]]).all()
    assert scores.share(FAVOURED) == 1


def test_the_densities_are_densities():
    table = ramachandran_table()
    total = np.exp(table.values.astype(float)).sum(axis=(1, 2)) * 4.0**2
    assert total == pytest.approx(1, abs=0.02)
    assert np.all(table.favoured > table.outlier)


def test_the_plot_is_continuous_across_180_degrees():
    table = ramachandran_table()
    psi = np.linspace(-180, 180, 90)
    every = np.zeros(90, dtype=int)
    below, above = (table.log_density(every, np.full(90, phi), psi) for phi in (179.999, -179.999))
    assert below == pytest.approx(above, abs=1e-3)


def test_points_of_the_table_have_its_values(tmp_path):
    rng = np.random.default_rng(0)
    table = RamachandranTable(rng.uniform(-15, -6, (6, 90, 90)).astype(np.float32), np.zeros(6), np.zeros(6))
    i, j, kind = (rng.integers(0, top, 50) for top in (90, 90, 6))
    assert table.log_density(kind, -178.0 + 4 * i, -178.0 + 4 * j) == pytest.approx(table.values[kind, i, j], abs=1e-4)
    table.write(tmp_path / "table.npz")
    stored = np.load(tmp_path / "table.npz")["values"]
    assert -18 + 0.05 * stored == pytest.approx(table.values, abs=0.026)


def test_trypsin_is_rated_as_by_ramalyze(trypsin):
    # cctbx 2025.11: 214 favoured, 7 allowed, none an outlier
    scores = ramachandran_scores(find_residues(read_structure(trypsin)))
    counts = np.bincount(scores.verdict, minlength=4)
    assert counts[[OUTLIER, ALLOWED, FAVOURED]].sum() == 221
    assert counts[OUTLIER] == 0
    assert abs(counts[FAVOURED] - 214) <= 2
